"""Processes and what they live in: cases 94-106, 116, 118."""
from row import as_root, row

NULL = {"signal": "SIGSEGV", "code": "SEGV_MAPERR", "address": 0}
CRASH = {**NULL, "top": ["crash"], "at": {"crash": "crash_environment"}}
SECOND = {**CRASH, "top": ["crash_second"], "at": {"crash_second": "crash_second"}}


def environment(number, name, what, dies="SIGSEGV, core", **more):
    row(number, name, what, program="environment", flags=["-O1"], dies=dies, **more)


def check_other_pid(lab, runs, found):
    lab.check(not found or found[0].json["pid"] != runs[1].pid, "the parent's pid")


def check_both(lab, runs, found):
    """Child and parent, each with its own pid."""
    tops = sorted(next((f for f in r.functions() if f.startswith("crash")), "?") for r in found)
    lab.check(tops == ["crash", "crash_second"], f"reports of {tops}")
    lab.check(len({r.json["pid"] for r in found}) == 2, "one pid for both")
    lab.check(runs[1].pid in {r.json["pid"] for r in found if "crash" in r.functions()}, "the parent's pid")


environment(94, "fork_child", "a fork child crashes at once", dies="exit 0", expect={**CRASH, "frames": ["fork_child", "main"]}, also=check_other_pid)
environment(94, "fork_both", "child, then parent", reports=2, also=check_both)
environment(94, "spawns_crash", "a child that is another program by exec", dies="exit 0", expect={**CRASH, "frames": ["plain", "main"]}, also=check_other_pid)
environment(95, "fork_of_threads", "three fork children of a program with threads, locks held", dies="exit 0", reports=3, expect=CRASH, also=check_other_pid)
environment(96, "vfork_both", "a vfork child crashes, then its parent", reports=2, also=check_both)
environment(98, "clone_vm", "a clone(CLONE_VM) child crashes", dies="exit 0", expect=SECOND, also=check_other_pid)
environment(99, "daemon_crash", "a daemon: forked twice, all descriptors closed", dies="exit 0", expect={**CRASH, "frames": ["daemon_crash", "main"]}, also=check_other_pid)
environment(99, "closed", "all descriptors closed", expect={**CRASH, "frames": ["closed", "main"]})
for name, what in {"no_files": "RLIMIT_NOFILE 0", "no_processes": "RLIMIT_NPROC 0", "no_address_space": "RLIMIT_AS", "no_locked_memory": "RLIMIT_MEMLOCK 0"}.items():
    environment(101, name, what, watched=True, expect={**CRASH, "frames": ["limited", name, "main"]})
for name in "no_files", "no_address_space":
    environment(101, f"{name}_late", "the same, of a process that is not watched: its file cannot be made", deed=name, reports=range(0, 2), has="SIGSEGV, where a file could be made", expect=CRASH)
environment(101, "no_file_size", "RLIMIT_FSIZE 0", dies=("SIGSEGV", "SIGSEGV, core"), reports=range(0, 2), has="SIGSEGV, where a file could be made",
            expect=CRASH)
environment(102, "filter_usual", "seccomp denies process_vm_readv, ptrace, write, openat, clone, mmap, …", watched=True, expect={**CRASH, "frames": ["filter_usual", "main"]})
environment(102, "filter_futex", "seccomp denies futex: at worst the death is seen", reports=range(0, 2), watched=True, expect={"signal": "SIGSEGV"})
environment(102, "filter_signals", "seccomp denies rt_tgsigqueueinfo: dies all the same", watched=True, expect=CRASH)
environment(103, "not_dumpable", "PR_SET_DUMPABLE 0", dies="SIGSEGV", expect={**CRASH, "frames": ["not_dumpable", "main"]})
environment(103, "dropped", "uid and gid dropped", dies="SIGSEGV", needs=as_root, watched=True, expect={**CRASH, "frames": ["dropped", "main"]})
environment(104, "in_chroot", "in a chroot", needs=as_root, watched=True, expect={**CRASH, "frames": ["in_chroot", "main"]})
environment(104, "pivoted", "after pivot_root: another root, the old one and /proc gone", needs=as_root, watched=True, expect={**CRASH, "frames": ["pivoted", "main"]})
environment(104, "no_proc", "without /proc", deed="plain", needs=as_root, expect={**NULL, "frames": ["plain", "main"]}, seconds=30,
            command=lambda lab, path: ["unshare", "-m", "sh", "-c", 'umount -l /proc && exec "$@"', "sh", path, "plain"])
environment(104, "everything", "all at once: chroot, other uid, no descriptors, seccomp", dies="SIGSEGV", needs=as_root, watched=True,
            expect={**CRASH, "frames": ["everything", "main"]})
environment(105, "pid1_fault", "pid 1 of a namespace: a fault", deed="plain", dies="SIGSEGV, core", needs=as_root,
            command=lambda lab, path: ["unshare", "-pf", "--mount-proc", path, "plain"], reports=range(0, 3), has="SIGSEGV; another of `unshare`, which ends alike")
environment(105, "pid1_raise", "pid 1: raise(SIGSEGV) does nothing, as natively", dies="exit 6", needs=as_root, reports=0,
            command=lambda lab, path: ["unshare", "-pf", "--mount-proc", path, "raises_only"])
environment(105, "pid1_abort", "pid 1: abort()", dies="SIGSEGV, core", needs=as_root, reports=range(0, 3),
            command=lambda lab, path: ["unshare", "-pf", "--mount-proc", path, "aborts"], has="as before")
environment(106, "core_0", "ulimit -c 0", deed="plain", dies="SIGSEGV", options=["core=0"], expect=CRASH)
environment(106, "core_small", "ulimit -c 4096", deed="plain", dies=("SIGSEGV", "SIGSEGV, core"), options=["core=4096"], expect=CRASH)
environment(116, "secrets", "secrets in the environment, arguments, on the stack and heap", expect=CRASH,
            arguments=["--password", "argument-s3cr3t-marker", "--token=other-s3cr3t-marker", "https://user:url-s3cr3t-marker@example.org/?api_key=key-s3cr3t-marker"])
row(116, "what_token", "a secret in what()", program="cplusplus", flags=["-O1"], deed="token", dies="SIGABRT, core",
    expect={"signal": "SIGABRT", "message": ["std::runtime_error", "cannot log in"]})
for name, dies, what in (("ends_exit", "exit 0", "exit(0)"), ("ends_quick", "exit 4", "quick_exit(4)"), ("ends_underscore", "exit 5", "_exit(5)"),
                         ("ends_exec", "exit 0", "exec of another program"), ("ends_term", "SIGTERM", "SIGTERM"), ("ends_hup", "SIGHUP", "SIGHUP"),
                         ("ends_with_threads", "exit 0", "exit(0) while threads run")):
    environment(118, name, what, dies=dies, reports=0, watched=True)
environment(119, "off", "OTELSHIM_CRASH=0", deed="plain", environment={"OTELSHIM_CRASH": "0"}, reports=0)
environment(119, "inert", "OTELSHIM=0", deed="plain", environment={"OTELSHIM": "0"}, reports=0)
