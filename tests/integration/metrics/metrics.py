"""Metrics of real programs against the number of calls they made: sampled or not, with exporters that come and go."""
import os
import signal
import struct
import subprocess
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path

here = Path(__file__).resolve().parent
sys.path.insert(0, str(here.parent / "robust"))
from lab import Lab, build, program as robust_program, root  # noqa: E402

N = 300
HTTP, DB, ROWS = "http.client.request.duration", "db.client.operation.duration", "db.client.response.returned_rows"
PROGRAM = str(build / "tests/integration/metrics/calls")
QUICK = {"OTEL_METRIC_EXPORT_INTERVAL": "300", "OTEL_BSP_SCHEDULE_DELAY": "50"}


def key_of(point, with_start=True):
    return (point["resource"]["service.instance.id"], point["scope"], point["name"],
            tuple(sorted(point["attributes"].items()))) + ((point["start"],) if with_start else ())


def totals(lab):
    """Counter by (metric, what tells its calls apart) of the last cumulative or all delta points."""
    last, counted = {}, Counter()
    for point in lab.receiver.points:
        if point["kind"] not in ("histogram", "exponential_histogram"):
            continue
        label = (point["name"], point["attributes"].get("db.operation.name") or
                 point["attributes"].get("db.query.summary") or point["attributes"].get("http.request.method"),
                 point["attributes"].get("error.type"))
        if point["temporality"] == "delta":
            last[key_of(point)] = (label, point)  # a window that is sent again is the same window
        elif key_of(point) not in last or last[key_of(point)][1]["time"] < point["time"]:
            last[key_of(point)] = (label, point)
    for label, point in last.values():
        counted[label] += point["count"]
    return counted


def expected(n):
    return Counter({
        (HTTP, "GET", None): n, (DB, "SET", None): n, (DB, "LPUSH", "WRONGTYPE"): n,
        (DB, "SELECT generate_series", None): n, (DB, "SELECT", "22012"): n, (DB, "SELECT", None): n,
        (DB, "PREPARE SELECT", None): 1, (ROWS, "SELECT generate_series", None): n, (ROWS, "SELECT", None): n})


def check_totals(lab, n=N):
    lab.receiver.decode()
    got, want = totals(lab), expected(n)
    lab.check(got == want, f"counted {dict(got)}, made {dict(want)}")


def call(lab, n=N, pause_us=0, **more):
    return lab.spawn([PROGRAM, str(n), str(pause_us)],
                     {**lab.traced("metrics", **{**QUICK, **more}), **lab.servers_environment})


