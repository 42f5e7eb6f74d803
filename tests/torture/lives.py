"""What goes on around a death: the exporter's life, kills, spans, grouping. Cases 78, 107-118. Disks: stores.py."""
import os
import random
import re
import signal
import subprocess
import time
from pathlib import Path

import building
import report
import row as table
import trial
from case import Skip, case
from lab import OTELSHIM, stub_directory
from row import Row, row, rows

CRASH = {"signal": "SIGSEGV", "code": "SEGV_MAPERR", "address": 0}
PLAIN = {**CRASH, "top": ["crash"], "frames": ["plain", "main"], "at": {"crash": "crash_environment"}}


def torture(number, name, what, has):
    """A case that is more than a program run twice."""
    rows.append(Row(number, name, what, has))

    def register(function):
        def entry(lab):
            if not table.is_native:
                function(lab)
        entry.__module__ = __name__
        return case(f"{number}/{name}")(entry)

    return register


def environment_program():
    return str(building.make("environment", "-O1"))


def crash_one(lab, name, *words, **variables):
    """Runs it with the library: the run."""
    settings, preload = trial.traced(lab, variables)
    return trial.Run(lab, name, words or [environment_program(), "plain"], settings, preload)


# ---- spans ----------------------------------------------------------------------------------------------


def with_stub(*words):
    def command(lab, path):
        return [building.make("spans", "-O1", *pq_flags(), f"{stub_directory()}/libpq.so.5"), *words]
    return command


def pq_flags():
    return subprocess.run(["pkg-config", "--cflags", "libpq"], check=True, capture_output=True, text=True).stdout.split()


def use_stub(lab):
    lab.use_stub()
    return {}


def spans(number, name, what, dies, expect, also, delay_us="400"):
    row(number, name, what, program="environment", dies=dies, prepare=use_stub, command=with_stub(name), environment={"STUB_DELAY_US": delay_us},
        expect=expect, also=also)


def check_breadcrumbs(lab, found, last=25):
    names = [s.get("name") or "" for s in found[0].json.get("recent_spans") or []]
    queries = [n for n in names if "table_" in n]
    wanted = [f"SELECT table_{i:02d}" for i in range(1, last + 1)]
    lab.check(queries and queries == wanted[-len(queries):] and len(names) <= 20, f"breadcrumbs {names}")
    lab.check(len(queries) >= 10, f"only {len(queries)} breadcrumbs")


def check_after(lab, runs, found):
    if found:
        check_breadcrumbs(lab, found)


def check_inside(lab, runs, found):
    """The span that was open: in the report, exported as ended with an error, with the exception; and a log record of it."""
    if not found:
        return
    j = found[0].json
    opened = [s for s in j.get("open_spans") or [] if "the_last" in (s.get("name") or "")]
    if not lab.check(len(opened) == 1 and j.get("span_id"), f"open spans {j.get('open_spans')}, span_id {j.get('span_id')}"):
        return
    lab.check(opened[0].get("span_id") == j["span_id"] and opened[0].get("trace_id") == j["trace_id"], f"{opened} but {j['span_id']}")
    mine = [s for s in lab.spans("torture") if s["id"] == j["span_id"]]
    lab.until(lambda: any(s["id"] == j["span_id"] for s in lab.spans("torture")), 5)
    mine = [s for s in lab.spans("torture") if s["id"] == j["span_id"]]
    if lab.check(len(mine) == 1, f"{len(mine)} spans {j['span_id']} arrived"):
        lab.check(mine[0]["status"] == "ERROR" and mine[0]["trace"] == j["trace_id"], f"{mine[0]}")
        lab.check(any(name == "exception" for name, _ in mine[0]["events"]), f"events {mine[0]['events']}")
    lab.until(lambda: lab.receiver.logs, 5)
    logs = lab.receiver.logs
    if lab.check(len(logs) == 1, f"{len(logs)} log records"):
        lab.check(logs[0]["severity"] == 21 and logs[0]["trace"] == j["trace_id"] and logs[0]["id"] == j["span_id"], f"{logs[0]}")
        lab.check(logs[0]["attributes"].get("exception.type") and logs[0]["attributes"].get("exception.stacktrace"), f"{sorted(logs[0]['attributes'])}")


