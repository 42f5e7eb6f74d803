"""Cases 7-10: exporters and collectors that come and go; how an exporter is started; how long an exit takes."""
import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

from case import Skip, case
from kills import number_of
from lab import OTELSHIM, program, root


class Collector:
    """tests/fakes/otlp: the official schema, and misbehaviour."""

    def __init__(self, lab, schedule="ok"):
        self.lab, self.port, self.process = lab, 0, None
        self.spans_file = lab.directory / "collected"
        self.start(schedule)

    def start(self, schedule="ok"):
        ports = self.lab.directory / "ports"
        ports.unlink(missing_ok=True)
        self.process = self.lab.spawn([root / "tests/fakes/otlp", "--port", str(self.port), "--port-file", ports, "--spans",
                                       self.spans_file, "--schedule", schedule])
        self.lab.wait_for(lambda: ports.exists() and ports.read_text().endswith("\n"), 10, "the collector")
        self.port, self.control = map(int, ports.read_text().split())
        self.url = f"http://127.0.0.1:{self.port}"
        self.lab.endpoints.add(self.url)

    def stop(self):
        self.process.kill()
        self.process.wait()

    def counts(self):
        import urllib.request
        return json.loads(urllib.request.urlopen(f"http://127.0.0.1:{self.control}/counts", timeout=5).read())

    def calls(self, service):
        lines = self.spans_file.read_text().splitlines() if self.spans_file.exists() else []
        spans = [json.loads(line) for line in lines]
        return [s["span"] for s in spans if s["resource"]["attributes"].get("service.name") == service
                and "db.query.text" in s["span"]["attributes"]]


MIXED_NS = 1_000_000_000  # of one look into the file: chunks are read by their place, not by their age; a busy machine looks late


def check_all(lab, collector, service, n, may_repeat=False):
    """All of them; batches in order."""
    spans, newest_ns = collector.calls(service), 0
    numbers = [number_of(s)[1] for s in spans]
    missing = sorted(set(range(1, n + 1)) - set(numbers))
    lab.check(not missing, f"{service}: {len(missing)} of {n} missing, as {missing[:5]}")
    lab.check(may_repeat or len(numbers) == n, f"{service}: {len(numbers) - n} repeated")
    seen, late = set(), []
    for number, span in zip(numbers, spans):
        if number not in seen and newest_ns - span["start_unix_ns"] > MIXED_NS:
            late.append(number)
        seen.add(number)
        newest_ns = max(newest_ns, span["start_unix_ns"])
    lab.check(not late, f"{service}: {len(late)} arrived after much later ones, as {late[:5]}")
    lab.check(not collector.counts()["errors"], f"{service}: {collector.counts()['errors'][:3]}")