def sampled(ratio):
    return {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": str(ratio)}


def plain_run(lab, **more):
    exporter = lab.serve()
    program = call(lab, **more)
    lab.check(program.wait(360) == 0, "the program failed")
    lab.stop_exporter(exporter)
    lab.deliver(**getattr(lab, "more", {}))


def exact(ratio):
    def case(lab):
        plain_run(lab, **sampled(ratio), OTELSHIM_TRACE_GAP="0")
        check_totals(lab)
        n_spans = len({s["id"] for s in lab.receiver.spans})  # one on its way at the SIGTERM is sent again
        n_all = sum(v for k, v in expected(N).items() if k[0] != ROWS) + 2  # and two connects
        lab.check(n_spans == round(ratio * n_all) or 0 < ratio < 1 and 0 < n_spans < n_all, f"{n_spans} spans of {n_all}")
        series = {key_of(p, False) for p in lab.receiver.points if p["name"] in (HTTP, DB, ROWS)}
        lab.check(len(series) == 9, f"{len(series)} series: one was split by sampling: {sorted(map(str, series))}")
        exemplars = [e for p in lab.receiver.points for e in p["exemplars"]]
        ids = {s["id"] for s in lab.receiver.spans}
        lab.check(bool(exemplars) == (ratio > 0) and all(e["id"] in ids for e in exemplars), "exemplars")
    return case


def values(lab):
    """A sum is that of the spans' durations, to the last bit but for the order of adding; min and max to the last."""
    plain_run(lab, OTELSHIM_TRACE_GAP="0")
    lab.receiver.decode()
    gets = {s["id"]: s for s in lab.receiver.spans if s["name"] == "GET"}  # one may be sent again
    durations = [(s["end"] - s["start"]) / 1e9 for s in gets.values()]
    last = max((p for p in lab.receiver.points if p["name"] == HTTP), key=lambda p: p["time"])
    lab.check(last["min"] == min(durations) and last["max"] == max(durations), f"min and max: {last}")
    lab.check(abs(last["sum"] - sum(durations)) < 1e-9 and last["count"] == len(durations), "sum and count")
    lab.check(last["unit"] == "s" and len(last["bounds"]) == 14 and last["scope"] == "otelshim.libcurl", str(last))
    lab.check(set(last["attributes"]) == {"http.request.method", "http.response.status_code", "server.address",
                                          "server.port", "network.protocol.version"}, str(last["attributes"]))


def restarts(lab):
    """SIGTERM in the middle: the next exporter begins anew, and nothing is lost or counted twice."""
    exporter = lab.serve()
    program = call(lab, pause_us=6000, **sampled(0.5))
    for _ in range(3):
        time.sleep(0.4)
        lab.stop_exporter(exporter)
        exporter = lab.serve()
    lab.check(program.wait(360) == 0, "the program failed")
    lab.stop_exporter(exporter)
    lab.deliver(**getattr(lab, "more", {}))
    check_totals(lab)
    starts, windows = defaultdict(set), defaultdict(list)
    for point in lab.receiver.points:
        if point["name"] == DB:
            starts[point["resource"]["service.instance.id"]].add(point["start"])
            windows[key_of(point)].append((point["time"], point["count"]))
    lab.check(len(starts) == 1, f"one program, one stream: {dict(starts)}")
    lab.check(all(3 <= len(each) <= 4 for each in starts.values()), f"a start for each exporter: {dict(starts)}")
    lab.check(all(sorted(w) == sorted(w, key=lambda p: p[1]) for w in windows.values()), "a cumulative count went back")


def kills(lab):
    """
    kill -9: nothing is lost. What the next exporter reads again was not counted, but for the records whose kill came between
    the checkpoint and their acknowledgement: a few, and rarely.
    """
    exporter = lab.serve()
    program = call(lab, pause_us=3000, **sampled(0.5))
    for _ in range(4):
        time.sleep(0.35)
        lab.stop_exporter(exporter, signal.SIGKILL)
        exporter = lab.serve()
    lab.check(program.wait(360) == 0, "the program failed")
    lab.stop_exporter(exporter)
    lab.deliver(**getattr(lab, "more", {}))
    lab.receiver.decode()
    got, want = totals(lab), expected(N)
    lost = {k: want[k] - got[k] for k in want if got[k] < want[k]}
    twice = {k: got[k] - want[k] for k in got if got[k] > want[k] + N // 20}
    lab.check(not lost and not twice, f"lost {lost}, counted twice {twice}")


def last_count(lab, service, name=DB):
    lab.receiver.decode()
    return max((p["count"] for p in lab.receiver.points if p["name"] == name and p["resource"]["service.name"] == service), default=0)


def neighbours(lab):
    """kill -9 after another program's last export: what was counted of one that goes on is not lost with it."""
    exporter = lab.serve()
    living = lab.spawn([PROGRAM, "20", "0", "wait"], {**lab.traced("living", OTEL_METRIC_EXPORT_INTERVAL="600000"),
                                                      **lab.servers_environment}, stdin=subprocess.PIPE)

    def is_exported():
        process = next((p for p in (lab.status() or {"processes": []})["processes"] if p["service"] == "living"), None)
        return process and process["exported"] == process["recorded"] > 20 * 6
    lab.wait_for(is_exported, 10, "all of the living one's calls exported")
    ended = lab.spawn([PROGRAM, "1", "0"], {**lab.traced("ended", OTEL_METRIC_EXPORT_INTERVAL="600000"), **lab.servers_environment})
    lab.check(ended.wait(360) == 0, "the program failed")
    lab.wait_for(lambda: last_count(lab, "ended"), 10, "the ended one's numbers")
    lab.check(not last_count(lab, "living"), "the living one's numbers came before their time: nothing is tried here")
    lab.stop_exporter(exporter, signal.SIGKILL)
    exporter = lab.serve()
    living.stdin.close()
    lab.check(living.wait(360) == 0, "the program failed")
    lab.stop_exporter(exporter)
    lab.deliver(**getattr(lab, "more", {}))
    lab.receiver.decode()
    lab.receiver.points = [p for p in lab.receiver.points if p["resource"]["service.name"] == "living"]
    check_totals(lab, 20)


def left_behind(lab):
    """kill -9, and nothing is left but the spool, as after a reboot: what was counted for each of two destinations arrives."""
    exporter = lab.serve()
    services = {"one": "500000", "two": "600000"}
    programs = [lab.spawn([PROGRAM, "20", "0", "wait"], {**lab.traced(service, OTEL_METRIC_EXPORT_INTERVAL=interval),
                                                         **lab.servers_environment}, stdin=subprocess.PIPE)
                for service, interval in services.items()]

    def are_exported():
        processes = (lab.status() or {"processes": []})["processes"]
        return len(processes) == 2 and all(p["exported"] == p["recorded"] > 20 * 6 for p in processes)
    lab.wait_for(are_exported, 10, "all calls exported")
    lab.stop_exporter(exporter, signal.SIGKILL)
    for program in programs:
        program.kill()
        program.wait(60)
    lab.check(not any(last_count(lab, service) for service in services), "numbers came before their time: nothing is tried here")
    for name in lab.files():
        (lab.box / name).unlink()
    lab.deliver(**getattr(lab, "more", {}))
    check_totals_of_runs(lab, 2, 20)


def delta(lab):
    plain_run(lab, OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE="delta", **sampled(0.5))
    check_totals(lab)
    windows = defaultdict(list)
    for point in lab.receiver.points:
        if point["name"] == DB:
            windows[key_of(point, False)].append((point["start"], point["time"]))
    for each in windows.values():
        each = sorted(set(each))  # one that is sent again is the same
        lab.check(all(a[1] <= b[0] for a, b in zip(each, each[1:])), f"windows overlap: {each}")
    kinds = {(p["name"], p["temporality"]) for p in lab.receiver.points}
    lab.check(("db.client.connection.count", "delta") not in kinds, str(kinds))


def exponential(lab):
    plain_run(lab, OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION="base2_exponential_bucket_histogram")
    check_totals(lab)
    lab.check(all(p["kind"] != "histogram" for p in lab.receiver.points), "an explicit histogram")


def old_names(lab):
    """R110, R115: http/dup and database/dup: the same calls under their old names, too, sampled or not."""
    plain_run(lab, OTEL_SEMCONV_STABILITY_OPT_IN="http/dup,database/dup", **sampled(0.5))
    lab.receiver.decode()
    last = {}
    for point in sorted(lab.receiver.points, key=lambda p: p["time"]):
        last[point["name"]] = point
    old, new = last.get("http.client.duration"), last[HTTP]
    lab.check(old and old["unit"] == "ms" and old["count"] == new["count"] == N and abs(old["sum"] - 1e3 * new["sum"]) < 1e-6,
              f"{old}, {new}")
    lab.check(old and set(old["attributes"]) == {"http.method", "http.status_code", "net.peer.name", "net.peer.port", "net.protocol.name",
                                                 "net.protocol.version"}, str(old))
    pairs = [[{k: p[k] for k in ("time", "unit", "value")} for p in lab.receiver.points if p["name"] == name]
             for name in ("db.client.connections.usage", "db.client.connection.count")]
    lab.check(pairs[0] and sorted(map(str, pairs[0])) == sorted(map(str, pairs[1])), str(pairs))
    lab.check({tuple(sorted(p["attributes"])) for p in lab.receiver.points if p["name"] == "db.client.connections.usage"}
              == {("pool.name", "state")}, "attributes")
    check_totals_without_old(lab)


def check_totals_without_old(lab):
    lab.receiver.points = [p for p in lab.receiver.points if p["name"] != "http.client.duration"]
    got, want = totals(lab), expected(N)
    lab.check(got == want, f"counted {dict(got)}, made {dict(want)}")


def processes(lab):
    """process.* of a living program, and its open connections, which end with it."""
    exporter = lab.serve()
    program = call(lab, n=1000000, pause_us=2000)

    def has_all():
        lab.receiver.decode()
        return {"process.disk.io", "db.client.connection.count"} <= {p["name"] for p in lab.receiver.points}
    lab.wait_for(has_all, 10, "a collection")
    program.send_signal(signal.SIGKILL)
    program.wait(360)
    lab.wait_until_drained()
    lab.stop_exporter(exporter)
    lab.deliver(**getattr(lab, "more", {}))
    lab.receiver.decode()
    names = {p["name"]: p["unit"] for p in lab.receiver.points if p["name"].startswith("process.")}
    lab.check(names == {
        "process.cpu.time": "s", "process.memory.usage": "By", "process.memory.virtual": "By",
        "process.thread.count": "{thread}", "process.unix.file_descriptor.count": "{file_descriptor}",
        "process.context_switches": "{context_switch}", "process.paging.faults": "{fault}", "process.disk.io": "By",
        "process.uptime": "s"}, str(names))
    starts = {p["start"] for p in lab.receiver.points if p["name"] == "process.cpu.time"}
    lab.check(len(starts) == 1, f"starts of process.cpu.time: {starts}")
    open_ones = defaultdict(list)
    for point in sorted(lab.receiver.points, key=lambda p: p["time"]):
        if point["name"] == "db.client.connection.count":
            open_ones[point["attributes"]["db.client.connection.pool.name"]].append(point["value"])
    lab.check(len(open_ones) == 2 and all(v[0] == 1 and v[-1] == 0 for v in open_ones.values()), str(dict(open_ones)))


def refused(lab):
    """A backend for traces alone: said once, counted, never spooled."""
    lab.receiver.metrics_status = 404
    lab.more = {"OTEL_METRICS_EXPORTER": "none"}
    exporter = lab.serve()
    program = call(lab, n=300, pause_us=3000)
    lab.check(program.wait(360) == 0, "the program failed")
    lab.until(lambda: lab.receiver.decode() or lab.receiver.metric_requests >= 2, 5)
    lab.stop_exporter(exporter)
    lab.receiver.decode()
    log = (lab.directory / "exporter.log").read_text()
    lab.check(log.count("points dropped: HTTP 404") == 1, log)
    lab.check(lab.receiver.metric_requests >= 2, f"{lab.receiver.metric_requests} requests")
    lab.check(len(lab.receiver.spans) > 0, "no spans")


def quiet(lab):
    """Short programs share a request; none is asked for: none comes."""
    exporter = lab.serve()
    begin = time.monotonic()
    for _ in range(8):
        call(lab, n=1, OTEL_METRIC_EXPORT_INTERVAL="60000").wait(120)
    call(lab, n=1, OTEL_METRICS_EXPORTER="none").wait(120)
    took = time.monotonic() - begin
    lab.until(lab.receiver.waiting_metrics, 9)
    time.sleep(0.2)
    lab.receiver.decode()
    # One every five seconds: LAST_EXPORT_MS
    lab.check(lab.receiver.metric_requests <= 2 + took // 5, f"{lab.receiver.metric_requests} requests of programs that took {took:.1f} s")
    lab.stop_exporter(exporter)
    lab.deliver(**getattr(lab, "more", {}))
    check_totals_of_runs(lab, 8)


def check_totals_of_runs(lab, n, n_rounds=1):
    lab.receiver.decode()
    got = totals(lab)
    want = Counter({k: v * n for k, v in expected(n_rounds).items()})
    lab.check(got == want, f"counted {dict(got)}, made {dict(want)}")


# ---- the exporter's own numbers ----

SDK = {"otel.sdk.span.started": "{span}", "otel.sdk.span.live": "{span}", "otel.sdk.processor.span.processed": "{span}",
       "otel.sdk.processor.span.queue.size": "{span}", "otel.sdk.processor.span.queue.capacity": "{span}",
       "otel.sdk.exporter.span.inflight": "{span}", "otel.sdk.exporter.span.exported": "{span}",
       "otel.sdk.exporter.metric_data_point.inflight": "{data_point}",
       "otel.sdk.exporter.metric_data_point.exported": "{data_point}", "otel.sdk.exporter.operation.duration": "s",
       "otel.sdk.metric_reader.collection.duration": "s", "otelshim.processes": "{process}", "otelshim.spool.size": "By",
       "otelshim.spool.batches": "{batch}", "process.memory.usage": "By", "process.cpu.time": "s",
       "process.unix.file_descriptor.count": "{file_descriptor}"}


def last_of(lab, name, **attributes):
    """The newest value of the first exporter's, summed over its series that have these attributes (None: must not be there)."""
    first = min(lab.receiver.self_points, key=lambda p: p["time"])["resource"]["service.instance.id"]
    newest = {}
    for point in sorted(lab.receiver.self_points, key=lambda p: p["time"]):
        its = point["attributes"]
        if point["name"] == name and point["resource"]["service.instance.id"] == first and \
                all(its.get(k.replace("__", ".")) == v for k, v in attributes.items()):
            newest[tuple(sorted(its.items()))] = point.get("value", point.get("count"))
    return sum(newest.values())


def own_numbers(lab):
    """What the exporter says of itself is what arrived, as one resource, cumulative, in one stream."""
    exporter = lab.serve()
    program = call(lab, pause_us=3000, **sampled(0.5), OTELSHIM_TRACE_GAP="0")
    lab.check(program.wait(360) == 0, "the program failed")
    lab.wait_until_drained()
    time.sleep(0.5)
    report = lab.status()
    lab.stop_exporter(exporter)
    lab.deliver()
    lab.receiver.decode()
    points = lab.receiver.self_points
    if not lab.check(points, "nothing came"):
        return
    names = {p["name"]: p["unit"] for p in points}
    lab.check(not {n: u for n, u in SDK.items() if names.get(n) != u}, f"names and units: {names}")
    resource = points[0]["resource"]
    lab.check(resource["service.version"] == report["version"] and resource["process.pid"] == exporter.pid and
              resource["host.name"] and resource["service.instance.id"], str(resource))
    lab.check(len({p["resource"]["service.instance.id"] for p in points}) <= 2, "more than the two exporters")
    lab.check(all(p["temporality"] in ("cumulative", None) for p in points), "not cumulative")
    n_spans = len({s["id"] for s in lab.receiver.spans})
    n_all = sum(v for k, v in expected(N).items() if k[0] != ROWS) + 2
    exported = last_of(lab, "otel.sdk.exporter.span.exported", error__type=None)
    lab.check(exported == n_spans == last_of(lab, "otel.sdk.processor.span.processed", error__type=None),
              f"{exported} exported, {n_spans} arrived")
    lab.check(last_of(lab, "otel.sdk.span.started", otel__span__sampling_result="RECORD_AND_SAMPLE") == n_spans and
              last_of(lab, "otel.sdk.span.started") == n_all, f"started of {n_all}")
    lab.check(last_of(lab, "otel.sdk.processor.span.queue.size") == 0 and last_of(lab, "otelshim.spool.size") == 0, "a rest")
    lab.check(last_of(lab, "otel.sdk.exporter.operation.duration", http__response__status_code=200) > 1, "durations")
    lab.check(0 < last_of(lab, "otel.sdk.exporter.metric_data_point.exported") <= len(points) + len(lab.receiver.points), "points")
    component = next(p["attributes"] for p in points if p["name"] == "otel.sdk.exporter.span.exported")
    lab.check(component == {"otel.component.type": "otlp_http_span_exporter",
                            "otel.component.name": "otlp_http_span_exporter/0", "server.address": "127.0.0.1",
                            "server.port": lab.receiver.port}, str(component))
    series = defaultdict(list)
    for point in sorted(points, key=lambda p: p["time"]):
        if point["monotonic"]:
            series[key_of(point)].append(point["value"])
    lab.check(all(v == sorted(v) for v in series.values()), "a counter went back")
    lab.check(len(series) == len({k[:-1] for k in series}), "a counter began anew")


def drops_of(lab, service):
    """What a program told of its drops, by reason: the newest of cumulative points, all deltas together."""
    newest, told = {}, Counter()
    lab.receiver.decode()
    for point in sorted(lab.receiver.points, key=lambda p: p["time"]):
        if point["name"] == "otelshim.drops" and point["resource"]["service.name"] == service:
            newest[key_of(point) + ((point["time"],) if point["temporality"] == "delta" else ())] = point
    for point in newest.values():
        told[point["attributes"]["otelshim.drop.reason"]] += point["value"]
    return dict(told)


def lost_by_exporters(lab):
    """Spans that found no room, as all exporters together say it."""
    newest = {}
    lab.receiver.decode()
    for point in sorted(lab.receiver.self_points, key=lambda p: p["time"]):
        if point["name"] == "otel.sdk.processor.span.processed" and point["attributes"].get("error.type") == "queue_full":
            newest[key_of(point)] = point["value"]
    return sum(newest.values())


KINDS = {"cumulative": {}, "delta": {"OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "delta"}}
NO_ROOM = {"OTELSHIM_BUFFER_SIZE": "65536", "OTELSHIM_TRACE_GAP": "0"}


def drops_restarts(lab):
    """Exporters are stopped and killed while programs live that dropped calls: every drop is told once, by them and by the exporters."""
    lab.use_stub()
    programs = [lab.spawn([PROGRAM, "300", "0", "wait"], {**lab.traced(kind, **{**QUICK, **NO_ROOM, **more}), **lab.servers_environment},
                          stdin=subprocess.PIPE) for kind, more in KINDS.items()]

    def no_room():
        """What each has dropped: the first word of struct wire_counters."""
        return [struct.unpack("=Q", (lab.box / name).read_bytes()[1024:1032])[0] for name in lab.files()]

    def tell(n):
        """An exporter that has told `n` times."""
        lab.receiver.decode()
        before = lab.receiver.metric_requests
        exporter = lab.serve()
        lab.wait_for(lambda: lab.receiver.decode() or lab.receiver.metric_requests >= before + n, 20, f"{n} requests")
        return exporter
    lab.wait_for(lambda: len(no_room()) == 2 and min(no_room()) > 100, 20, lambda: f"a hundred drops of each: {no_room()}")
    lab.stop_exporter(tell(4))
    lab.stop_exporter(tell(4), signal.SIGKILL)
    exporter = tell(4)
    for program in programs:
        program.stdin.close()
        lab.check(program.wait(360) == 0, "the program failed")
    lab.wait_until_drained()
    report = {p["service"]: p["dropped"] for p in lab.status()["processes"]}
    lab.stop_exporter(exporter)
    lab.deliver()
    for kind in KINDS:
        told = drops_of(lab, kind)
        lab.check(told == report[kind] and told.get("no_chunk", 0) > 100, f"{kind}: {told}, {report[kind]}")
    lost = lost_by_exporters(lab)
    lab.check(lost == sum(report[kind].get("no_chunk", 0) for kind in KINDS), f"exporters tell of {lost}: {report}")


def drops_kill(lab):
    """kill -9 after a program's end, before its last numbers went out: what it dropped is told by the next exporter, once."""
    lab.use_stub()
    for kind, more in KINDS.items():
        result = lab.run([robust_program("calls"), "700"], lab.traced(kind, OTEL_METRIC_EXPORT_INTERVAL="600000", **NO_ROOM, **more))
        lab.check(result.stdout == b"700 calls\n", f"{result.stdout} {result.stderr}")
    exporter = lab.serve()
    lab.wait_until_drained()
    report = {p["service"]: p["dropped"] for p in lab.status()["processes"]}
    lab.stop_exporter(exporter, signal.SIGKILL)
    exporter = lab.serve()
    lab.wait_for(lambda: all(drops_of(lab, kind) for kind in KINDS), 10, "what was dropped")
    lab.stop_exporter(exporter)
    lab.deliver()
    for kind in KINDS:
        told = drops_of(lab, kind)
        lab.check(told == report[kind] and told.get("no_chunk", 0) > 100, f"{kind}: {told}, {report[kind]}")


def own_drops(lab):
    """What a program could not record is told by reason: that and what arrived is all there was."""
    lab.use_stub()
    result = lab.run([robust_program("calls"), "30000", "2"],
                     lab.traced("dropper", OTELSHIM_TRACE_GAP="0", OTELSHIM_BUFFER_SIZE="65536", **QUICK))
    lab.check(result.stdout == b"60000 calls\n", f"{result.stdout} {result.stderr}")
    exporter = lab.serve()
    lab.wait_until_drained()
    report = next(p for p in lab.status()["processes"] if p["service"] == "dropper")
    lab.stop_exporter(exporter)
    lab.deliver()
    n_spans = len({s["id"] for s in lab.spans("dropper")})
    dropped = drops_of(lab, "dropper")
    full = last_of(lab, "otel.sdk.processor.span.processed", error__type="queue_full")
    lab.check(dropped == report["dropped"] and sum(dropped.values()) > 1000, f"{dropped}, {report['dropped']}")
    lab.check(full == dropped["no_chunk"], f"{full}")
    lab.check(not any(p["name"] == "otelshim.dropped" for p in lab.receiver.self_points), "it is told twice")
    lab.check(n_spans + full == 60002, f"{n_spans} arrived and {full} dropped of 60002")


def own_quiet(lab):
    """Nobody is traced: not a word, though the interval passes. It leaves by itself, and what it said last was no reason to go on."""
    exporter = lab.serve(OTEL_METRIC_EXPORT_INTERVAL="300")
    call(lab, n=5).wait(180)
    lab.wait_until_drained()
    lab.until(lambda: lab.receiver.waiting_metrics(), 10)
    time.sleep(6)  # what ended programs leave waits five seconds
    lab.receiver.decode()
    before = lab.receiver.metric_requests
    time.sleep(1.5)
    lab.receiver.decode()
    lab.check(before > 0 and lab.receiver.metric_requests == before, f"{before}, then {lab.receiver.metric_requests} requests")
    lab.stop_exporter(exporter)
    lab.receiver.decode()
    before = lab.receiver.metric_requests
    exporter = lab.start_exporter("--leave-after", "1", OTEL_EXPORTER_OTLP_ENDPOINT=lab.receiver.url)
    call(lab, n=5).wait(180)
    lab.check(exporter.wait(40) == 0, "it did not leave")
    lab.receiver.decode()
    lab.check(1 <= lab.receiver.metric_requests - before <= 5, f"{lab.receiver.metric_requests - before} requests")


def own_off(lab):
    """Not asked for by the exporter; or by the program whose destination it would be; or metrics are not wanted at all."""
    for own, programs in (({"OTELSHIM_SELF_METRICS": "false"}, {}), ({}, {"OTELSHIM_SELF_METRICS": "false"}),
                          ({}, {"OTEL_METRICS_EXPORTER": "none"})):
        exporter = lab.serve(**own)
        lab.check(call(lab, n=20, pause_us=20000, **programs).wait(180) == 0, "the program failed")
        lab.stop_exporter(exporter)
        lab.deliver(**own)
    lab.receiver.decode()
    lab.check(lab.receiver.points and not lab.receiver.self_points, f"{len(lab.receiver.points)} and {lab.receiver.self_points[:2]}")


def version(lab):
    """service.version out of the executable; what is said wins; an interpreter has none."""
    exporter = lab.serve()
    build_id = subprocess.run(["readelf", "-n", PROGRAM], check=True, capture_output=True, text=True).stdout
    build_id = build_id.split("Build ID: ")[1].split()[0]
    call(lab, n=1, OTEL_SERVICE_NAME="found").wait(180)
    call(lab, n=1, OTEL_SERVICE_NAME="said", OTEL_RESOURCE_ATTRIBUTES="service.version=7").wait(180)
    lab.stop_exporter(exporter)
    lab.deliver()
    for service, want in (("found", build_id), ("said", "7")):
        resources = [s["resource"] for s in lab.spans(service)] + \
            [p["resource"] for p in lab.receiver.points if p["resource"]["service.name"] == service]
        lab.check({r.get("service.version") for r in resources} == {want} and
                  {r.get("process.executable.build_id.gnu") for r in resources} == {build_id}, f"{service}: {resources[:1]}")


CASES = {"unsampled": exact(0), "a_tenth_sampled": exact(0.1), "all_sampled": exact(1), "values": values,
         "restarts": restarts, "kills": kills, "neighbours": neighbours, "left_behind": left_behind, "delta": delta, "exponential": exponential, "old_names": old_names,
         "processes": processes,
         "refused": refused, "quiet": quiet, "own_numbers": own_numbers, "own_drops": own_drops, "drops_restarts": drops_restarts,
         "drops_kill": drops_kill, "own_quiet": own_quiet,
         "own_off": own_off, "version": version}


def main():
    wanted = sys.argv[1:] or list(CASES)
    directory = Path(f"/tmp/metrics-servers-{os.getpid()}")
    subprocess.run([root / "tests/servers/start", directory, "postgres", "redis", "nginx"], check=True,
                   stdout=subprocess.DEVNULL)
    failed = 0
    try:
        environment = {}
        for line in (directory / "env").read_text().splitlines():
            name, _, value = line.partition("=")
            environment[name] = value.strip("'\"")
        for name in wanted:
            lab = Lab(name, False)
            lab.servers_environment = environment
            lab.receiver.waiting_metrics = lambda r=lab.receiver: [w for w in r.waiting if w[0] == "/v1/metrics"]
            try:
                CASES[name](lab)
            finally:
                lab.close()
            for problem in lab.problems:
                print(f"    {problem[:1500]}")
            print(f"{'not ok' if lab.problems else 'ok'} {name}", flush=True)
            failed += bool(lab.problems)
    finally:
        subprocess.run([root / "tests/servers/stop", directory], check=False, stdout=subprocess.DEVNULL)
        subprocess.run(["rm", "-rf", directory], check=False)
    return failed > 0


sys.exit(main())
