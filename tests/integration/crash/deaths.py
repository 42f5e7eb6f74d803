#!/usr/bin/env python3
"""
From a death to its report: what the exporter makes of crashes, kills and hangs. deaths.c is the program.

  deaths.py [CASE…]      BUILD=build; prints `ok` and `not ok` lines
"""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path

here = Path(__file__).resolve().parent
sys.path.insert(0, str(here.parent / "robust"))
from lab import OTELSHIM, Lab, build  # noqa: E402

PROGRAM = str(build / "tests/integration/crash/deaths")
MINUTE = {"STUB_DELAY_US": "60000000"}
cases = []


def case(function):
    cases.append(function)
    return function


class Deaths(Lab):
    """A lab with a store of crash reports."""

    def __init__(self, name):
        super().__init__(name, False)
        self.use_stub()
        self.store = self.state / "otelshim/crashes"

    def traced(self, service="deaths", **more):
        return super().traced(service, OTEL_METRICS_EXPORTER="none", **more)

    def reports(self):
        return [json.loads(f.read_text()) for f in sorted(self.store.glob("*.json"))]

    def unfinished(self):
        return [f.name for f in self.store.glob("*") if f.suffix not in (".json", ".txt")]

    def wait_for_reports(self, n, seconds=15):
        self.wait_for(lambda: len(list(self.store.glob("*.json"))) >= n and not self.unfinished() and not self.files(),
                      seconds, f"{n} reports, of which there are {len(self.reports())}, {self.unfinished()}, {self.files()}")
        return self.reports()

    def one_report(self, **expected):
        """Exactly one, and what it says."""
        reports = self.wait_for_reports(1)
        self.check(len(reports) == 1, f"{len(reports)} reports")
        report = reports[0] if reports else {}
        for key, value in expected.items():
            self.check(report.get(key) == value, f"{key}: {report.get(key)!r}, not {value!r}")
        return report

    def logs(self):
        self.receiver.decode()
        with self.receiver.lock:
            return list(self.receiver.logs)

    def one_log(self):
        self.wait_for(self.logs, 5, "a log record")
        time.sleep(0.3)
        logs = self.logs()
        self.check(len(logs) == 1, f"{len(logs)} log records")
        return logs[0] if logs else {"attributes": {}}

    def deed(self, name, **more):
        return self.run([PROGRAM, name], self.traced(**more)).returncode

    def wait_until_seen(self, program):
        """How a process ended can only be known where it was seen alive."""
        log = self.directory / "exporter.log"
        return self.wait_for(lambda: f"(pid {program.pid}) as " in log.read_text(), 10, f"the exporter to see {program.pid}")

    def seen_deed(self, name):
        """One that goes on when its input ends: when it was seen."""
        program = self.spawn([PROGRAM, name], self.traced(), stdin=subprocess.PIPE)
        self.wait_until_seen(program)
        program.stdin.close()
        return program.wait(60)


@case
def clean_ends_are_no_crashes(lab):
    lab.start_exporter()
    endings = {"none": 0, "quick": 3, "raw": 4, "at_once": 5, "exec": 0, "term": -signal.SIGTERM, "threads": 0}
    for name, status in endings.items():
        ended = lab.deed(name)
        lab.check(ended == status, f"{name}: ended with {ended}")
    lab.wait_until_drained()
    lab.check(not lab.reports() and not lab.unfinished(), f"reports: {[r['title'] for r in lab.reports()]}")
    lab.check(not lab.logs(), "log records")


@case
def kill_with_a_call_in_flight(lab):
    lab.start_exporter()
    program = lab.spawn([PROGRAM, "in_flight"], lab.traced(**MINUTE), stdout=subprocess.PIPE)
    program.stdout.readline()
    lab.wait_until_seen(program)
    time.sleep(0.1)  # its span is begun
    program.kill()
    program.wait()
    report = lab.one_report(kind="killed", ended={"by": "killed", "status": 9, "core": False}, signal="SIGKILL")
    spans = [s["name"] for s in report.get("open_spans", [])]
    lab.check(spans == ["SELECT numbered_1"], f"open spans: {spans}")
    lab.check("SELECT numbered_1" in report.get("title", "") + report.get("reason", ""), f"{report.get('title')}")
    calls = lab.calls()
    lab.check(len(calls) == 1 and calls[0]["attributes"].get("otelshim.ended_by") == "killed", f"spans: {calls}")
    log = lab.one_log()
    lab.check(calls and log.get("id") == calls[0]["id"], "the log record is not of that span")


