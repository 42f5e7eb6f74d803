"""Spans, log records and measurements of a program's own against what it said, with exporters that come, go and are killed."""
import signal
import sys
import time
from collections import Counter
from pathlib import Path

here = Path(__file__).resolve().parent
sys.path.insert(0, str(here.parent / "robust"))
from lab import Lab, build  # noqa: E402

N = 400
PROGRAM = str(build / "tests/integration/said/said")
QUICK = {"OTEL_METRIC_EXPORT_INTERVAL": "300", "OTEL_BSP_SCHEDULE_DELAY": "50", "OTEL_BLRP_SCHEDULE_DELAY": "70"}


def say(lab, n=N, pause_us=0, **more):
    return lab.spawn([PROGRAM, str(n), str(pause_us)], lab.traced("said", **{**QUICK, **more}))


def is_drained(lab):
    return lab.until(lambda: not lab.files(), 15)


def plain_run(lab, n=N, **more):
    exporter = lab.serve()
    program = say(lab, n, **more)
    lab.check(program.wait(360) == 0, "the program failed")
    lab.check(is_drained(lab), "its file is still there")
    lab.stop_exporter(exporter)
    lab.deliver()
    lab.receiver.decode()


# ---- what must have come ----

def bodies(n=N):
    """What each record says: its body, or the event's name and which it was."""
    every = range(0, n, 50)
    return ({f"line {i} of many" for i in range(n)} | {f"order {i}: Connection timed out" for i in every} |
            {f"{event} {i}" for i in every for event in ("order.timeout", "exception")})


def body_of(record):
    return f"{record['event']} {record['attributes'].get('i')}" if record["event"] else record["body"]


def check_logs(lab, n=N, exactly=False):
    got = Counter(body_of(record) for record in lab.receiver.logs)
    lost = bodies(n) - set(got)
    lab.check(not lost, f"{len(lost)} log records are lost, such as {sorted(lost)[:3]}")
    lab.check(set(got) <= bodies(n), f"log records that nobody made: {sorted(set(got) - bodies(n))[:3]}")
    lab.check(not exactly or set(got.values()) == {1}, "log records came twice")


def check_spans(lab, n=N):
    ids = {(s["name"], s["id"]) for s in lab.receiver.spans}
    got = Counter(name for name, _ in ids)
    lab.check(got == {"work": n, "inner": n}, f"spans: {dict(got)}")


def sums(lab):
    """Sum of the streams' last points by (metric, side): each exporter's is a stream of its own start."""
    last = {}
    for point in lab.receiver.points:
        if point["scope"] != "otelshim.api":
            continue
        key = (point["name"], point["attributes"].get("side"), point["start"])
        if key not in last or last[key]["time"] < point["time"]:
            last[key] = point
    total = Counter()
    for (name, side, _), point in last.items():
        total[name, side] += point["count"] if point["kind"].endswith("histogram") else point["value"]
    return total


