"""Python: faulthandler and signal, ctypes into nothing, worker processes that die, threads that overflow.

faults.py null|faulthandler|faulthandler_thread|faulthandler_overflow|abort|pool|thread_overflow|signals|registered|recursion
"""
import ctypes
import faulthandler
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool


def read_null():
    ctypes.string_at(0)


def recurse(n):
    return recurse(n + 1) + 1


def overflow_c_stack():
    """Native recursion, in a thread with little stack."""
    compare = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
    libc = ctypes.CDLL(None)

    @compare
    def again(_a, _b):
        libc.qsort((ctypes.c_int * 2)(2, 1), 2, 4, again)
        return 0

    libc.qsort((ctypes.c_int * 2)(2, 1), 2, 4, again)


def in_thread(what):
    threading.stack_size(256 << 10)
    thread = threading.Thread(target=what)
    thread.start()
    thread.join()


def in_pool():
    with ProcessPoolExecutor(1) as pool:
        try:
            pool.submit(read_null).result()
        except BrokenProcessPool as error:
            print(type(error).__name__)


def own_signals():
    for number in (signal.SIGSEGV, signal.SIGABRT, signal.SIGFPE, signal.SIGUSR1, signal.SIGXFSZ):
        print(number.name, signal.getsignal(number))
        signal.signal(number, lambda n, _frame: print("got", signal.Signals(n).name, flush=True))
        os.kill(os.getpid(), number)
        signal.signal(number, signal.SIG_DFL)
        print(number.name, signal.getsignal(number))
    # the child restores SIGXFSZ between vfork and exec
    print(subprocess.run([sys.executable, "-S", "-c", "import signal; print(signal.getsignal(25))"], check=True, capture_output=True).stdout)
    print(subprocess.run(["sh", "-c", "kill -SEGV $$"], check=False).returncode)


def main():
    deed = sys.argv[1]
    print("begins", deed, flush=True)
    if deed.startswith("faulthandler"):
        faulthandler.enable()
    if deed in ("null", "faulthandler"):
        read_null()
    elif deed == "faulthandler_thread":
        in_thread(read_null)
    elif deed == "abort":
        os.abort()
    elif deed == "pool":
        in_pool()
    elif deed == "thread_overflow":
        sys.setrecursionlimit(1 << 30)
        in_thread(overflow_c_stack)
    elif deed == "faulthandler_overflow":
        sys.setrecursionlimit(1 << 30)
        in_thread(overflow_c_stack)
    elif deed == "signals":
        own_signals()
    elif deed == "registered":
        faulthandler.register(signal.SIGUSR1, chain=False)
        os.kill(os.getpid(), signal.SIGUSR1)
    elif deed == "recursion":
        try:
            recurse(0)
        except RecursionError:
            print("recursion", flush=True)
    print("ends", flush=True)


if __name__ == "__main__":
    main()