def run_calls(lab, collector, service, n, pause_us, *more):
    environment = lab.traced(service, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
    lab.compare([program("calls"), str(n), "1", str(pause_us), *more], environment, what=service)


@case("collector/down_then_up")
def down_then_up(lab):
    lab.use_stub()
    collector = Collector(lab)
    collector.stop()
    lab.start_exporter()
    run_calls(lab, collector, "down", 3000, 1000, "10")
    lab.wait_for(lambda: lab.spooled() and not lab.files(), 20, "batches in the spool")
    report = lab.status()["destinations"][0]
    lab.check(report["down"] and report["last_error"], f"the report does not say it is down: {report}")
    collector.start()
    lab.wait_until_drained(60)
    check_all(lab, collector, "down", 3000)


@case("collector/comes_and_goes")
def comes_and_goes(lab):
    lab.use_stub()
    collector = Collector(lab)
    lab.start_exporter()
    process = lab.spawn([program("calls"), "4000", "1", "1000"],
                        lab.traced("flapping", OTEL_EXPORTER_OTLP_ENDPOINT=collector.url))
    for _ in range(6 if lab.is_full else 2):
        time.sleep(0.5)
        collector.stop()
        time.sleep(0.7)
        collector.start()
    lab.check(process.wait(360) == 0, "the program's exit status")
    lab.wait_until_drained(60)
    check_all(lab, collector, "flapping", 4000, may_repeat=True)


@case("collector/refuses")
def refuses(lab):
    lab.use_stub()
    collector = Collector(lab, "503:1,429:1,502,close,half,slow:300,ok")
    lab.start_exporter()
    run_calls(lab, collector, "refused", 1500, 1000, "10")
    lab.wait_until_drained(60)
    check_all(lab, collector, "refused", 1500, may_repeat=True)


@case("collector/spool_of_another")
def spool_of_another(lab):
    """What an exporter left in the spool, ended by SIGTERM or SIGKILL, the next one delivers; and it leaves at once."""
    lab.use_stub()
    collector = Collector(lab)
    for how in (signal.SIGTERM, signal.SIGKILL):
        service = f"left-by-{how.name}"
        collector.stop()
        exporter = lab.start_exporter()
        run_calls(lab, collector, service, 1000, 0)
        if how == signal.SIGKILL:
            lab.wait_for(lambda: lab.spooled() and not lab.files(), 20, "batches in the spool")
        from_s = time.monotonic()
        lab.stop_exporter(exporter, how)
        lab.check(time.monotonic() - from_s < 9, f"{service}: {time.monotonic() - from_s:.1f} s to leave")
        collector.start()
        exporter = lab.start_exporter(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
        lab.wait_until_drained(30)
        check_all(lab, collector, service, 1000, may_repeat=True)
        lab.stop_exporter(exporter)


@case("box/logout")
def logout(lab):
    """The drop box is removed under a running program and its exporter."""
    lab.use_stub()
    lab.start_exporter()
    process = lab.spawn([program("calls"), "600", "1", "5000"], lab.traced("stays"), stdout=subprocess.PIPE)
    lab.wait_for(lambda: lab.calls("stays"), 10, "the first span")
    for i in range(3):
        shutil.rmtree(lab.box, ignore_errors=True)
        lab.wait_for(lab.is_served, 10, "the exporter to make its box anew")
        lab.check((lab.box.stat().st_mode & 0o777) == 0o700, f"mode {oct(lab.box.stat().st_mode)}")
        lab.compare([program("calls"), "100"], lab.traced(f"new-{i}"))
        lab.wait_for(lambda i=i: len(lab.calls(f"new-{i}")) == 100, 5, f"the spans of new-{i}")
    lab.check(process.communicate(timeout=30)[0] == b"600 calls\n" and process.returncode == 0, "the running program")
    lab.wait_until_drained()
    lab.wait_for(lambda: len(lab.calls("stays")) == 600, 10, "the running program's spans")
    for i in range(3):
        numbers = sorted(number_of(s)[1] for s in lab.calls(f"new-{i}"))
        lab.check(numbers == list(range(1, 101)), f"new-{i}: {len(numbers)} of 100")
    lab.check_tree(lab.spans("stays"), "stays")


def autostart(lab, service, leave_after=None, **more):
    exporter = str(OTELSHIM)
    if leave_after is not None:
        script = lab.directory / "exporter"
        script.write_text(f'#!/bin/sh\nexec {OTELSHIM} "$@" --leave-after {leave_after}\n')
        script.chmod(0o755)
        exporter = str(script)
    return lab.traced(service, OTELSHIM_EXPORTER=exporter, **more)


def status_line(pid, name):
    return re.search(rf"^{name}:\s*(\S+)", Path(f"/proc/{pid}/status").read_text(), re.M)[1]


@case("start/unseen")
def unseen(lab):
    """wait(-1) in four threads and a SIGCHLD handler see nothing of it; it is nobody's child, and inherits nothing."""
    lab.use_stub()
    environment = autostart(lab, "reaper", TRACEPARENT="00-" + "1" * 32 + "-" + "2" * 16 + "-01")
    command = ["sh", "-c", f"exec 7</dev/null; ulimit -f 100000; nice -n 5 {program('reaper')} 5 | tail -n 1"]
    from_s = time.monotonic()
    lab.compare(command, environment, what="reaper")
    lab.check(time.monotonic() - from_s < 28, "`program | tail` did not end")
    lab.until(lambda: lab.auto_started() and lab.is_served(), 5)
    started = lab.auto_started()
    if not lab.check(len(started) == 1, f"exporters {started}"):
        return
    pid = started[0]
    variables = {v.split(b"=")[0] for v in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")}
    lab.check(not variables & {b"LD_PRELOAD", b"TRACEPARENT", b"OTELSHIM_MAIN"}, f"environment {variables}")
    stat = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    lab.check(int(stat[3]) == pid and int(stat[2]) == pid, "not a session of its own")
    lab.check(int(stat[4]) == 0, "it has a terminal")
    lab.check(stat[16] == "0", f"nice {stat[16]}")
    targets = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in (0, 1, 2)]
    lab.check(targets == ["/dev/null"] * 3, f"descriptors 0-2: {targets}")
    pipes = [t for t in map(os.readlink, map(str, Path(f"/proc/{pid}/fd").iterdir())) if t.startswith("pipe:")]
    shared = [p for p in pipes if p == os.readlink("/proc/self/fd/1")]
    lab.check(not shared, f"our pipe: {shared}")
    lab.check(os.readlink(f"/proc/{pid}/cwd") == "/", "its directory")
    lab.check(status_line(pid, "SigBlk") == "0" * 16, f"blocked {status_line(pid, 'SigBlk')}")
    lab.check(status_line(pid, "Umask") == "0077", f"umask {status_line(pid, 'Umask')}")
    lab.check(int(status_line(pid, "PPid")) != os.getpid(), "our child")
    lab.wait_until_drained()
    lab.check(len(lab.calls("reaper")) == 50, f"{len(lab.calls('reaper'))} of 50 calls")
    os.kill(pid, signal.SIGTERM)
    lab.wait_for(lambda: not lab.auto_started(), 3, "it to leave on SIGTERM")


@case("start/once_and_leaves")
def once_and_leaves(lab):
    """Many programs at once: one exporter. It leaves by itself, and the next program starts another one."""
    lab.use_stub()
    environment = autostart(lab, "many", leave_after=1)
    for round_ in (1, 2):
        running = [lab.spawn([program("calls"), "20", "1", "10000"], environment) for _ in range(12)]
        for process in running:
            lab.check(process.wait(180) == 0, "exit status")
        lab.wait_for(lambda: len(lab.auto_started()) <= 1, 5, "all exporters but one to leave")
        lab.wait_until_drained()
        n = len(lab.calls("many"))
        lab.check(n == 240 * round_, f"{n} calls of {240 * round_}")
        lab.wait_for(lambda: not lab.auto_started() and not lab.is_served(), 15, "the exporter to leave")


@case("start/replaced")
def replaced(lab):
    """An exporter that dies under a running program is replaced by it."""
    lab.use_stub()
    environment = autostart(lab, "replaced")
    process = lab.spawn([program("calls"), "5000", "1", "2000"], environment)
    for _ in range(2):
        lab.wait_for(lambda: lab.auto_started() and lab.is_served(), 10, "an exporter")
        time.sleep(0.3)
        for pid in lab.auto_started():
            os.kill(pid, signal.SIGKILL)
    lab.check(process.wait(360) == 0, "exit status")
    lab.wait_for(lambda: lab.auto_started() and lab.is_served(), 10, "an exporter")
    lab.wait_until_drained()
    numbers = {number_of(s)[1] for s in lab.calls("replaced")}
    lab.check(len(numbers) == 5000, f"{len(numbers)} of 5000")


def waits_of(lab, environment):
    """Seconds it took, and how often the program waited on a futex or slept."""
    log = lab.directory / "strace"
    from_s = time.monotonic()
    result = lab.run(["strace", "-f", "-o", log, "-e", "trace=futex,nanosleep,clock_nanosleep,poll,ppoll,select,pselect6,wait4",
                      "-E", f"LD_PRELOAD={environment.get('LD_PRELOAD', '')}", program("calls"), "5"],
                     {k: v for k, v in environment.items() if k != "LD_PRELOAD"})
    seconds = time.monotonic() - from_s
    lab.check(result.stdout == b"5 calls\n" and result.returncode == 0, f"{result}")
    waits = [line for line in log.read_text().splitlines() if "FUTEX_WAKE" not in line and "(" in line and "+++" not in line]
    return seconds, waits


@case("exit/not_delayed")
def not_delayed(lab):
    if not shutil.which("strace"):
        raise Skip("no strace")
    lab.use_stub()
    collector = Collector(lab, "hang")
    _, plain = waits_of(lab, lab.environment)
    hanging = lab.traced("hanging", OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
    _, waits = waits_of(lab, {**hanging, "OTELSHIM_FLUSH_TIMEOUT": "30000"})
    lab.check(waits == plain, f"without an exporter: {waits}")
    lab.start_exporter()
    seconds, waits = waits_of(lab, hanging)
    lab.check(waits == plain, f"with a collector that hangs: {waits}")
    seconds, waits = waits_of(lab, {**hanging, "OTELSHIM_FLUSH_TIMEOUT": "700"})
    lab.check(waits and 0.6 < seconds < 25, f"OTELSHIM_FLUSH_TIMEOUT=700 took {seconds:.2f} s: {waits[:3]}")
    seconds, waits = waits_of(lab, lab.traced("flushed", OTELSHIM_FLUSH_TIMEOUT="30000"))
    lab.check(len(lab.calls("flushed")) == 5, f"{len(lab.calls('flushed'))} of 5 calls were delivered when it ended")
    lab.check(seconds < 29, f"a delivered program waited {seconds:.1f} s")


@case("dropped/storm")
def dropped_storm(lab):
    """Eighty programs that all end before an exporter comes, most with more calls than their file holds: what arrives and what is
    said to be lost (by `status`, in its log, as a metric) are all that there was."""
    lab.use_stub()
    n_programs, n_calls, made = 80, 700, 701  # and the connection

    def call(service, **more):
        result = lab.run([program("calls"), str(n_calls)], lab.traced(service, OTEL_METRIC_EXPORT_INTERVAL="500", **more))
        lab.check(result.stdout == f"{n_calls} calls\n".encode(), f"{result}")

    for _ in range(n_programs):
        call("storm", OTELSHIM_BUFFER_SIZE="64K")
    lab.start_exporter()
    lab.wait_until_drained(60)
    ended = lab.status()["ended"]
    lost = ended["dropped"].get("no_chunk", 0)  # spans; the number of open connections is one more that finds no room
    arrived = [s for s in lab.spans("storm") if s["kind"] == "client"]
    lab.check(lost > n_programs, f"{ended}: this shows nothing")
    lab.check(ended["processes"] == n_programs and len(arrived) + lost == n_programs * made,
              f"{len(arrived)} arrived + {lost} lost of {n_programs * made}: {ended}")
    log = (lab.directory / "exporter.log").read_text()
    lab.check(sum(map(int, re.findall(r"; lost in the program: no_chunk (\d+)", log))) == lost, "its log says another number")

    def counted():
        last = {}
        for point in lab.receiver.points:
            if point["name"] == "otelshim.drops" and point["attributes"] == {"otelshim.drop.reason": "no_chunk"}:
                last[point["resource"]["service.instance.id"]] = point["value"]
        return sum(last.values())

    lab.wait_for(lambda: lab.receiver.decode() or counted() == lost, 10, f"a metric of {lost}; {counted()}")


@case("dropped/spool")
def dropped_spool(lab):
    """A collector that is away while more comes than the spool may hold, and an exporter that ends meanwhile: what the next one delivers
    and what the first said was dropped are all that there was."""
    lab.use_stub()
    collector, n_calls = Collector(lab), 20000
    collector.stop()
    settings = {"OTELSHIM_SPOOL_SIZE": "256K", "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_METRICS_EXPORTER": "none",
                "OTEL_EXPORTER_OTLP_COMPRESSION": "none", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "128"}
    exporter = lab.start_exporter()
    result = lab.run([program("calls"), str(n_calls), "1", "20000", "1000"], lab.traced("kept", **settings))
    lab.check(result.stdout == f"{n_calls} calls\n".encode(), f"{result}")
    lab.wait_for(lambda: not lab.files(), 60, "its file to be drained")
    report = lab.status()
    lab.stop_exporter(exporter)
    said = re.findall(r"/v1/traces: (\d+) delivered, (\d+) rejected, (\d+) dropped$", (lab.directory / "exporter.log").read_text(), re.M)
    if not lab.check(len(said) == 1 and int(said[0][2]) > n_calls / 10, f"its log says {said} was lost"):
        return
    lost = int(said[0][2])
    lab.check(not report["ended"]["dropped"], f"{report['ended']}: a slow exporter")
    collector.start()
    lab.start_exporter("--leave-after", "0", wait=False, **settings).wait(120)
    lines = collector.spans_file.read_text().splitlines()
    made = report["ended"]["recorded"]  # its calls, its connection, and a root for each time it paused
    lab.check(n_calls + 2 <= made <= n_calls + 50 and len(lines) + lost == made, f"{len(lines)} arrived + {lost} lost of {made}")