@case
def kill_of_an_unwatched_idle_process_is_nobodys_business(lab):
    lab.start_exporter()
    program = lab.spawn([PROGRAM, "many"], lab.traced(), stdout=subprocess.PIPE)
    program.stdout.readline()
    lab.wait_for(lambda: lab.calls(), 5, "its span")
    program.kill()
    program.wait()
    lab.wait_until_drained()
    lab.check(not lab.reports(), "a report")


def is_killed(report):
    return report["kind"] == "killed" and report["ended"] == {"by": "killed", "status": 9, "core": False}


def own_main(program, *words):
    """A watched process, by a shell that becomes it."""
    return ["sh", "-c", 'OTELSHIM_MAIN=$$ exec "$@"', "sh", program, *words]


@case
def killed_at_once_under_run(lab):
    """Dead before its file was seen: `otelshim run` has told of it before it became the program."""
    lab.start_exporter()
    variables = lab.traced(**MINUTE)
    del variables["LD_PRELOAD"]
    for _ in range(8):
        ended = lab.run([OTELSHIM, "run", PROGRAM, "killed"], variables).returncode
        lab.check(ended == -signal.SIGKILL, f"ended with {ended}")
    reports = lab.wait_for_reports(8)
    lab.check(len(reports) == 8 and all(map(is_killed, reports)), f"{[(r['kind'], r['ended']) for r in reports]}")


@case
def killed_before_the_exporter_that_it_started(lab):
    """It was gone before that one ran; but had handed it a pidfd of itself."""
    for n in range(1, 4):
        ended = lab.run(own_main(PROGRAM, "killed"), lab.traced(OTELSHIM_EXPORTER=str(OTELSHIM), **MINUTE)).returncode
        lab.check(ended == -signal.SIGKILL, f"ended with {ended}")
        reports = lab.wait_for_reports(n)
        lab.check(len(reports) == n and all(map(is_killed, reports)), f"{[(r['kind'], r['ended']) for r in reports]}")
        for pid in lab.auto_started():
            os.kill(pid, signal.SIGKILL)
        lab.wait_for(lambda: not lab.is_served(), 5, "its exporter's end")


@case
def recovered_faults_of_a_program_that_nobody_saw(lab):
    """It ended by a raw exit_group(0), and how is not known to the exporter that comes late."""
    lab.check(lab.deed("recovered") == 0, "another ending")
    lab.check(len(lab.files()) == 1, f"left {lab.files()}")
    lab.start_exporter()
    lab.wait_until_drained()
    lab.check(not lab.reports() and not lab.unfinished(), f"reports: {[r['title'] for r in lab.reports()]}")


@case
def test_crash_by_a_kill(lab):
    variables = {**lab.traced(OTELSHIM_EXPORTER=str(OTELSHIM))}
    del variables["LD_PRELOAD"]
    for _ in range(2):
        tried = lab.run([OTELSHIM, "test-crash", "--signal", "KILL", "-o", "json"], variables)
        lab.check(tried.returncode == 0 and is_killed(json.loads(tried.stdout)), f"{tried}")


