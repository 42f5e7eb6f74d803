"""Everyday deaths of C programs: cases 1-19."""
from row import row


def everyday(number, name, what, dies, **more):
    row(number, name, what, program="everyday", dies=dies, **more)


everyday(1, "null_write", "write through NULL in main", "SIGSEGV, core", detect=True,
         expect={"signal": "SIGSEGV", "code": "SEGV_MAPERR", "address": 0, "reason": ["null pointer", "writ"], "top": ["null_write", "main"],
                 "at": {"null_write": "null_write"}, "text": r"null_write.*everyday\.c", "ended": ("signal", 11)})
everyday(1, "null_offset", "read of a field of NULL", "SIGSEGV, core",
         expect={"signal": "SIGSEGV", "code": "SEGV_MAPERR", "address": 304, "reason": ["null pointer", "0x130|304"], "top": ["null_offset", "main"],
                 "at": {"null_offset": "null_offset"}})
row(2, "inlined", "the same through three inlined functions, -O2", program="optimised", flags=["-O2"], dies="SIGSEGV, core", detect=True,
    expect={"signal": "SIGSEGV", "code": "SEGV_MAPERR", "address": 8, "top": ["third", "second", "first", "inlined", "main"],
            "at": {"third": "third", "second": "second", "first": "first", "inlined": "inlined"}},
    also=lambda lab, runs, found: lab.check([f.get("inlined") for f in found[0].frames[:4]] == [True, True, True, False] if found else True,
                                            f"inlined: {[f.get('inlined') for f in found[0].frames[:4]] if found else None}"))
everyday(7, "do_abort", "abort()", "SIGABRT, core", detect=True,
         expect={"signal": "SIGABRT", "code": "SI_TKILL", "top": ["do_abort", "main"], "own": False, "at": {"do_abort": "do_abort"},
                 "text": r"\A[^\n]*do_abort"})
everyday(8, "do_assert", "assert()", "SIGABRT, core",
         expect={"signal": "SIGABRT", "message": [r"answer == 42", r"everyday\.c", "do_assert"], "top": ["do_assert", "main"], "own": False,
                 "at": {"do_assert": "do_assert"}, "text": r"\A[^\n]*do_assert"})
everyday(9, "double_free", "double free, named by glibc", "SIGABRT, core",
         expect={"signal": "SIGABRT", "message": "double free", "frames": ["double_free", "main"], "at": {"double_free": "double_free"},
                 "text": r"\A[^\n]*double_free"})
everyday(9, "corrupted_top", "malloc(): corrupted top size", "SIGABRT, core",
         expect={"signal": "SIGABRT", "message": "corrupted top size", "frames": ["corrupted_top", "main"]})
row(10, "smash", "stack smashing", program="optimised", flags=["-O2", "-fstack-protector-all"], dies="SIGABRT, core",
    expect={"signal": "SIGABRT", "message": "stack smashing", "frames": ["smash"]})
row(11, "fortify", "a buffer overflow that FORTIFY stops", program="optimised", flags=["-O2", "-D_FORTIFY_SOURCE=2"], dies="SIGABRT, core",
    expect={"signal": "SIGABRT", "message": "buffer overflow", "frames": ["fortify", "main"]})
everyday(12, "divide", "division by zero", "SIGFPE, core", detect=True,
         expect={"signal": "SIGFPE", "code": "FPE_INTDIV", "reason": "divi", "top": ["divide", "main"], "at": {"divide": "divide"}})
everyday(13, "trap", "__builtin_trap()", "SIGILL, core", detect=True,
         expect={"signal": "SIGILL", "code": "ILL_ILLOPN", "top": ["trap", "main"], "at": {"trap": "trap"}})
everyday(14, "breakpoint", "int3: the trap's line, not the next", "SIGTRAP, core",
         expect={"signal": "SIGTRAP", "top": ["breakpoint", "main"], "at": {"breakpoint": "breakpoint"}})
everyday(15, "truncated", "a mapping behind its file's end", "SIGBUS, core", volatile=[r"#\d+"],
         expect={"signal": "SIGBUS", "code": "BUS_ADRERR", "top": ["truncated", "main"], "at": {"truncated": "truncated"}})
everyday(15, "too_long", "RLIMIT_CPU", "SIGXCPU, core", seconds=30, volatile=[r"\+0x[0-9a-f]+"], expect={"signal": "SIGXCPU", "frames": ["too_long", "main"]})
everyday(15, "too_big", "RLIMIT_FSIZE (which holds for the core, too)", ("SIGXFSZ", "SIGXFSZ, core"), watched=True,
         expect={"signal": "SIGXFSZ", "frames": ["too_big", "main"], "at": {"too_big": "too_big"}})
everyday(15, "quit", "SIGQUIT: not ours unless asked for", "SIGQUIT, core", reports=range(0, 1))
everyday(16, "write_constant", "write to .rodata", "SIGSEGV, core",
         expect={"signal": "SIGSEGV", "code": "SEGV_ACCERR", "reason": ["writ", "read-only"], "top": ["write_constant", "main"],
                 "at": {"write_constant": "write_constant"}})
everyday(16, "call_heap", "a call of data", "SIGSEGV, core",
         expect={"signal": "SIGSEGV", "code": "SEGV_ACCERR", "reason": "execut", "frames": ["call_heap", "main"], "at": {"call_heap": "call_heap"}})
everyday(16, "unmapped", "write to a page that was unmapped", "SIGSEGV, core",
         expect={"signal": "SIGSEGV", "code": "SEGV_MAPERR", "reason": "map", "top": ["unmapped", "main"], "at": {"unmapped": "unmapped"}})
everyday(17, "non_canonical", "non-canonical pointer: general protection, never null", "SIGSEGV, core",
         expect={"signal": "SIGSEGV", "code": "SI_KERNEL", "address": None, "reason": "general protection|non-canonical",
                 "top": ["non_canonical", "main"]},
         also=lambda lab, runs, found: lab.check(not found or "null" not in found[0].json["reason"].lower(), "it says null"))
everyday(18, "raised", "raise(SIGSEGV)", "SIGSEGV, core",
         expect={"signal": "SIGSEGV", "code": "SI_TKILL", "address": None, "reason": "sent", "frames": ["raised", "main"]})
everyday(18, "killed_by_other", "kill() by another process", "SIGSEGV, core",
         expect={"signal": "SIGSEGV", "code": "SI_USER", "address": None, "reason": r"sent by.*\d+", "frames": ["killed_by_other", "main"]})
everyday(18, "queued", "sigqueue() with a value", "SIGBUS, core",
         expect={"signal": "SIGBUS", "code": "SI_QUEUE", "address": None, "reason": ["sent", "4711"], "frames": ["queued", "main"]})
everyday(18, "thread_killed", "tgkill() to one thread", "SIGFPE, core",
         expect={"signal": "SIGFPE", "code": "SI_TKILL", "address": None, "reason": "sent", "frames": ["thread_killed", "main"]})
everyday(19, "seccomp_trap", "seccomp RET_TRAP", "SIGSYS, core", watched=True,
         expect={"signal": "SIGSYS", "code": "SYS_SECCOMP", "reason": "sync|162", "frames": ["seccomp_trap", "main"]})
everyday(19, "seccomp_kill", "seccomp KILL_PROCESS: only the death is seen", ("SIGSYS", "SIGSYS, core"), watched=True,
         expect={"signal": "SIGSYS", "is_bare": True})
