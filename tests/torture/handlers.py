"""Programs with handlers of their own: cases 44-59, 70, 91."""
import building
from row import has_tool, row

FAULT = {"signal": "SIGSEGV", "code": "SEGV_MAPERR", "address": 0}
CALLED = {**FAULT, "top": ["fault"], "at": {"fault": "fault"}}


def handlers(number, name, what, dies="SIGSEGV, core", **more):
    row(number, name, what, program="handlers", dies=dies, **more)


handlers(44, "recovered", "mprotect and SIGSEGV as a write barrier, 200,000 times", dies="exit 0", reports=0)
handlers(44, "recovered_then_dies", "20,000 recovered faults, then a real one", expect={**CALLED, "frames": ["recovered_then_dies", "main"]})
handlers(44, "jumped", "20,000 faults left by siglongjmp", dies="exit 0", reports=0)
handlers(44, "recovered_then_exits", "a recovered fault, then exit(3)", dies="exit 3", reports=0)
handlers(44, "longjmp_then_dies", "a recovered fault, then another that nobody handles",
         expect={"signal": "SIGSEGV", "address": 0x1000, "top": ["longjmp_then_dies", "main"], "at": {"longjmp_then_dies": "longjmp_then_dies"}})


def with_early(what):
    """A library whose constructor runs before ours: it is loaded behind ours, and nothing depends on either."""
    def command(lab, path):
        library = building.library("early", "-O0")
        return [building.make("everyday", "-O0", "-Wl,--no-as-needed", library), what]
    return command


handlers(46, "before_ours", "handler installed by another library's constructor", command=with_early("null_write"), environment={"TORTURE_EARLY": "handler"},
         expect={**FAULT, "top": ["null_write", "main"]})
handlers(47, "own_then_default", "handler installed in main: it sees what it sees without us", expect={**CALLED, "frames": ["die", "own_then_default", "main"]})
handlers(47, "on_own_stack", "its handler on its alternate stack", expect=CALLED)
handlers(47, "on_no_stack", "SA_ONSTACK without an alternate stack: it stays on the stack", expect=CALLED)
handlers(48, "replaced", "handler replaced ten times", expect=CALLED)
handlers(49, "exits", "handler prints and _exit(1)", dies="exit 1", watched=True, expect={**CALLED, "ended": ("exit", 1), "text": "exit"})
handlers(49, "aborts", "handler calls abort(): SIGSEGV is the root", dies="SIGABRT, core", expect=CALLED)
handlers(50, "reset", "SA_RESETHAND", expect=CALLED)
handlers(50, "reset_seen", "SA_RESETHAND, as the handler reads it back", expect=CALLED)
handlers(51, "reraises", "handler sets SIG_DFL and raises", expect=CALLED)
handlers(52, "saved", "signal() saves, restores, saves again", expect=CALLED)
handlers(53, "recursive", "SA_NODEFER: the handler faults, four times", expect=FAULT)
handlers(54, "clean", "nothing of us can be read back", dies="exit 0", reports=0)
handlers(55, "ignored", "SIGSEGV ignored, then a real fault", watched=True, expect={"signal": "SIGSEGV", "is_bare": True})
handlers(55, "ignored_abort", "SIGABRT ignored, then abort()", dies="SIGABRT, core", watched=True, expect={"signal": "SIGABRT", "is_bare": True})
handlers(55, "blocked", "SIGSEGV blocked: the kernel kills without a handler", watched=True, expect={"signal": "SIGSEGV", "is_bare": True})
handlers(56, "by_system_call", "rt_sigaction past the library", watched=True, expect={"signal": "SIGSEGV", "is_bare": True})
handlers(57, "endless", "handler that returns: faults for ever", dies="endless", runs_for=1.0, may_differ=("cores",), reports=range(0, 2))
handlers(57, "abort_handler_returns", "SIGABRT handler that returns: abort() kills all the same", dies="SIGABRT, core", watched=True,
         expect={"signal": "SIGABRT", "frames": ["abort_handler_returns", "main"]})
handlers(57, "abort_jumped", "abort() left by siglongjmp 100 times", dies="exit 0", reports=0)
handlers(59, "strace", "under strace: it sees the signal twice, as it is sent again; it ends by the same signal itself, which is another report", dies="SIGSEGV", needs=has_tool("strace"), volatile=[r"\d{5,}", r"0x[0-9a-f]{5,}"],
         command=lambda lab, path: ["strace", "-qq", "-e", "trace=none", building.make("everyday", "-O0"), "null_write"], may_differ=("cores", "stderr"), reports=2,
         expect={**FAULT, "top": ["null_write", "main"]})
handlers(59, "gdb", "under gdb: it stops at the same place", dies="exit 0", needs=has_tool("gdb"), reports=0,
         volatile=[r"0x[0-9a-f]{6,}", r"process \d+", r"(?m)^.*(libthread_db|debuginfod|warning: ).*\n"], may_differ=("children left behind",),
         command=lambda lab, path: ["gdb", "-nx", "-batch", "-ex", "set startup-with-shell off", "-ex", "run", "-ex", "bt", "-ex", "p $_siginfo.si_signo",
                                    "-ex", "kill", "--args", building.make("everyday", "-O0"), "null_write"])
handlers(59, "asan", "an ASan program: its text, its exit status", dies="exit 1", volatile=[r"==\d+==", r"0x[0-9a-f]+", r"\b(pid|T)\d+"],
         command=lambda lab, path: [building.make("everyday", "-O0", "-fsanitize=address"), "null_write"], reports=range(0, 2),
         environment={"ASAN_OPTIONS": "verify_asan_link_order=0"})
handlers(59, "valgrind", "under valgrind: its text", dies=("SIGSEGV", "SIGSEGV, core"), needs=has_tool("valgrind"), may_differ=("cores", "files"), reports=range(0, 2),
         volatile=[r"==\d+==", r"0x[0-9A-Fa-f]+", r"\d[\d,]* (bytes|blocks|allocs|frees)", r"vgcore\.\d+", r"[\d,]+ allocs"], seconds=60,
         command=lambda lab, path: ["valgrind", "-q", building.make("everyday", "-O0"), "null_write"])
handlers(70, "alternate_overflow", "the handler overflows its alternate stack", watched=True, expect={"signal": "SIGSEGV"})
handlers(91, "under_two_handlers", "fault in a handler in a handler, on an alternate stack",
         expect={**CALLED, "frames": ["two_frames", "two_frames", "under_two_handlers", "main"]})