@case
def crash_inside_a_call(lab):
    lab.start_exporter()
    status = lab.deed("inside", **MINUTE)
    lab.check(status == -signal.SIGSEGV, f"ended with {status}")
    report = lab.one_report(kind="signal", signal="SIGSEGV", ended={"by": "signal", "status": 11, "core": False})
    frames = [f["function"] for f in report.get("frames", [])]
    lab.check("call" in frames and "inside" in frames, f"frames: {frames}")
    lab.check([t["tid"] for t in report["threads"]][0] == report["tid"], "the crashed thread is not the first")
    lab.wait_for(lab.calls, 5, "the span")
    calls = lab.calls()
    lab.check(len(calls) == 1, f"{len(calls)} spans")
    lab.check(calls[0]["id"] == report["span_id"] and calls[0]["trace"] == report["trace_id"], "another span's ids")
    lab.check(calls[0]["status"] == "ERROR", f"status {calls[0]['status']}")
    events = [e for e in calls[0]["events"] if e[0] == "exception"]
    lab.check(len(events) == 1, f"events: {calls[0]['events']}")
    log = lab.one_log()
    lab.check(log.get("id") == report["span_id"] and log.get("trace") == report["trace_id"], "the log record's ids")
    lab.check(log.get("severity") == 21, f"severity {log.get('severity')}")


@case
def last_twenty_spans(lab):
    lab.start_exporter()
    lab.deed("recent")
    report = lab.one_report(kind="signal", signal="SIGSEGV")
    names = [s["name"] for s in report.get("recent_spans", [])]
    lab.check(names == [f"SELECT numbered_{i}" for i in range(11, 31)], f"{names}")
    lab.check(not report["open_spans"] and report["span_id"] is None, "open spans")


@case
def own_handler_that_gives_up(lab):
    lab.start_exporter()
    lab.check(lab.seen_deed("handled") == 7, "another exit status")
    report = lab.one_report(kind="handled", signal="SIGSEGV", ended={"by": "exit", "status": 7, "core": False})
    lab.check("handled" in [f["function"] for f in report.get("frames", [])], "its frames")


@case
def blocked_signal(lab):
    lab.start_exporter()
    lab.check(lab.seen_deed("blocked") == -signal.SIGSEGV, "another ending")
    report = lab.one_report(kind="signal", signal="SIGSEGV")
    lab.check(report["ended"]["by"] == "signal" and not report["registers"], "registers of a fault that nobody saw")


@case
def exporter_that_comes_late(lab):
    status = lab.deed("fault")
    lab.check(status == -signal.SIGSEGV and len(lab.files()) == 1, f"ended with {status}, left {lab.files()}")
    lab.start_exporter()
    report = lab.one_report(kind="signal", signal="SIGSEGV")
    lab.check("fault" in [f["function"] for f in report.get("frames", [])], f"frames: {report.get('frames')}")
    lab.one_log()


@case
def exporter_killed_in_the_middle(lab):
    for delay_ms in (0, 5, 20, 60, 150, 400):
        before = len(lab.reports())
        exporter = lab.start_exporter()
        program = lab.spawn([PROGRAM, "fault"], lab.traced())
        lab.wait_for(lambda: list(lab.store.glob("*.case")) or len(lab.reports()) > before, 5, "a raw case")
        time.sleep(delay_ms / 1000)
        lab.stop_exporter(exporter, signal.SIGKILL)
        program.wait()
        second = lab.start_exporter()
        lab.wait_for_reports(before + 1)
        lab.stop_exporter(second)
        reports = lab.reports()
        lab.check(len(reports) == before + 1, f"after {delay_ms} ms: {len(reports) - before} reports")
        lab.check(reports and reports[-1]["ended"]["by"] in ("signal", "unknown"), f"{reports[-1]['ended']}")
    wanted = {r["id"] for r in lab.reports()}
    lab.wait_for(lambda: {log["attributes"].get("app.crash.id") for log in lab.logs()} == wanted, 5, "a log record of each crash")
    ids = [log["attributes"].get("app.crash.id") for log in lab.logs()]
    lab.check(len(wanted) == 6 and set(ids) == wanted, f"{ids}, not {wanted}")
    lab.check(len(ids) <= 7, f"{len(ids)} log records of 6 crashes")  # killed while one was on its way: at least once


@case
def report_that_is_there_is_not_made_again(lab):
    """An exporter died when all was done but the removal of the process's file."""
    lab.check(lab.deed("fault") == -signal.SIGSEGV, "another ending")
    kept = {name: (lab.box / name).read_bytes() for name in lab.files()}
    lab.check(len(kept) == 1, f"files {list(kept)}")
    for _ in range(2):
        exporter = lab.start_exporter()
        lab.wait_for_reports(1)
        lab.one_log()
        lab.stop_exporter(exporter)
        for name, content in kept.items():
            (lab.box / name).write_bytes(content)
            (lab.box / name).chmod(0o600)