def check_other_thread(lab, runs, found):
    if not found:
        return
    j = found[0].json
    opened = [s for s in j.get("open_spans") or [] if "other_thread" in (s.get("name") or "")]
    lab.check(len(opened) == 1 and opened[0].get("tid") not in (None, j.get("tid")), f"open spans {j.get('open_spans')}, crashed {j.get('tid')}")
    lab.check(not opened or opened[0].get("span_id") != j.get("span_id"), "the crash is put on another thread's span")


def check_killed(lab, runs, found):
    if found:
        opened = [s for s in found[0].json.get("open_spans") or [] if "the_last" in (s.get("name") or "")]
        lab.check(opened, f"open spans {found[0].json.get('open_spans')}")
        check_breadcrumbs_any(lab, found)


def check_breadcrumbs_any(lab, found):
    lab.check(found[0].json.get("recent_spans"), "no recent spans")


SPAN_CRASH = {**CRASH, "top": ["crash"], "at": {"crash": "crash_spans"}}
spans(117, "after_queries", "a crash after 25 finished calls: the last 20 in order", "SIGSEGV, core", {**SPAN_CRASH, "frames": ["after_queries", "main"]}, check_after)
spans(117, "in_query", "a crash inside a traced call: span, exception, log record", "SIGSEGV, core",
      {**SPAN_CRASH, "frames": ["handler", "/PQexec/", "main"], "text": "the_last"}, check_inside, delay_us="20000")
spans(117, "in_other_thread", "another thread's call was open", "SIGSEGV, core", SPAN_CRASH, check_other_thread, delay_us="3000")
spans(107, "killed_in_query", "kill -9 during a call", "SIGKILL", {"is_bare": True, "ended": ("killed", 9), "text": r"\A[^\n]*killed[^\n]*the_last", "reason": "killed"},
      check_killed, delay_us="3000")


def not_oom(lab, runs, found):
    lab.check(not found or not re.search(r"\boom\b|out of memory", found[0].text, re.I), "kill -9 is called OOM")


row(107, "killed", "kill -9 of a watched process", program="environment", flags=["-O1"], dies="SIGKILL", watched=True,
    expect={"is_bare": True, "ended": ("killed", 9), "reason": "killed"}, also=not_oom)
row(107, "killed_at_once", "kill -9 before the exporter knew it", program="environment", flags=["-O1"], deed="killed", dies="SIGKILL", watched=True,
    environment={"TORTURE_SLEEP_MS": "0"}, reports=range(0, 2), expect={"is_bare": True}, also=not_oom, has="one, where the exporter saw it live")


@torture(107, "killed_in_no_time", "twelve watched processes, one after the other, that are killed first thing beside a living exporter", "“killed”; half of them at least")
def killed_in_no_time(lab):
    """Each waits until it is known, but for no longer than 2 ms: on a machine that is busy with other things the exporter may be late [8 at a load of 15, niced]; then more of them die."""
    lab.start_exporter()
    n, found = 0, []
    while n < 48 and len(found) < 6:
        for _ in range(12):
            settings, preload = trial.traced(lab, {"TORTURE_QUIET": "1"})
            run = trial.Run(lab, f"with-{n}", [environment_program(), "killed"], settings, ["watched", *preload])
            lab.check(run.ending == "SIGKILL", run.ending)
            time.sleep(0.15)
            n += 1
        found = report.wait_for_reports(lab, 0)
    lab.check(6 <= len(found) <= n, f"{len(found)} reports of {n}")
    for each in found:
        report.check_report(lab, each, is_bare=True, ended=("killed", 9), reason="killed")


# ---- memory and hangs -------------------------------------------------------------------------------------


def memory_cgroup(lab):
    base = Path("/sys/fs/cgroup/memory")
    group = base / f"torture-{os.getpid()}-{random.randrange(1 << 30)}"
    try:
        group.mkdir()
        (group / "memory.limit_in_bytes").write_text(str(48 << 20))
        return group
    except OSError:
        pass
    base = Path("/sys/fs/cgroup")
    group = base / group.name
    try:
        group.mkdir()
        (group / "memory.max").write_text(str(48 << 20))
        return group
    except OSError:
        return None


