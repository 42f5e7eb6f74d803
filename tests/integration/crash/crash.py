#!/usr/bin/env python3
"""
What a process that crashes leaves behind, and that it dies as without the library: each deed of deeds.c is done twice.

  crash.py [DEED…]      BUILD=build; prints `ok` and `not ok` lines. CRASH_EMULATOR="qemu-aarch64 -L ROOT": for another processor
"""
import os
import re
import resource
import signal
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

root = Path(__file__).resolve().parents[3]
build = Path(os.environ.get("BUILD", root / "build")).resolve()
folder = build / "tests/integration/crash"
EMULATOR = os.environ.get("CRASH_EMULATOR", "").split()
SEGV, ABRT, QUIT = 11, 6, 3
FATAL, HANDLED, ASKED = 1, 2, 4
ALTERNATE, INSIDE = 1, 4

# deed -> what the crash lines of its files say, in the order in which the files were made; None: no file is left
DEEDS = {
    "null": [dict(kind=FATAL, signal=SEGV, code=1, address=8, state=4, message="")],
    "abort": [dict(kind=FATAL, signal=ABRT, code=-6, message="")],
    "assert": [dict(kind=FATAL, signal=ABRT, message=r"deeds: .*deeds\.c:\d+: assertion: Assertion `nowhere == NULL' failed\.")],
    "raise": [dict(kind=FATAL, signal=SEGV, code=-6)],
    "trap": [dict(kind=FATAL, signal=lambda n: n in ("4", "5"))],  # SIGILL, or on aarch64 SIGTRAP
    "call_null": [dict(kind=FATAL, signal=SEGV, address=0, pc=0)],
    "overflow": [dict(kind=FATAL, signal=SEGV, stack=65536)],
    "thread_overflow": [dict(kind=FATAL, signal=SEGV, stack=65536)],
    "threads": [dict(kind=FATAL, signal=SEGV, address=8, sequence=1)],
    "recovered": None,
    "left": [dict(kind=HANDLED, signal=SEGV, flags=INSIDE)],
    "given_up": [dict(kind=FATAL, signal=ABRT)],
    "alternate": [dict(kind=FATAL, signal=ABRT, flags=ALTERNATE, outer=lambda n: int(n) > 200)],
    "vfork": [dict(kind=FATAL, signal=SEGV), dict(kind=FATAL, signal=SEGV)],
    "destructor": [dict(kind=FATAL, signal=SEGV, address=8)],
    "quick_exit": None,
    "killing_filter": None,
    "trapping_filter": None,
    "refusing_filter": None,
    "nothing": None,
}
# The same where the file was there before: what a watched process has
WATCHED = {
    "killing_filter": [dict(kind=FATAL, signal=SEGV, address=8, state=4, modules=lambda n: int(n) >= 4)],
    "trapping_filter": [dict(kind=FATAL, signal=SEGV, address=8, state=4)],
    "vfork": [dict(kind=FATAL, signal=SEGV, sequence=2)],
    "quick_exit": None,
    "daemon": [dict(state=0)],
    "execveat": [dict(state=0)],
    "nothing": None,
}
EXECED = 4  # what the header of a watched process says, whose end is not in it
ENDS = {"daemon": EXECED, "execveat": EXECED}
# Faults that the table must have besides
FAULTS = {"left": dict(kind=HANDLED, flags=INSIDE, signal=SEGV), "given_up": dict(kind=HANDLED, signal=SEGV, address=8)}
passed = failed = 0


def report(name, problems):
    global passed, failed
    print(f"{'not ok' if problems else 'ok'} crash/{name}")
    for problem in problems:
        print("    " + problem)
    passed, failed = passed + (not problems), failed + bool(problems)


def do(deed, where, settings, watched=False):
    """Wait status, standard output, standard error (less ids), and the core file's siginfo, where one could be written."""
    command = [*EMULATOR, *([arg for name, value in settings.items() for arg in ("-E", f"{name}={value}")] if EMULATOR else []),
               str(folder / "deeds"), deed]
    read, write = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        os.chdir(where)
        resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY if not EMULATOR else 0,) * 2)
        environment = dict(os.environ, **({} if EMULATOR else settings))
        if watched:
            environment["OTELSHIM_MAIN"] = str(os.getpid())
        os.dup2(read[1], 1)
        os.dup2(write[1], 2)
        os.closerange(3, 1000)
        os.execvpe(command[0], command, environment)
    os.close(read[1]), os.close(write[1])
    output, errors = (os.fdopen(end, "rb").read().decode() for end in (read[0], write[0]))
    status = os.waitpid(child, 0)[1]
    return status, output, errors, siginfo_of_core(where)