@case
def case_that_kills_exporters_is_given_up(lab):
    """A case that is not whole, and one that was tried again already."""
    lab.store.mkdir(parents=True, mode=0o700)
    broken = lab.store / "20260101T000000000Z-broken-1-00000000.case"
    broken.write_bytes(b"OTSHCASE\1\0\0\0\0\0\0\0\2\0\0\0\xff\xff\xff\xff")
    tried = lab.store / "20260101T000000000Z-tried-1-00000001.case"
    tried.write_bytes(b"OTSHCASE")
    (lab.store / "20260101T000000000Z-tried-1-00000001.again").touch()
    for name in (broken, tried):
        os.utime(name, (time.time() - 100,) * 2)
    exporter = lab.start_exporter()
    lab.wait_for(lambda: not lab.unfinished(), 10, f"an empty store: {lab.unfinished()}")
    lab.check(exporter.poll() is None and not lab.reports(), "an exporter that lives, and no report")


@case
def storm_and_bounds(lab):
    lab.start_exporter(OTELSHIM_CRASH_MAX_REPORTS="5")
    programs = [lab.spawn([PROGRAM, "fault"], lab.traced(f"storm{i % 3}")) for i in range(20)]
    for program in programs:
        lab.check(program.wait(120) == -signal.SIGSEGV, "another ending")
    lab.wait_for(lambda: not lab.files() and not lab.unfinished() and len(lab.logs()) >= 20, 40,
                 f"20 reports: {len(lab.logs())} log records, {lab.unfinished()}")
    lab.check(len(lab.reports()) == 5, f"{len(lab.reports())} reports are kept")
    lab.check(len(lab.logs()) == 20, f"{len(lab.logs())} log records")


@case
def store_that_was_removed(lab):
    lab.start_exporter()
    lab.deed("fault")
    lab.wait_for_reports(1)
    lab.wait_until_drained()
    shutil.rmtree(lab.store)
    lab.deed("fault")
    report = lab.one_report(kind="signal", signal="SIGSEGV")
    lab.check(report.get("frames"), "no frames")


@case
def store_that_is_removed_in_the_middle(lab):
    """The child finds nothing and can write nothing: what the exporter holds of the case goes out all the same."""
    exporter = lab.start_exporter()
    children = Path(f"/proc/{exporter.pid}/task/{exporter.pid}/children")
    lab.spawn([PROGRAM, "fault"], lab.traced())
    lab.wait_for(children.read_text, 5, "the child that reads symbols")
    shutil.rmtree(lab.store)
    log = lab.one_log()
    lab.check(log["attributes"].get("exception.type") == "SIGSEGV", f"{log['attributes']}")
    report = lab.one_report(kind="signal", signal="SIGSEGV")
    lab.check(report["pid"] == report["tid"] != 0, "another process")


@case
def off_switch(lab):
    lab.start_exporter()
    lab.check(lab.deed("fault", OTELSHIM_CRASH="0") == -signal.SIGSEGV, "another ending")
    lab.wait_until_drained()
    lab.check(not lab.reports(), "a report")


@case
def held_less_than_the_bound(lab):
    exporter = lab.start_exporter()
    for _ in range(5):
        lab.deed("fault")
    lab.wait_for_reports(5)
    lab.stop_exporter(exporter)
    times = [int(t) for t in re.findall(r"captured (\d+) us after the fault", (lab.directory / "exporter.log").read_text())]
    # That the library waits no longer is for tests/bench/gates. What the machine makes of the exporter's time is in all but the best.
    lab.check(len(times) == 5 and min(times) < 200000, f"held for {times} us")
    print(f"# held for {sorted(times)} us")


def hang(lab, deed, **more):
    return lab.spawn([PROGRAM, deed], lab.traced(OTELSHIM_WATCHDOG="700", **more), stdout=subprocess.PIPE)


