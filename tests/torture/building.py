"""Builds the programs of tests/torture/programs, each in the variants that its cases ask for."""
import hashlib
import os
import subprocess
import threading
from pathlib import Path

import emulation
from lab import build, root

here = Path(__file__).resolve().parent
out = build / "tests/torture"
lock = threading.Lock()
locks = {}


def is_fresh(path, sources):
    newest = max(source.stat().st_mtime for source in sources)
    return path.exists() and path.stat().st_mtime >= newest


def compile_to(path, source, flags, is_native=True):
    compiler = ["g++"] if source.suffix == ".cc" else ["gcc"] if is_native else emulation.compiler()
    standard = ["-std=gnu++17"] if source.suffix == ".cc" else ["-std=gnu17", "-D_GNU_SOURCE"]
    path.parent.mkdir(parents=True, exist_ok=True)
    meant = ["-Wno-use-after-free", "-Wno-stringop-overflow", "-Wno-infinite-recursion", "-Wno-array-bounds", "-Wno-terminate"]
    command = [*compiler, *standard, "-Wall", "-Wextra", *meant[:len(meant) - (source.suffix == ".c")], "-g", "-fno-omit-frame-pointer"]
    subprocess.run([str(word) for word in [*command, "-o", f"{path}.new", source, *flags, "-pthread", "-ldl"]], check=True, cwd=root)
    os.replace(f"{path}.new", path)


def make(name, *flags):
    """programs/NAME.c or NAME.cc with these flags: its path."""
    source = next(p for p in (here / f"programs/{name}.c", here / f"programs/{name}.cc") if p.exists())
    words = " ".join(map(str, flags))
    is_native = not emulation.folder or name == "witness"
    path = (out if is_native else emulation.folder / "tests/torture") / (name + ("-" + hashlib.sha256(words.encode()).hexdigest()[:6] if flags else ""))
    with lock:
        mine = locks.setdefault(path, threading.Lock())
    with mine:
        if not is_fresh(path, [source, here / "programs/torture.h"]):
            compile_to(path, source, flags or ["-O0"], is_native)
    return path


def library(name, *flags):
    return make(name, "-shared", "-fPIC", "-DNO_MAIN", *(flags or ["-O1"]))


def line_of(marker):
    """(file name, line) of the `here: MARKER` comment in the programs."""
    for source in (here / "programs").iterdir():
        for number, line in enumerate(source.read_text(errors="replace").splitlines(), 1):
            if f"here: {marker} " in line + " ":
                return source.name, number
    raise LookupError(marker)
