"""
The C cases for aarch64: cross-built programs and the cross-built library under qemu-user, a native exporter that reads what they leave.

All of a report comes out of the slot: the exporter begins when the program is dead. Of a living one it would see the emulator: its
registers, its mappings, of which none is executable, and another start time than qemu's /proc/self/stat gives the library. What needs
more than the slot is left out, or asked for less, below.
"""
from pathlib import Path

CHAPTERS = ["everyday", "handlers", "threads", "memory", "aarch64"]

TRAMPOLINE = "qemu has no vDSO: the return from a signal handler is in a page of its own, of which nothing is known"
ENDING = "that it died of what it had handled is known of a watched process alone"
LEFT_OUT = {
    "17/non_canonical": "an x86-64 matter; the tagged pointer is 122", "12/divide": "aarch64 divides by zero",
    "19/seccomp_trap": "qemu has no filters", "19/seccomp_kill": "qemu has no filters",
    "59/strace": "of the emulator", "59/gdb": "of the emulator", "59/asan": "not in the private root", "59/valgrind": "of the emulator",
    "60/named_workers": "asks for the other threads", "61/many_threads": "512 threads and their stacks take qemu 16 s", "61/in_d_state": "asks for the other threads",
    "72/jemalloc": "not in the private root", "72/tcmalloc": "not in the private root", "72/in_tcmalloc": "not in the private root", "77/inside_printf": TRAMPOLINE, "91/under_two_handlers": TRAMPOLINE,
    "57/abort_handler_returns": ENDING, "70/alternate_overflow": ENDING,
    "89/jit_named": "a perf map names what lies in an executable mapping, and of those nothing is known",
    "90/bad_clock": "qemu has no vDSO", "93/replaced": "its shell would be the emulator's", "93/deleted": "its shell would be the emulator's",
}
# What the slot and qemu have to say less, or the processor says otherwise. `reason`: qemu gives no ESR, nobody knows the mappings.
DIFFERENT = {
    "1/null_write": dict(expect={"reason": "null pointer"}),
    "13/trap": dict(dies="SIGTRAP", expect={"signal": "SIGTRAP", "code": "TRAP_BRKPT"}),
    "16/write_constant": dict(expect={"reason": "access"}),
    "44/recovered": dict(arguments=["20000"]),
    "62/two_at_once": dict(may_differ=("ending", "stderr")),
    "62/sixteen_at_once": dict(may_differ=("ending", "stderr")),
    "64/main_gone": dict(watched=True, may_differ=("stderr",)),  # qemu 7.2 falls over its own /proc/self/cmdline once the main thread is gone
    "66/overflow_main": dict(expect={"frames": []}), "67/overflow_thread": dict(expect={"frames": []}),
    "68/overflow_own_stack": dict(expect={"frames": []}),
    "90/bad_copy": dict(expect={"frames": ["bad_copy", "main"]}),  # libc's own names are in no package of the private root
}

folder = None  # of the cross build: its library, its root of arm64 packages; None: native programs


def begin(where):
    global folder
    folder = Path(where).resolve()


def library():
    return folder and folder / "libotelshim.so"


def compiler():
    return ["aarch64-linux-gnu-gcc", f"--sysroot={folder / 'root'}"]


def translate(words, options):
    """The loader of the emulator is not the program's: neither sees the other's libraries. And qemu's own core files are not wanted."""
    if not folder:
        return words, options
    root = folder / "root"
    inside = {"LD_LIBRARY_PATH": f"{root}/lib/aarch64-linux-gnu:{root}/usr/lib/aarch64-linux-gnu",  # as the exporter can open them
              **{"LD_PRELOAD": option[8:] for option in options if option.startswith("preload=")}}
    settings = [word for name, value in inside.items() for word in ("-E", f"{name}={value}")]
    return (["qemu-aarch64", "-L", root, *settings, *words],
            [*(option for option in options if not option.startswith("preload=")), "core=0"])


def adapt(case, row):
    """The row's arguments as they are here; None: it is left out."""
    if not folder:
        return row
    expect = row.get("expect") or {}
    if case in LEFT_OUT or expect.get("is_bare"):
        return None
    row = {**row, **DIFFERENT.get(case, {})}
    endings = (row["dies"],) if isinstance(row["dies"], str) else row["dies"]
    # only a living process tells the ending and the other threads
    asked = {key: value for key, value in {**expect, **(row.get("expect") or {})}.items() if key not in ("ended", "threads")}
    return {**row, "expect": asked, "dies": tuple(ending.removesuffix(", core") for ending in endings),
            "environment": {"QEMU_CPU": "max", **(row.get("environment") or {})}}