@torture(108, "out_of_memory", "killed by the kernel for want of memory", "“out of memory”, ended by oom")
def out_of_memory(lab):
    group = memory_cgroup(lab) if os.geteuid() == 0 else None
    if not group:
        raise Skip("no memory control group can be made here")
    try:
        lab.start_exporter()
        variables, preload = trial.traced(lab, {"TORTURE_SLEEP_MS": "600"})
        procs = str(group / "cgroup.procs")
        enter = f'echo $$ >{procs} || exit 77; exec "$@"'  # as in life: a program begins in its group
        run = trial.Run(lab, "with", ["sh", "-c", enter, "sh", environment_program(), "eats_memory", procs], variables, ["watched", *preload])
        if run.ending == "exit 77":
            raise Skip("no process can be put into a control group here")
        lab.check(run.ending == "SIGKILL", run.ending)
        found = report.wait_for_reports(lab, 1)
        if lab.check(len(found) == 1, f"{len(found)} reports"):
            report.check_report(lab, found[0], is_bare=True, reason="memory", ended=("oom",))
    finally:
        lab.until(lambda: not (group / "cgroup.procs").read_text(), 5)
        group.rmdir()


def check_alive(lab, runs, found):
    for each in found:
        lab.check(each.json.get("ended", {}).get("by") == "lives", f"{each}")


for deed, frame in (("busy", ["busy_here"]), ("stops", [])):
    row(109, f"watchdog_{deed}", "a main thread that does not move: its stacks, and it goes on", program="environment", flags=["-O1"], deed=deed, dies="exit 0",
        watched=True, environment={"OTELSHIM_WATCHDOG": "400"}, reports=range(1, 4), expect={"frames": frame, "ended": ("lives",), "is_bare": True}, also=check_alive)


# ---- exporters that are not there ---------------------------------------------------------------------------


@torture(110, "absent", "no exporter at the crash: the next one reports it", "as usual, once")
def absent(lab):
    plain = trial.Run(lab, "without", [environment_program(), "plain"], lab.environment)
    run = crash_one(lab, "with")
    trial.check_same(lab, plain, run)
    lab.check(run.ms - plain.ms < 6000, f"held {run.ms - plain.ms:.0f} ms")
    for _ in range(2):
        exporter = lab.start_exporter()
        found = report.wait_for_reports(lab, 1)
        lab.stop_exporter(exporter)
    if lab.check(len(found) == 1, f"{len(found)} reports"):
        report.check_report(lab, found[0], **PLAIN)


@torture(110, "stopped", "a stopped exporter: held at most 200 ms, reported when it goes on", "as usual, once")
def stopped(lab):
    exporter = lab.start_exporter()
    crash_one(lab, "warm")
    report.wait_for_reports(lab, 1)
    plain = trial.Run(lab, "without", [environment_program(), "plain"], lab.environment)
    exporter.send_signal(signal.SIGSTOP)
    run = crash_one(lab, "with")
    exporter.send_signal(signal.SIGCONT)
    trial.check_same(lab, plain, run)
    lab.check(run.ms - plain.ms < 6000, f"held {run.ms - plain.ms:.0f} ms")
    found = report.wait_for_reports(lab, 2)
    if lab.check(len(found) == 2, f"{len(found)} reports"):
        for each in found:
            report.check_report(lab, each, **PLAIN)


@torture(110, "killed", "an exporter killed while it works on a report", "as usual, once each")
def killed(lab):
    n = 30 if lab.is_full else 6
    for i in range(n):
        exporter = lab.start_exporter()
        run = crash_one(lab, f"with-{i}")
        lab.check(run.ending == "SIGSEGV, core", run.ending)
        time.sleep(random.uniform(0, 0.06))
        lab.stop_exporter(exporter, signal.SIGKILL)
    lab.start_exporter()
    found = report.wait_for_reports(lab, n, 30)
    lab.check(len(found) == n, f"{len(found)} reports of {n}")
    lab.check(len({r.json["pid"] for r in found}) == len(found), "a pid twice")
    for each in found:
        report.check_report(lab, each, **PLAIN)


@torture(110, "auto_started", "the crash itself starts the exporter", "as usual")
def auto_started(lab):
    variables = lab.traced("torture", OTELSHIM_EXPORTER=str(OTELSHIM))
    lab.run([environment_program(), "plain"], variables, preexec_fn=None)
    found = report.wait_for_reports(lab, 1)
    if lab.check(len(found) == 1, f"{len(found)} reports"):
        report.check_report(lab, found[0], **PLAIN)


# ---- many at once, and one bug or two ---------------------------------------------------------------------------


