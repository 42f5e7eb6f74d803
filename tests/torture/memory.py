"""Locks that are held, memory that is ruined: cases 71-90, 93."""
import building
from lab import Path
from row import row

CRASH = {"signal": "SIGSEGV", "code": "SEGV_MAPERR", "address": 0, "top": ["crash"], "at": {"crash": "crash_memory"}}
LIBRARIES = Path("/usr/lib/x86_64-linux-gnu")


def memory(number, name, what, dies="SIGSEGV, core", **more):
    row(number, name, what, program="memory", flags=["-O1"], dies=dies, **more)


def allocator(library, deed):
    """What a row needs whose program has another malloc."""
    path = LIBRARIES / library
    return {"needs": lambda: None if path.exists() else f"no {library}",
            "command": lambda lab, _: [building.make("memory", "-O1", "-Wl,--no-as-needed", path), deed]}


memory(71, "in_malloc", "in malloc, with the arena's lock", expect={"signal": "SIGSEGV", "code": "SEGV_ACCERR", "frames": ["/malloc/", "in_malloc", "main"]})
memory(71, "abort_in_malloc", "malloc's own abort, with the arena's lock", dies="SIGABRT, core",
       expect={"signal": "SIGABRT", "message": r"malloc\(\)", "frames": ["abort_in_malloc", "main"]})
memory(72, "jemalloc", "a jemalloc host", **allocator("libjemalloc.so.2", "holding_stdio"), expect={**CRASH, "frames": ["holding_stdio", "main"]})
memory(72, "tcmalloc", "a tcmalloc host", **allocator("libtcmalloc_minimal.so.4", "holding_stdio"), expect={**CRASH, "frames": ["holding_stdio", "main"]})
memory(72, "in_tcmalloc", "in tcmalloc: its free list was overwritten", **allocator("libtcmalloc_minimal.so.4", "over_free_list"),
       expect={"signal": "SIGSEGV", "address": 16, "frames": ["/malloc/", "over_free_list", "main"]})
memory(73, "in_phdr_callback", "in a callback of dl_iterate_phdr", expect={**CRASH, "frames": ["of_object", "in_phdr_callback", "main"]})
row(74, "ifunc", "in an IFUNC resolver, before constructors", program="ifunc", flags=["-O1", "-Wl,-z,now"], deed="run", dies=("SIGSEGV, core", "SIGSEGV"),
    reports=range(0, 2), has="SIGSEGV if anything")
row(74, "early_start", "in a constructor that runs before main", program="everyday", dies="SIGSEGV, core",
    command=lambda lab, path: [building.make("everyday", "-O0", "-Wl,--no-as-needed", building.library("early", "-O0")), "null_write"],
    environment={"TORTURE_EARLY": "crash"}, reports=range(0, 2), has="SIGSEGV, where ours ran first")
memory(75, "in_atexit", "in an atexit() function", expect={**CRASH, "frames": ["bye", "in_atexit", "main"]})
row(75, "early_end", "in a destructor that runs after ours", program="everyday", dies="SIGSEGV, core",
    command=lambda lab, path: [building.make("memory", "-O1", "-Wl,--no-as-needed", building.library("early", "-O0")), "in_nothing"],
    environment={"TORTURE_EARLY": "destructor"}, expect={"signal": "SIGSEGV", "top": ["early_end"]})
memory(76, "holding_stdio", "holding stdio's locks", expect={**CRASH, "frames": ["holding_stdio", "main"]})
memory(77, "inside_printf", "in a SIGALRM handler inside fprintf()", expect={**CRASH, "frames": ["handler", "/printf/", "inside_printf", "main"]})
memory(79, "heap_ruined", "the whole heap overwritten", expect={**CRASH, "frames": ["heap_ruined", "main"]})
for fill in "A", "\1":
    memory(80, "library_ruined" + ("" if fill == "A" else "_ones"), "our writable data and mapped file overwritten: dies as it should; nothing else is asked", deed="library_ruined",
           arguments=[fill], watched=True, may_differ=("cores",), reports=range(0, 2), has="one, if anything")
