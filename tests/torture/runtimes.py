"""Hosts in other languages (hosts/), whose runtimes have handlers of their own: cases 28-43."""
import os
import re
import shutil
import subprocess
import threading

import building
from row import row

HOSTS = building.here / "hosts"
lock = threading.Lock()
ADDRESSES = [r"0x[0-9a-fA-F]+", r"\b[0-9a-f]{8,16}\b", r"(?i)\bpid[ =:]*\d+", r"goroutine \d+", r"\bm=\d+", r"\bthread \d+", r"\d+\.\d+ ?(ms|s|seconds)", r"\(\d+\)"]


def tool(*names):
    def needs():
        missing = [name for name in names if not find(name)]
        return f"no {missing[0]}" if missing else None
    return needs


def find(name):
    """Debian's python3, not one of a version manager: those are scripts."""
    return f"/usr/bin/{name}" if os.access(f"/usr/bin/{name}", os.X_OK) else shutil.which(name)


def built(target, *command):
    path = building.out / "hosts" / target
    with lock:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            subprocess.run([str(word) for word in command], check=True, cwd=path.parent, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return path


def rust(*options):
    def command(lab, _, deed):
        name = "overflow" + "".join(o[-3:] for o in options)
        return [built(name, find("rustc"), "-g", "-O", *options, "-o", name, HOSTS / "overflow.rs"), deed]
    return command


def go(lab, _, deed):
    folder = building.out / "hosts/cgo.d"
    folder.mkdir(parents=True, exist_ok=True)
    if not building.is_fresh(folder / "cgo.go", [HOSTS / "cgo.go"]):
        shutil.copy(HOSTS / "cgo.go", folder)
        (building.out / "hosts/cgo").unlink(missing_ok=True)
    environment = f"cd {folder} && CGO_ENABLED=1 GOFLAGS=-mod=mod GO111MODULE=off {find('go')} build -o ../cgo cgo.go"
    return [built("cgo", "sh", "-c", environment), deed]


def java(*options):
    def command(lab, _, deed):
        classes = built("java/Faults.class", find("javac"), "-d", building.out / "hosts/java", HOSTS / "Faults.java").parent
        return [find("java"), *options, "-Xmx200m", "-cp", classes, "Faults", deed]
    return command


def script(program, name):
    return lambda lab, _, deed: [find(program), HOSTS / name, deed]


def host(number, name, what, dies, command, tools, deed=None, reports=1, **more):
    deed = deed or name.split("_", 1)[1]
    row(number, name, what, dies=dies, command=lambda lab, path: command(lab, path, deed), needs=tool(*tools), reports=reports,
        volatile=[*ADDRESSES, *more.pop("volatile", ())], seconds=more.pop("seconds", 60), **more)


def check_demangled(lab, runs, found):
    for each in found:
        mangled = [name for name in each.functions() if re.search(r"_ZN|^_R|17h[0-9a-f]{16}|::h[0-9a-f]{16}$", name)]
        lab.check(not mangled, f"not demangled: {mangled}")


ABORT, SEGV = "SIGABRT, core", "SIGSEGV, core"
RUST, GO, JAVA = ["rustc"], ["go", "gcc"], ["java", "javac"]
OVERFLOW = {"text": "stack overflow|recurs", "frames": ["/recurse/"]}

host(28, "rust_unwind", "Rust: a panic in main: exit 101", "exit 101", rust(), RUST, reports=0)
host(28, "rust_caught", "Rust: a panic that is caught", "exit 0", rust(), RUST, reports=0)
for mangling in ("legacy", "v0"):
    host(29, f"rust_abort_{mangling}", f"Rust: abort, {mangling} names", ABORT, rust("-C", f"symbol-mangling-version={mangling}") if mangling == "v0" else rust(), RUST,
         deed="abort", expect={"signal": "SIGABRT", "reason": "called abort", "frames": ["/main/"]})
for mangling in ("legacy", "v0"):
    host(29, f"rust_panic_{mangling}", f"Rust: a panic with panic=abort, {mangling} names", ABORT,
         rust("-C", "panic=abort", *(["-C", "symbol-mangling-version=v0"] if mangling == "v0" else [])), RUST,
         deed="unwind", expect={"signal": "SIGABRT", "reason": "Rust panic", "frames": ["/core::panicking::/", "/index_beyond/", "/main/"]}, also=check_demangled)
host(29, "rust_abort_in_thread", "Rust: abort in a thread", ABORT, rust(), RUST, expect={"signal": "SIGABRT", "reason": "called abort", "threads": 2})
host(30, "rust_main", "Rust: stack overflow in main: 134 and its message, not 139", ABORT, rust(), RUST, expect=OVERFLOW)
host(31, "rust_thread", "Rust: stack overflow in a thread", ABORT, rust(), RUST, expect=OVERFLOW)
host(32, "rust_null", "Rust: a write through a null pointer", SEGV, rust(), RUST, expect={"signal": "SIGSEGV", "frames": ["/write_to_null/"]})
host(33, "go_recovered", "Go: nil dereferences that are recovered", "exit 0", go, GO, reports=0)
host(33, "go_threads", "Go: many threads", "exit 0", go, GO, reports=0)
host(33, "go_signals", "Go: os/signal", "exit 0", go, GO, reports=0)
host(34, "go_nil", "Go: nil dereference: its traceback, exit 2", "exit 2", go, GO, watched=True, may_differ=("stderr",), expect={"signal": "SIGSEGV", "ended": ("exit", 2)},
     also=lambda lab, runs, found: lab.check("nil pointer dereference" in runs[1].stream("stderr"), "Go's traceback"))
host(35, "go_c", "Go: a crash in C: its message, exit 2", "exit 2", go, GO, watched=True, may_differ=("stderr",), expect={"signal": "SIGSEGV", "ended": ("exit", 2)},
     also=lambda lab, runs, found: lab.check(re.search("signal arrived during cgo execution|unexpected signal during runtime execution", runs[1].stream("stderr")), "Go's message"))
host(35, "go_c_thread", "Go: a crash in a thread of C's", SEGV, go, GO, may_differ=("stderr",), expect={"signal": "SIGSEGV"})
host(35, "go_overflow", "Go: its own stack overflow: exit 2, no fault", "exit 2", go, GO, may_differ=("stderr",), reports=0)
host(36, "python_null", "Python: ctypes.string_at(0)", SEGV, script("python3", "faults.py"), ["python3"], expect={"signal": "SIGSEGV", "address": 0, "frames": ["/string_at|strlen|PyCFunc|libffi|Py/"]})
host(36, "python_abort", "Python: os.abort()", ABORT, script("python3", "faults.py"), ["python3"], expect={"signal": "SIGABRT"})
host(37, "python_faulthandler", "Python: faulthandler prints its traceback", SEGV, script("python3", "faults.py"), ["python3"], expect={"signal": "SIGSEGV"})
host(37, "python_faulthandler_thread", "Python: faulthandler, in a thread", SEGV, script("python3", "faults.py"), ["python3"], expect={"signal": "SIGSEGV"},
     volatile=[r'(  File "[^"\n]*threading\.py", line \d+ in \w+\n)+'])  # how far the main thread is in starting it
host(37, "python_thread_overflow", "Python: C stack overflow in a thread", SEGV, script("python3", "faults.py"), ["python3"], volatile=[r"\+0x[0-9a-f]+", "…"],
     watched=True, expect={"signal": "SIGSEGV"})
host(38, "python_pool", "Python: a pool's worker crashes: the parent's BrokenProcessPool", "exit 0", script("python3", "faults.py"), ["python3"], expect={"signal": "SIGSEGV"})
host(38, "python_signals", "Python: its own signals; a shell that kills itself", "exit 0", script("python3", "faults.py"), ["python3"], expect={"signal": "SIGSEGV", "code": "SI_USER"})
for deed in ("registered", "recursion"):
    host(38, f"python_{deed}", f"Python: {deed}", "exit 0", script("python3", "faults.py"), ["python3"], reports=0)
host(39, "java_null_checks", "JVM: implicit null checks", "exit 0", java(), JAVA, reports=0)
host(39, "java_null_checks_xcomp", "JVM: implicit null checks, -Xcomp", "exit 0", java("-Xcomp"), JAVA, deed="null_checks", reports=0)
host(39, "java_overflow", "JVM: StackOverflowError", "exit 0", java(), JAVA, reports=0)
host(39, "java_halt", "JVM: Runtime.halt(3)", "exit 3", java(), JAVA, reports=0)


def has_error_file(lab, runs, found):
    for run in runs:
        lab.check(list(run.directory.glob("hs_err_pid*.log")), f"{run.what}: no hs_err file")


for deed in ("unsafe", "unsafe_in_thread"):
    host(40, f"java_{deed}", "JVM: Unsafe.putInt(8, 1): hs_err file, 134", ABORT, java(), JAVA, may_differ=("files", "stdout", "stderr", "cores"), expect={"signal": "SIGSEGV"},
         also=has_error_file)
host(41, "java_check_jni", "JVM: -Xcheck:jni has nothing to say", "exit 0", java("-Xcheck:jni"), JAVA, deed="null_checks", reports=0)
host(42, "ruby_null", "Ruby: a null pointer: its [BUG] report", ABORT, script("ruby", "faults.rb"), ["ruby"], may_differ=("stderr",), expect={})
host(42, "ruby_abort", "Ruby: abort", ABORT, script("ruby", "faults.rb"), ["ruby"], may_differ=("stderr",), expect={"signal": "SIGABRT"})
for deed in ("overflow", "thread_overflow", "trap"):
    host(42, f"ruby_{deed}", f"Ruby: {deed}", "exit 0", script("ruby", "faults.rb"), ["ruby"], reports=0)
host(42, "ruby_killed", "Ruby: a child is killed by SIGSEGV", "exit 0", script("ruby", "faults.rb"), ["ruby"], may_differ=("stderr",), expect={})
for deed in ("wasm", "overflow", "workers"):
    host(43, f"node_{deed}", f"Node: {deed}", "exit 0", script("node", "faults.js"), ["node"], reports=0)
host(43, "node_abort", "Node: process.abort()", ABORT, script("node", "faults.js"), ["node"], expect={"signal": "SIGABRT"})
host(43, "node_killed", "Node: SIGSEGV from itself", SEGV, script("node", "faults.js"), ["node"], expect={"signal": "SIGSEGV"})