def siginfo_of_core(where):
    """Signal, code and, of a fault, address, out of the core file's NT_SIGINFO."""
    cores = sorted(Path(where).glob("core*"))
    found = []
    for core in cores:
        data = core.read_bytes()
        offset, size, count = struct.unpack_from("<Q", data, 32)[0], *struct.unpack_from("<HH", data, 54)
        for i in range(count):
            kind, _, at, _, _, length = struct.unpack_from("<IIQQQQ", data, offset + i * size)
            if kind != 4:
                continue
            end = at + length
            while at < end:
                name, bytes_, note = struct.unpack_from("<III", data, at)
                text = at + 12 + (name + 3 & ~3)
                if note == 0x53494749:
                    number, _, code = struct.unpack_from("<iii", data, text)
                    address = struct.unpack_from("<Q", data, text + 16)[0] if code > 0 and number == SEGV else 0
                    address = address if address < 4096 else None  # on the stack, which lies anywhere
                    found.append((number, code, address))
                at = text + (bytes_ + 3 & ~3)
        core.unlink()
    return found


def lines_of(box):
    files = sorted(Path(box).glob("*-*-*"), key=lambda file: file.stat().st_mtime_ns)
    text = subprocess.run([*EMULATOR, str(folder / "slot"), *map(str, files)], check=True, capture_output=True, text=True).stdout
    return [dict(re.findall(r"(\w+)=(\S*)", line), kind_of_line=line.split()[0], text=line) for line in text.splitlines() if line]


def compare(wanted, line):
    for key, value in wanted.items():
        found = line.get(key, "nothing")
        if key == "message":
            found = line["text"].split("message=")[1]
            if not re.fullmatch(value, found):
                yield f"message is {found!r}, not {value!r}"
        elif callable(value):
            if not value(found):
                yield f"{key} is {found}"
        elif int(found, 0) != value:
            yield f"{key} is {found}, not {value}"


def problems_of(deed, wanted, settings, watched):
    with tempfile.TemporaryDirectory() as scratch:
        box, core = Path(scratch, "box"), Path(scratch, "core")
        box.mkdir(0o700)
        core.mkdir()
        plain = do(deed, core, {})
        traced = do(deed, core, {"LD_PRELOAD": str(build / "libotelshim.so"), "OTELSHIM_DIR": str(box), "OTELSHIM_EXPORTER": "none",
                                 **settings}, watched)
        if deed == "quit":
            plain = (0, "goes on\n", "", [])
        for what, a, b in zip(("wait status", "standard output", "standard error", "core file"), plain, traced):
            if a != b:
                yield f"{what}: {b!r}, without the library {a!r}"
        lines = lines_of(box)
        crashes = [line for line in lines if line["kind_of_line"] == "crash"]
        if len(crashes) != len(wanted or []):
            yield f"{len(crashes)} files, not {len(wanted or [])}"
        for expected, line in zip(wanted or [], crashes):
            yield from compare(expected, line)
        if watched and deed in ENDS:
            yield from compare(dict(state=ENDS[deed]), next((line for line in lines if line["kind_of_line"] == "file"), {}))
        if deed in FAULTS and not watched:
            faults = [line for line in lines if line["kind_of_line"] == "fault"]
            yield from compare(FAULTS[deed], faults[0] if faults else {})
        modules = [line["text"] for line in lines if line["kind_of_line"] == "module"]
        if wanted and wanted[0].get("state") == 4 and not any("libc.so" in line and "build_id=" in line for line in modules):
            yield "libc is not among the modules"


def main():
    wanted = sys.argv[1:]
    cases = [(name, name, lines, {}, False) for name, lines in DEEDS.items() if not (EMULATOR and name.endswith("filter"))]
    cases += [(f"{name}_watched", name, lines, {}, True) for name, lines in WATCHED.items() if not EMULATOR]
    cases += [("quit", "quit", [dict(kind=ASKED, signal=QUIT, state=4)], {"OTELSHIM_CRASH_QUIT": "1"}, True)] if not EMULATOR else []
    cases += [("off", "null", None, {"OTELSHIM_CRASH": "0"}, False)]
    for case, deed, lines, settings, watched in cases:
        if not wanted or case in wanted:
            report(case, list(problems_of(deed, lines, settings, watched)))
    print(f"{passed} passed, {failed} failed")
    return bool(failed)


sys.exit(main())