memory(81, "stack_ruined", "400 bytes of stack overwritten", expect={**CRASH, "at": {"crash": "crash_memory"}},
       also=lambda lab, runs, found: lab.check(not found or len(found[0].frames) > 1, "nothing was scanned"))
memory(82, "sp_zero", "SP = 0", expect={"signal": "SIGSEGV", "top": ["with_stack_pointer"]})
memory(82, "sp_heap", "SP in the heap", expect={"signal": "SIGSEGV", "top": ["with_stack_pointer"]})
memory(82, "sp_guard", "SP in pages that cannot be read", expect={"signal": "SIGSEGV", "top": ["with_stack_pointer"]})
memory(83, "call_null", "a call through NULL: the caller is found", expect={"signal": "SIGSEGV", "address": 0, "reason": ["null", "call|jump|execut"],
       "frames": ["call", "call_null", "main"], "at": {"call": "call"}})
memory(84, "call_data", "a call into data", expect={"signal": "SIGSEGV", "code": "SEGV_ACCERR", "reason": "execut", "frames": ["call", "call_data", "main"]})
memory(85, "call_unmapped", "a call to where nothing is", expect={"signal": "SIGSEGV", "address": 0x414141414141, "frames": ["call", "call_unmapped", "main"]})
memory(85, "call_wild", "a call to a non-canonical address", expect={"signal": "SIGSEGV", "frames": ["call_wild", "main"]})
memory(86, "closed_library", "a call into a library that was unloaded", arguments=[], expect={"signal": "SIGSEGV", "frames": ["call", "closed_library", "main"]},
       command=lambda lab, path: [path, "closed_library", building.library("replaced", "-O0")])
memory(87, "cyclic_frames", "a frame whose caller is itself: it ends", expect={"signal": "SIGSEGV", "address": 0},
       also=lambda lab, runs, found: lab.check(not found or len(found[0].frames) <= 300, "too many frames"))
memory(89, "jit_page", "code without any information", expect={"signal": "SIGSEGV", "address": 0, "frames": ["call", "jit_page", "main"]})
memory(89, "jit_named", "code that /tmp/perf-PID.map names", expect={"signal": "SIGSEGV", "address": 0, "top": ["torture_jitted"], "frames": ["call", "jit_named", "main"]})
memory(90, "bad_clock", "a bad pointer into the vDSO", expect={"signal": "SIGSEGV", "address": 64, "frames": ["/clock_gettime|vdso/", "bad_clock", "main"]})
memory(90, "bad_copy", "a bad pointer into libc's assembly", volatile=[r"at 0x[0-9a-f]+", r"\+0x[0-9a-f]+"], expect={"signal": "SIGSEGV", "frames": ["/mem(cpy|move)|libc/", "bad_copy", "main"], "at": {"bad_copy": "bad_copy"}})


def two_versions(lab, path):
    """Where both runs begin there is a library, and the program puts another in its place."""
    old, new = building.library("replaced", "-O0"), building.library("replaced", "-O0", "-DOTHER")
    start = f'cp {old} libreplaced.so && exec "$@"'
    return ["sh", "-c", start, "sh", path, "replaced", old, new]


def own_copy(lab, path):
    return ["sh", "-c", f'cp {path} ./copy && exec ./copy deleted']


memory(93, "replaced", "a library replaced on disk while it runs: no wrong names", command=two_versions,
       expect={"signal": "SIGSEGV", "address": 0, "frames": ["replaced", "main"]},
       also=lambda lab, runs, found: lab.check(not found or "other_name" not in str(found[0].functions()), f"names of another file: {found[0].functions()[:3] if found else ''}"))
memory(93, "deleted", "the program's own file deleted", command=own_copy, expect={"signal": "SIGSEGV", "address": 0},
       also=lambda lab, runs, found: lab.check(not found or len(found[0].frames) >= 3, "frames of a deleted program"))