@torture(113, "storm", "thirty processes crash at once by one bug, one by another", "all of them; two fingerprints")
def storm(lab):
    lab.start_exporter()
    program = str(building.make("routes", "-O1"))
    variables = lab.traced("torture", TORTURE_QUIET="1")
    running = [lab.spawn([program, "other_signal" if i == 15 else "route_one"], variables) for i in range(31)]
    for process in running:
        lab.check(process.wait(30) in (-signal.SIGSEGV, -signal.SIGABRT), f"{process.returncode}")
    found = report.wait_for_reports(lab, 31, 40)
    lab.check(len(found) == 31, f"{len(found)} reports of 31")
    lab.check(len({r.json["fingerprint"] for r in found}) == 2, f"{len({r.json['fingerprint'] for r in found})} fingerprints")
    lab.check(lab.exporters[0].poll() is None, "the exporter ended")


def moved_copy(lab):
    """The same program after an edit elsewhere: other lines, other offsets."""
    source = (building.here / "programs/routes.c").read_text()
    more = "\n".join(["", "int more(int x);", *[""] * 40, "int more(int x)", "{", "    return x * 17 + always;", "}", ""])
    path = lab.directory / "routes.c"
    path.write_text(source.replace('#include "torture.h"\n', f'#include "{building.here}/programs/torture.h"\n' + more))
    target = lab.directory / "routes"
    building.compile_to(target, path, ["-O1"])
    return str(target)


@torture(114, "fingerprint", "one bug after a rebuild that moved it, by other arguments; another way to it", "the same fingerprint; another")
def fingerprint(lab):
    lab.start_exporter()
    old, new = str(building.make("routes", "-O1")), moved_copy(lab)
    commands = [[old, "route_one"], [old, "route_one", "--more", "words"], [new, "route_one"], [old, "route_two"], [old, "other_signal"]]
    prints = []
    for i, words in enumerate(commands):
        run = crash_one(lab, f"with-{i}", *words)
        found = [r for r in report.wait_for_reports(lab, i + 1) if r.json["pid"] == run.pid]
        if not lab.check(len(found) == 1, f"{words}: {len(found)} reports"):
            return
        prints.append(found[0].json["fingerprint"])
        lab.check(re.fullmatch(r"[0-9a-f]{64}", prints[-1]), prints[-1])
    lab.check(prints[0] == prints[1] == prints[2], f"the same bug has {len(set(prints[:3]))} fingerprints")
    lab.check(len(set(prints[2:])) == 3, "different bugs have one fingerprint")


# ---- faults in the handler ------------------------------------------------------------------------------------


@torture(78, "in_our_handler", "a fault at any instruction of our own handler", "the first fault, or nothing; never a hang")
def in_our_handler(lab):
    lab.start_exporter()
    stepper, program = building.make("stepper", "-O1"), str(building.make("everyday", "-O0"))
    steps = [1, 2, 3, 5, 8, 13, 20, 30, 50, 80, 120, 200, 300, 500, 800, 1200, 1800, 2500, 4000, 6000]
    if lab.is_full:
        steps = sorted({*range(1, 400), *range(400, 8000, 40)})
    n_original = 0
    for i, n in enumerate(steps):
        variables, preload = trial.traced(lab, {"TORTURE_QUIET": "1"})
        from_s = time.monotonic()
        watched = f'export OTELSHIM_MAIN=$$ LD_PRELOAD={preload[0][8:]}; exec {program} null_offset'
        result = lab.run(["timeout", "-s", "KILL", "60", str(stepper), str(n), "/bin/sh", "-c", watched], variables)
        took_s = time.monotonic() - from_s
        lab.check(result.returncode in (128 + signal.SIGSEGV, 0), f"{n} steps: {result.returncode} {result.stderr[-200:]}")
        lab.check(took_s < 60, f"{n} steps: {took_s:.1f} s")
        if b"steps" in result.stdout:
            break  # longer than the handler
    found = report.wait_for_reports(lab, 0)
    pids = [r.json["pid"] for r in found]
    lab.check(len(set(pids)) == len(pids), f"two reports of one process: {pids}")
    n_original = sum(r.json.get("address") == "0x130" for r in found)
    print(f"    {i + 1} places: {len(found)} reports, {n_original} of the first fault", flush=True)
    lab.check(n_original >= (i + 1) / 4, f"{n_original} of {i + 1} reports say the first fault")


@case("table")
def is_table_current(lab):
    text = (building.here / "README.md").read_text()
    lab.check(table.table() in text, "README.md does not have the cases as they are: torture.py --table")

