"""Threads and overflown stacks: cases 60-69."""
from row import row

CRASH = {"signal": "SIGSEGV", "code": "SEGV_MAPERR", "address": 0, "top": ["crash"], "at": {"crash": "crash_in_thread"}}
OVERFLOW = {"signal": "SIGSEGV", "reason": "stack overflow", "top": ["recurse", "recurse"], "frames": ["recurse", "deep_first"]}
RACE = ("SIGSEGV, core", "SIGFPE, core", "SIGABRT, core", "SIGILL, core")


def threads(number, name, what, dies="SIGSEGV, core", **more):
    row(number, name, what, program="threads", flags=["-O1"], dies=dies, **more)


def check_names(lab, runs, found):
    if not found:
        return
    listed = found[0].json.get("threads") or []
    lab.check(listed and listed[0].get("name") == "worker-40" and listed[0].get("crashed"), f"first is {listed[:1]}")
    names = {t.get("name") for t in listed}
    lab.check({f"worker-{i}" for i in range(64)} <= names, f"{len(names)} names: {sorted(map(str, names))[:70]}")
    waiting = [t for t in listed if any("waits_here" in (f.get("function") or "") for f in t.get("frames") or [])]
    lab.check(len(waiting) >= 60, f"{len(waiting)} of 63 threads are seen waiting")


def check_main_and_crash(lab, runs, found):
    lab.check(not found or found[0].json.get("threads"), "no threads")


threads(60, "named_workers", "a crash in one of 64 named threads: all of them, the crashing one first", expect={**CRASH, "frames": ["worker"], "threads": 65},
        also=check_names)
threads(61, "many_threads", "512 threads, 50 of them busy", expect=CRASH, seconds=40, also=check_main_and_crash)
threads(61, "in_d_state", "a thread that nothing but SIGKILL wakes, in vfork(): it cannot be stopped, all others are there", volatile=[r"\bat 0x[0-9a-f]+"], expect=CRASH,
        also=lambda lab, runs, found: check_unstoppable(lab, runs, found))
threads(62, "two_at_once", "two threads crash at once: one report, never exit 1", dies=RACE, racy=True, may_differ=("ending", "cores"), detect=True,
        also=lambda lab, runs, found: check_race(lab, runs, found))
threads(62, "sixteen_at_once", "sixteen threads crash at once, by four signals", dies=RACE, racy=True, may_differ=("ending", "cores"),
        also=lambda lab, runs, found: check_race(lab, runs, found))
threads(63, "while_forking", "a crash while another thread forks", racy=True, may_differ=("children left behind",), expect={**CRASH, "frames": ["while_another", "main"]})
threads(63, "while_loading", "a crash while another thread is in dlopen()", racy=True, expect={**CRASH, "frames": ["while_another", "main"]})
threads(63, "while_exiting", "a crash while another thread is in exit()", expect={**CRASH, "frames": ["crashes_at_exit"]})
threads(64, "in_key_destructor", "a crash in a destructor of thread-specific data", expect={**CRASH, "frames": ["key_destructor"]})
threads(64, "at_thread_start", "a thread that starts nowhere", expect={"signal": "SIGSEGV", "address": 0x1234, "reason": "execut|call|jump"})
threads(64, "main_gone", "a crash after the main thread left by pthread_exit()", expect={**CRASH, "frames": ["after_main"]})
threads(65, "threads_come_and_go", "2000 threads: nothing of ours is seen or left", dies="exit 0", reports=0)
threads(66, "overflow_main", "stack overflow in main", volatile=[r"\+0x[0-9a-f]+"], expect={**OVERFLOW, "frames": ["recurse", "deep_first", "overflow_main", "main"]})
threads(67, "overflow_thread", "stack overflow in a thread without an alternate stack", volatile=[r"\+0x[0-9a-f]+"], expect={**OVERFLOW, "frames": ["recurse", "deep_first", "overflows"]})
threads(68, "overflow_own_stack", "stack overflow in a thread with its own alternate stack", volatile=[r"\+0x[0-9a-f]+"], expect=OVERFLOW)
threads(69, "over_the_guard", "alloca() that jumps over the guard", expect={"signal": "SIGSEGV", "reason": "stack", "top": ["jump_over", "over_the_guard", "main"]})


def check_race(lab, runs, found):
    """One report, of a signal that was raised; and its status is one of those."""
    if found:
        lab.check(found[0].json.get("signal") in [name.split(",")[0] for name in RACE], f"{found[0]}")
        lab.check(any("racer" in f for f in found[0].functions()), f"{found[0]}")


def check_unstoppable(lab, runs, found):
    """It was there, and the report says that its stack was not to be had; the eight that wait have theirs."""
    lab.check("state D" in runs[1].stream("stdout"), f"no thread in D state: {runs[1].stream('stdout')[-100:]}")
    if not found:
        return
    listed = found[0].json.get("threads") or []
    waiting = [t for t in listed if any("waits_here" in (f.get("function") or "") for f in t.get("frames") or [])]
    lab.check(len(waiting) == 8 and len(listed) == 10, f"{len(waiting)} of 8 waiting, {len(listed)} threads of 10")
    lab.check([t for t in listed if t.get("incomplete")], f"no thread is marked: {[{k: t[k] for k in t if k != 'frames'} for t in listed]}")