@case
def watchdog_on_a_loop_a_stop_and_a_deadlock(lab):
    lab.start_exporter()
    for n, (deed, words) in enumerate([("spin", "runs without"), ("stop", "stopped"), ("deadlock", "mutex")], 1):
        program = hang(lab, deed)
        lab.wait_for(lambda n=n: len(lab.reports()) >= n, 8, f"a report of {deed}")
        if deed == "stop":
            lab.check(Path(f"/proc/{program.pid}/stat").read_text().split(")")[1].split()[0] == "T", "it does not stand any more")
        program.send_signal(signal.SIGCONT if deed == "stop" else signal.SIGUSR1)
        ended = program.wait(60)
        lab.check(ended == (0 if deed == "stop" else 7), f"{deed}: ended with {ended}")
        lab.wait_until_drained()
        reports = lab.reports()
        lab.check(len(reports) == n, f"{deed}: {len(reports)} reports, not {n}")
        last = [r for r in reports if words in (r["message"] or "")]
        lab.check(len(last) == 1 and last[0]["kind"] == "stacks" and last[0]["threads"], f"{deed}: {[r['message'] for r in reports]}")


@case
def watchdog_on_a_call(lab):
    lab.start_exporter()
    program = hang(lab, "held", **MINUTE)
    lab.wait_for(lab.reports, 10, "a report")
    program.send_signal(signal.SIGUSR1)
    lab.check(program.wait(120) == 0, "another ending")
    lab.wait_until_drained()
    report = lab.one_report(kind="stacks")
    lab.check("call of thread" in (report.get("message") or ""), f"{report.get('message')}")
    lab.check([s["name"] for s in report["open_spans"]] == ["SELECT numbered_1"], f"{report['open_spans']}")


@case
def watchdog_lets_idle_programs_be(lab):
    lab.start_exporter()
    program = hang(lab, "idle")
    lab.check(program.wait(120) == 0, "another ending")
    lab.wait_until_drained()
    lab.check(not lab.reports(), "a report")


@case
def stacks_of_64_threads(lab):
    for environment in (lab.environment, lab.traced()):
        program = subprocess.Popen([PROGRAM, "many"], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        lab.programs.append(program)
        program.stdout.readline()
        shown = lab.run([OTELSHIM, "stacks", "-o", "json", str(program.pid)])
        report = json.loads(shown.stdout)
        lab.check(len(report["threads"]) == 64, f"{len(report['threads'])} threads")
        named = sum("idle" in [f["function"] for f in t["frames"]] for t in report["threads"])
        lab.check(named == 63, f"{named} threads in idle()")
        lab.check(os.waitpid(program.pid, os.WNOHANG | os.WUNTRACED | os.WCONTINUED) == (0, 0), "its parent's wait() was told")
        states = {Path(t / "stat").read_text().rsplit(")", 1)[1].split()[0] for t in Path(f"/proc/{program.pid}/task").iterdir()}
        lab.check(states <= {"S", "R"}, f"threads are left in {states}")
        text = lab.run([OTELSHIM, "stacks", str(program.pid)]).stdout.decode()
        lab.check(text.count("idle") >= 63, text[:300])
        program.stdin.close()
        lab.check(program.wait(60) == 0, "another ending")
    missing = lab.run([OTELSHIM, "stacks", "4194300"])
    lab.check(missing.returncode == 1 and b"No such process" in missing.stderr, f"{missing}")


def run(function):
    name = function.__name__
    lab = Deaths(name)
    try:
        function(lab)
    except Exception:  # noqa: BLE001  (a case that breaks is a case that fails)
        lab.problems.append(traceback.format_exc())
    report = lab.close()
    print(("not ok " if lab.problems else "ok ") + name, flush=True)
    for problem in lab.problems:
        print("    " + str(problem).replace("\n", "\n    "))
    if report:
        print("    " + report.replace("\n", "\n    "), flush=True)
    return not lab.problems


wanted = sys.argv[1:]
results = [run(function) for function in cases if not wanted or any(w in function.__name__ for w in wanted)]
print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
sys.exit(not all(results) or not results)