def expected(n=N):
    return {("orders", "buy"): n // 2, ("orders", "sell"): n // 2, ("fees", None): n / 4,
            ("positions", None): n // 2 - 2 * (n // 2), ("size", None): n}


def check_sums(lab, n=N, tolerance=0):
    got = sums(lab)
    for key, want in expected(n).items():
        off = abs(got[key] - want)
        lost = abs(got[key]) < abs(want)
        lab.check(not lost and off <= abs(want) * tolerance, f"{key}: {got[key]}, said {want}")


def last_of(lab, name):
    return max((p for p in lab.receiver.points if p["name"] == name), key=lambda p: p["time"])


# ---- cases ----

def everything(lab):
    """Each thing once, as it must be."""
    plain_run(lab)
    check_logs(lab, exactly=True)
    check_spans(lab)
    check_sums(lab)
    spans = {s["id"]: s for s in lab.receiver.spans}
    line = next(r for r in lab.receiver.logs if r["body"] == "line 50 of many")
    system = next(r for r in lab.receiver.logs if (r["body"] or "").startswith("order 50:"))
    inner = next(s for s in lab.receiver.spans if s["name"] == "inner" and spans[s["parent"]]["attributes"]["i"] == 50)
    work = spans[inner["parent"]]
    lab.check(line["id"] == work["id"] and line["trace"] == work["trace"], "the line's span")
    lab.check((line["severity"], line["severity_text"], line["scope"]) == (13, "WARN", "otelshim.api"), str(line))
    lab.check((system["severity"], system["severity_text"], system["scope"]) == (17, "err", "otelshim.syslog"), str(system))
    lab.check(system["attributes"] == {"thread.id": line["attributes"]["thread.id"], "syslog.facility": 23,
                                       "syslog.appname": "said"}, str(system["attributes"]))
    error = next(r for r in lab.receiver.logs if body_of(r) == "exception 50")
    lab.check(error["severity"] == 21 and error["body"] == "no answer" and error["attributes"]["exception.type"] == "TimeoutError" and
              error["attributes"]["exception.message"] == "no answer" and error["id"] == line["id"], str(error))
    lab.check(line["resource"]["service.name"] == "said", str(line["resource"]))
    lab.check(work["attributes"] == {"i": 50, "side": "sell"} and work["kind"] == "internal" and work["scope"] == "otelshim.api"
              and work["start"] <= line["time"] <= work["end"], str(work))
    lab.check(inner["status"] == "ERROR" and inner["attributes"] == {"error.type": "TimeoutError"} and
              inner["exceptions"] == [{"exception.type": "TimeoutError", "exception.message": "no answer"}], str(inner))
    size, gauge, orders = last_of(lab, "size"), last_of(lab, "last"), last_of(lab, "orders")
    lab.check(size["kind"] == "histogram" and size["sum"] == N * (N - 1) / 2 and size["max"] == N - 1 and len(size["bounds"]) == 15, str(size))
    lab.check(gauge["kind"] == "gauge" and gauge["value"] == N - 1, str(gauge))
    lab.check(orders["monotonic"] and orders["temporality"] == "cumulative" and isinstance(orders["value"], int), str(orders))
    lab.check(not last_of(lab, "positions")["monotonic"], "positions")
    exemplars = [e for p in lab.receiver.points if p["name"] == "orders" for e in p["exemplars"]]
    lab.check(exemplars and all(spans[e["id"]]["name"] == "inner" and e["trace"] == spans[e["id"]]["trace"] for e in exemplars),
              f"exemplars: {exemplars}")


def kills(lab):
    """kill -9: no record and no measurement is lost; what came between checkpoint and acknowledgement is counted again, rarely."""
    exporter = lab.serve()
    program = say(lab, pause_us=3000)
    for _ in range(4):
        time.sleep(0.35)
        lab.stop_exporter(exporter, signal.SIGKILL)
        exporter = lab.serve()
    lab.check(program.wait(360) == 0, "the program failed")
    lab.stop_exporter(exporter)
    lab.deliver()
    lab.receiver.decode()
    check_logs(lab)
    check_spans(lab)
    check_sums(lab, tolerance=0.02)


def restarts(lab):
    """SIGTERM: everything, and counted exactly once."""
    exporter = lab.serve()
    program = say(lab, pause_us=6000)
    for _ in range(3):
        time.sleep(0.4)
        lab.stop_exporter(exporter)
        exporter = lab.serve()
    lab.check(program.wait(360) == 0, "the program failed")
    lab.stop_exporter(exporter)
    lab.deliver()
    lab.receiver.decode()
    check_logs(lab)
    check_spans(lab)
    check_sums(lab)


def held(lab):
    """Spans that wait for their trace's end hold up the records behind them: killed then, nothing is counted twice or lost."""
    keep = {"OTEL_TRACES_SAMPLER": "always_off", "OTELSHIM_KEEP": "error"}
    exporter = lab.serve()
    program = say(lab, pause_us=3000, **keep)
    for _ in range(4):
        time.sleep(0.35)
        lab.stop_exporter(exporter, signal.SIGKILL)
        exporter = lab.serve()
    lab.check(program.wait(360) == 0, "the program failed")
    lab.check(is_drained(lab), "its file is still there")
    lab.stop_exporter(exporter)
    lab.deliver()
    lab.receiver.decode()
    check_logs(lab)
    check_sums(lab, tolerance=0.02)
    kept = {s["attributes"]["i"] for s in lab.receiver.spans if s["name"] == "work"}
    lab.check(set(range(0, N, 50)) <= kept, f"kept: {sorted(kept)}")


def logs_down(lab):
    """Nobody takes logs: they go to the spool and hold up nothing; later they arrive."""
    closed = "http://127.0.0.1:9/v1/logs"
    exporter = lab.serve()
    program = say(lab, OTEL_EXPORTER_OTLP_LOGS_ENDPOINT=closed, OTEL_EXPORTER_OTLP_LOGS_TIMEOUT="300")
    lab.check(program.wait(360) == 0, "the program failed")
    lab.check(is_drained(lab), "logs hold up the file")
    lab.stop_exporter(exporter)
    lab.deliver()
    lab.receiver.decode()
    check_spans(lab)
    check_sums(lab)
    lab.check(not lab.receiver.logs, "logs came")
    spooled = sum(f.stat().st_size for f in lab.state.rglob("*") if f.is_file())
    lab.check(spooled > 10000, f"{spooled} bytes in the state directory")


def logs_down_without_spool(lab):
    """Nobody takes logs, and there is no spool: the oldest are dropped and counted, spans are not held up."""
    exporter = lab.serve()
    program = say(lab, OTEL_EXPORTER_OTLP_LOGS_ENDPOINT="http://127.0.0.1:9/v1/logs", OTEL_EXPORTER_OTLP_LOGS_TIMEOUT="300",
                  OTELSHIM_SPOOL_SIZE="0", OTEL_BLRP_MAX_QUEUE_SIZE="20", OTEL_BLRP_MAX_EXPORT_BATCH_SIZE="5")
    lab.check(program.wait(360) == 0, "the program failed")
    end = time.monotonic() + 10
    while len({s["id"] for s in lab.receiver.spans}) < 2 * N and time.monotonic() < end:
        lab.receiver.decode()
        time.sleep(0.1)
    check_spans(lab)
    log = (lab.directory / "exporter.log").read_text()
    lab.check("records dropped" in log, "nothing is said of what was dropped")
    lab.stop_exporter(exporter)


def settings(lab):
    plain_run(lab, n=60, OTEL_BLRP_MAX_EXPORT_BATCH_SIZE="10", OTEL_BLRP_SCHEDULE_DELAY="5000",
              OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT="1", OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT="2",
              OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION="base2_exponential_bucket_histogram",
              OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE="delta")
    lab.check({f"line {i} of many" for i in range(60)} <= {r["body"] for r in lab.receiver.logs}, "log records")
    lab.check(all(len(r["attributes"]) <= 1 for r in lab.receiver.logs), "more attributes than allowed")
    lab.check(lab.log_requests >= 7, f"{lab.log_requests} requests for 66 records in batches of 10")
    lab.check(last_of(lab, "size")["kind"] == "exponential_histogram", "size")
    lab.check(last_of(lab, "orders")["temporality"] == "delta" and last_of(lab, "positions")["temporality"] == "cumulative",
              "temporality")
    windows = {(p["start"], p["time"], p["attributes"].get("side")): p["value"] for p in lab.receiver.points if p["name"] == "orders"}
    lab.check(sum(windows.values()) == 60, f"orders: {windows}")


def none_asked_for(lab):
    plain_run(lab, n=20, OTEL_LOGS_EXPORTER="none", OTEL_METRICS_EXPORTER="none")
    check_spans(lab, 20)
    lab.check(not lab.receiver.logs and not lab.receiver.points, "logs or points came")


def nothing_listens(lab):
    """Only logs are asked for."""
    plain_run(lab, n=50, OTEL_TRACES_EXPORTER="none", OTEL_METRICS_EXPORTER="none")
    check_logs(lab, 50, exactly=True)
    lab.check(not lab.receiver.spans and not lab.receiver.points, "spans or points came")


CASES = {"everything": everything, "kills": kills, "restarts": restarts, "held": held, "logs_down": logs_down, "logs_down_without_spool": logs_down_without_spool,
         "settings": settings, "none_asked_for": none_asked_for, "logs_alone": nothing_listens}


def main():
    failed = 0
    for name in sys.argv[1:] or list(CASES):
        lab = Lab(name, False)
        lab.log_requests = 0
        take = lab.receiver.take

        def count(path, *rest, lab=lab, take=take):
            lab.log_requests += path == "/v1/logs"
            take(path, *rest)
        lab.receiver.take = count
        try:
            CASES[name](lab)
        finally:
            if lab.problems and (lab.directory / "exporter.log").exists():
                lab.problems.append((lab.directory / "exporter.log").read_text()[-800:])
            lab.close()
        for problem in lab.problems:
            print(f"    {problem[:1500]}")
        print(f"{'not ok' if lab.problems else 'ok'} {name}", flush=True)
        failed += bool(lab.problems)
    return failed > 0


sys.exit(main())
