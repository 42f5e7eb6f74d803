"""Programs and libraries of odd/, each built with the flags that its case is about, into build/tests/integration/reach."""
import os
import shutil
import subprocess
import threading
from pathlib import Path

from lab import build, root, stub_directory

here = Path(__file__).resolve().parent
out = build / "tests/integration/reach"
CC = os.environ.get("REACH_CC", "gcc").split()
CXX = ["g++"]
COMMON = ["-O2", "-g", "-Wall", "-Wextra", "-Wshadow"]
lock = threading.Lock()


def headers():
    return subprocess.run(["pkg-config", "--cflags", "libpq", "libcurl", "hiredis"], check=True,
                          capture_output=True, text=True).stdout.split()


def make(target, *arguments, compiler=None):
    """`arguments` after the usual flags; names of sources are those of odd/. Built once per run of the tests' build."""
    path = out / target
    with lock:
        sources = [here / "odd" / a if isinstance(a, str) and a.endswith((".c", ".cpp")) else a for a in arguments]
        newest = max((s.stat().st_mtime for s in sources if isinstance(s, Path) and s.exists()), default=0)
        if not path.exists() or path.stat().st_mtime < newest:
            path.parent.mkdir(parents=True, exist_ok=True)
            subprocess.run([*(compiler or CC), *COMMON, *headers(), "-o", path, *sources], check=True, cwd=root)
    return str(path)


def program(name, *flags, target=None):
    return make(target or name, f"{name}.c", *flags)


def library(target, *arguments):
    return make(target, "-fPIC", "-shared", *arguments)


def link_stub(stub=None):
    """Flags that link the libpq that needs no server."""
    return [f"{stub or stub_directory()}/libpq.so.5"]


def renamed_stub(target, soname):
    """A copy of the stub libpq as auditwheel makes them."""
    flags = ["-DPQexec=bare_PQexec", "-DPQconnectdb=bare_PQconnectdb", "-DPQfinish=bare_PQfinish"]
    bare = make(f"{target}.bare.o", "-fPIC", "-c", *flags, root / "tests/bench/stub_libpq.c")
    return library(target, f"-Wl,-soname,{soname}", root / "tests/integration/robust/stub/libpq.c", Path(bare))


def directory_of(path):
    return str(Path(path).parent)


def copy_into(directory, *paths):
    for path in paths:
        shutil.copy(path, directory)
