#!/usr/bin/env python3
"""Crash reports from the fault to the receiver: the JSON by its schema, the text, the log record and the span by the official proto.

A program crashes three inlined functions deep in the callback of a request (report.c). What must be found: names and lines, the call
in flight, one fingerprint for one bug, no secret anywhere; `otelshim crashes`, `symbolize` and `test-crash` on what it left.
"""
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

here = Path(__file__).resolve().parent
root = here.parents[2]
sys.path += [str(here.parent), "/usr/lib/python3/dist-packages"]
import jsonschema  # Debian's: the venv has the proto alone
from receiver import Receiver

build = Path(os.environ.get("BUILD", root / "build")).resolve()
otelshim = build / "otelshim"
schema = jsonschema.Draft7Validator(json.loads((root / "tests/crash_report.schema.json").read_text()))
SECRET = "TopSecretMarker"
passed = failed = 0


def check(name, problem):
    """`problem`: "" or what is wrong."""
    global passed, failed
    passed, failed = passed + (not problem), failed + bool(problem)
    print(f"{'not ok' if problem else 'ok'} crash/report: {name}", flush=True)
    if problem:
        print("    " + str(problem)[:2000])
    return not problem


class Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_):
        pass


class Bench:
    def __init__(self, directory):
        self.directory = directory
        (directory / "box").mkdir(mode=0o700)
        self.receiver = Receiver()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        self.environment = {
            "PATH": os.environ["PATH"], "HOME": str(directory), "LANG": "C.UTF-8", "XDG_STATE_HOME": str(directory / "state"),
            "XDG_RUNTIME_DIR": str(directory), "OTELSHIM_DIR": str(directory / "box"), "OTELSHIM_EXPORTER": "none",
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.receiver.url, "OTEL_BSP_SCHEDULE_DELAY": "100", "OTEL_METRICS_EXPORTER": "none",
        }
        self.store = directory / "state/otelshim/crashes"
        self.log = open(directory / "export.log", "w")
        self.exporter = subprocess.Popen([otelshim, "export", "--dir", directory / "box"], env=self.environment, stdout=self.log,
                                         stderr=self.log)
        until(lambda: (directory / "box/lock").exists(), 5)

    def close(self):
        self.exporter.terminate()
        self.exporter.wait(60)
        self.receiver.close()
        self.server.shutdown()

    def crash(self, program, *arguments, **settings):
        """Runs it to its death; its report, once whole (with all threads), and its text."""
        known = set(self.store.glob("*.json"))
        process = subprocess.Popen([program, f"http://user:{SECRET}@127.0.0.1:{self.server.server_address[1]}/v1/orders", *arguments],
                                   env={**self.environment, "LD_PRELOAD": str(build / "libotelshim.so"), "OTEL_SERVICE_NAME": "reported",
                                        "AWS_SECRET_ACCESS_KEY": SECRET, **settings},
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        process.wait(120)
        assert process.returncode == -11, process.returncode
        def find():
            return [path for path in set(self.store.glob("*.json")) - known
                    if f"-{process.pid}-" in path.name and not list(self.store.glob(path.stem + ".case"))]
        found = until(find, 10)
        assert found, f"no report of {process.pid} in {list(self.store.glob('*'))}"
        return json.loads(found[0].read_text()), found[0].with_suffix(".txt").read_text()

    def run(self, *arguments):
        return subprocess.run([otelshim, *arguments], env=self.environment, capture_output=True, text=True, timeout=180)


def until(condition, seconds, patience=6):
    end = time.monotonic() + seconds * patience
    while not (value := condition()) and time.monotonic() < end:
        time.sleep(0.02)
    return value


def compile_to(target, *flags, source=None):
    subprocess.run(["gcc", "-O2", "-g", "-D_GNU_SOURCE", *flags, "-x", "c", source or here / "report.c", "-o", target, "-lcurl", "-lpthread"],
                   check=True)
    return target


def line_of(comment):
    return next(n for n, line in enumerate((here / "report.c").read_text().splitlines(), 1) if comment in line)


def check_report(report, text):
    errors = [f"{list(e.path)}: {e.message}" for e in schema.iter_errors(report)]
    check("the JSON is as its schema says", "; ".join(errors[:5]))
    frames = [(f["function"], f["line"], f["inlined"]) for f in report["frames"][:4]]
    wanted = [("price_of", line_of("crashes here"), True), ("spread", line_of("called here"), True),
              ("decide", line_of("and here"), True), ("take_answer", line_of("decide(best)"), False)]
    check("three inlined functions and their lines", frames != wanted and frames)
    names = [f["function"] for f in report["frames"]]
    check("through libcurl to main", ("fetch" not in names or "main" not in names) and names)
    check("signal, code, address, reason",
          (report["signal"], report["code"], report["address"]) != ("SIGSEGV", "SEGV_MAPERR", "0x8") or
          "read of 0x8: null pointer + 8, address from r" not in report["reason"] and report["reason"])
    first = text.splitlines()[0]
    check("the first line says what, where and doing what",
          not re.fullmatch(r"report: SIGSEGV in price_of \(report\.c:\d+\): null pointer \+ 8 read, while GET 127\.0\.0\.1:\d+/v1/orders was in flight", first) and first)
    open_calls = [s for s in report["open_spans"] if s["kind"] == "client"]
    check("the call in flight", (len(open_calls) != 1 or open_calls[0]["span_id"] != report["span_id"]) and report["open_spans"])
    check("the other thread", [t["name"] for t in report["threads"]] != ["report", "waiter"] and report["threads"])
    check("how it ended", report["ended"]["by"] != "signal" or report["ended"]["status"] != 11)


def open_span_of(bench, report):
    return until(lambda: [s for s in bench.receiver.spans if s["id"] == report["span_id"]], 10)


def check_telemetry(bench, report, crash_again):
    record = until(lambda: [r for r in bench.receiver.logs if r["attributes"].get("app.crash.id") == report["id"]], 10)
    check("one log record arrived", len(record) != 1 and f"{len(record)} of {len(bench.receiver.logs)}")
    if not record:
        return
    record = record[0]
    wanted = {"severity": 21, "severity_text": "FATAL", "event": "app.crash", "body": report["title"], "trace": report["trace_id"],
              "id": report["span_id"], "scope": "otelshim.crash"}
    check("severity, event, ids", {key: (record[key], value) for key, value in wanted.items() if record[key] != value})
    attributes = record["attributes"]
    check("exception.*", attributes.get("exception.type") != "SIGSEGV" or "null pointer" not in attributes.get("exception.message", "") or
          "at price_of (" not in attributes.get("exception.stacktrace", "") and attributes)
    check("of the crashed process's resource", record["resource"].get("service.name") != "reported" or
          record["resource"].get("process.pid") != report["pid"])
    span = open_span_of(bench, report)
    check("the open span arrived once", len(span) != 1 and f"{len(span)} times")
    for _ in range(4):  # a starved machine's report may take longer than the two seconds that a span waits for it
        if span and span[0]["exceptions"]:
            break
        report, _ = crash_again()
        span = open_span_of(bench, report)
    if not check("a span that was open arrived", not span):
        return
    span = span[0]
    check("ended with error", (span["status"], span["attributes"].get("error.type")) != ("ERROR", "SIGSEGV") and span)
    check("with an exception event", [e["exception.type"] for e in span["exceptions"]] != ["SIGSEGV"] and span)


def check_secrets(bench):
    files = [path for path in bench.directory.rglob("*") if path.is_file() and path.suffix in (".json", ".txt", ".log")]
    leaks = [str(path) for path in files if SECRET in path.read_text(errors="replace")]
    sent = json.dumps([bench.receiver.logs, bench.receiver.spans], default=str)
    check("no secret anywhere", leaks or (SECRET in sent and "in what was sent"))


def check_grouping(bench, report):
    source = (here / "report.c").read_text().splitlines()
    moved = bench.directory / "moved.c"
    moved.write_text("\n".join(["/* more */"] * 40 + source) + "\n")
    other_build, _ = bench.crash(compile_to(bench.directory / "report", "-O1", source=moved))
    check("one bug, one fingerprint: rebuilt, moved, elsewhere", other_build["fingerprint"] != report["fingerprint"] and
          [[f["function"] for f in r["frames"] if f["own"]][:5] for r in (report, other_build)])
    return other_build


def check_crashes(bench, n):
    listed = bench.run("crashes", "report")
    lines = listed.stdout.splitlines()
    check("crashes: a heading and a line each, the most recent last",
          (len(lines) != n + 1 or not lines[0].startswith("TIME") or lines[1:] != sorted(lines[1:], key=lambda l: l[:19])) and listed.stdout)
    documents = json.loads(bench.run("crashes", "list", "report", "-o", "json").stdout)["reports"]
    last = documents[-1]
    check("crashes -o json", len(documents) != n)
    for match in (str(last["pid"]), last["id"][:8], last["exe"]):
        shown = bench.run("crashes", "show", "-1", "-o", "json", match)
        check(f"crashes show {'EXE' if '/' in match else 'PID or ID'}", json.loads(shown.stdout or "{}").get("id") != last["id"] and shown)
    check("crashes show: the last one, as text", last["title"] not in bench.run("crashes", "show", "report", "-1").stdout)
    check("crashes -n 1", len(bench.run("crashes", "-q", "-n", "1").stdout.splitlines()) != 1)
    check("crashes --since, --until", (len(bench.run("crashes", "-q", "report", "--since", "-1h").stdout.splitlines()) != n or
                                       bench.run("crashes", "--until", "-1h").returncode != 1))
    check("crashes export: a document a line", [json.loads(l)["id"] for l in bench.run("crashes", "export", "report").stdout.splitlines()] !=
          [d["id"] for d in documents])
    # a report by a child that was taken over
    evil = bench.store / "20200101T000000000Z-evil-1-00000000.json"
    evil.write_text(json.dumps({"schema": 1, "id": "\x1b[2J", "signal": "\x1b[31m", "fingerprint": "\x1b[1m", "exe": "/evil", "title": "\x1b[0m"}))
    shown = bench.run("crashes", "evil").stdout
    check("crashes: nothing of a report controls the terminal", ("\x1b" in shown or "?[2J" not in shown) and shown)
    evil.unlink()
    nothing = bench.run("crashes", "no-such-program")
    check("no report: status 1", (nothing.returncode != 1 or nothing.stdout) and nothing)
    check("wrong usage: status 2", [bench.run("crashes", *a).returncode for a in (["--since", "soon"], ["prune"], ["-n", "0"], ["a", "b"])] != [2] * 4)


def check_symbolize(bench):
    """Stripped when it died; the symbols come later."""
    program = bench.directory / "later"
    compile_to(program)
    kept = program.read_bytes()
    subprocess.run(["strip", program], check=True)
    report, _ = bench.crash(program)
    stripped = [f["function"] for f in report["frames"][:1]]
    check("stripped: module and offset", (stripped != [None] or not report["frames"][0]["offset"] or not report["frames"][0]["build_id"]) and report["frames"][0])
    program.write_bytes(kept)
    named = bench.run("symbolize", "--save", "-o", "json", report["id"])
    names = [f["function"] for f in json.loads(named.stdout or "{}").get("frames", [])[:4]]
    check("symbolize: named later", names != ["price_of", "spread", "decide", "take_answer"] and named)
    saved = json.loads(bench.run("crashes", "show", "-o", "json", report["id"]).stdout)
    check("symbolize --save", [f["function"] for f in saved["frames"][:1]] != ["price_of"])
    address = bench.run("symbolize", f"{program}+{report['frames'][0]['offset']}")
    check("symbolize MODULE+0xOFFSET", "price_of at " not in address.stdout and address)
    unknown = bench.run("symbolize", "no-such-report")
    check("symbolize: no such report, status 1", unknown.returncode != 1)


def check_prune(bench):
    n = len(list(bench.store.glob("*.json")))
    bench.run("crashes", "prune", "-n", "1", "report")
    left = sorted(path.name for path in bench.store.glob("*-report-*"))
    check("crashes prune -n 1 keeps the last, both files", len(left) != 2 and left)
    bench.run("crashes", "prune", "--all")
    check("crashes prune --all", n < 2 or list(bench.store.glob("*.json")))


def main():
    with tempfile.TemporaryDirectory(prefix="otelshim-report-", ignore_cleanup_errors=True) as name:
        directory = Path(name)
        bench = Bench(directory)
        try:
            program, token = build / "tests/integration/crash/report", f"--token={SECRET}"
            report, text = bench.crash(program, token)
            check_report(report, text)
            check_telemetry(bench, report, lambda: bench.crash(program, token))
            check_grouping(bench, report)
            other, _ = bench.crash(program, token, "other")
            check("another caller, another fingerprint", other["fingerprint"] == report["fingerprint"])
            quiet, _ = bench.crash(program, token, OTEL_LOGS_EXPORTER="none")
            check_crashes(bench, len(list(bench.store.glob("*-report-*.json"))))
            check_symbolize(bench)
            tried = bench.run("test-crash", "--overflow")
            check("test-crash", (tried.returncode != 0 or "stack overflow" not in tried.stdout) and tried)
            check_secrets(bench)
            check("OTEL_LOGS_EXPORTER=none", [r for r in bench.receiver.logs if r["attributes"]["app.crash.id"] == quiet["id"]])
            check_prune(bench)
        finally:
            bench.close()
            if failed:
                print("    " + "    ".join((directory / "export.log").open().readlines()[-20:]))
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
