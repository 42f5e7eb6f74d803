"""The measurements of tests/bench/run. Each prints rows: what, measured, target."""
import os
import random
import re
import signal
import statistics
import struct
import subprocess
import sys
import time
from pathlib import Path

from ground import (API, HEADER, OTELSHIM, PATHS, SPANS_DROPPED, Ground, api_program, build_program, flags_of, instructions, instructions_of_path,
                    paths_program, root, stub_directory)

CLIENT_CPU, EXPORTER_CPU = 0, 1
QUERY_OPTIONS = {"OTELSHIM_TRACE_GAP": "0"}  # no roots: a call is a span


def say(text):
    print(f"  {text}", file=sys.stderr, flush=True)


def row(what, measured, target=""):
    print(f"| {what} | {measured} | {target} |", flush=True)


def quartiles(values, form):
    values = sorted(values)
    low, middle, high = values[len(values) // 4], statistics.median(values), values[3 * len(values) // 4]
    return f"{form.format(middle)} [{form.format(low)}-{form.format(high)}]"


def stub_program(name):
    return build_program(name, f"-L{stub_directory()}", "-l:libpq.so.5", *flags_of("libpq")[:-1])


def cpu_ns(pid):
    """CPU time of all its threads that live."""
    return sum(int((task / "schedstat").read_text().split()[0]) for task in Path(f"/proc/{pid}/task").iterdir())


def resident_kib(pid, name="VmRSS"):
    return int(re.search(rf"{name}:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1])


def dropped(process):
    return sum(process["dropped"].get(reason, 0) for reason in SPANS_DROPPED)


def alternate(n_pairs, *measures):
    """[(a, b, …)] measured in turn, every round in another order (the same ones in every run); a round before them warms up, and does
    not count. No other is left out."""
    orders, rounds = random.Random(1), []
    for i in range(1 + n_pairs):
        order = orders.sample(range(len(measures)), len(measures))
        values = {k: measures[k]() for k in order}
        if i:
            rounds.append(tuple(values[k] for k in range(len(measures))))
    return rounds


# ---- a span in a hot loop ----

def floors():
    """What two clocks cost here: the targets in nanoseconds are of a machine where it is 45."""
    with Ground() as ground:
        ns = float(ground.run([build_program("clock_cost")], cpu=CLIENT_CPU))
    row("floor: clock_gettime twice", f"{2 * ns:.0f} ns", "(45 where the targets were set)")


def hot_loop(n_pairs):
    """One thread: all settings in the same rounds, because the machine has spells in which everything takes twice as long."""
    loop = stub_program("loop_span")
    settings = {"on": {}, "off": {"OTELSHIM": "0"}, "unsampled": {"OTEL_TRACES_SAMPLER": "always_off"}}
    targets = {"on": "<= 100 ns", "off": "<= 5 ns", "unsampled": "<= 70 ns"}
    with Ground() as ground:
        ground.start_exporter(EXPORTER_CPU)
        plain, traced = ground.without(ground.stub(ground.traced())), [ground.stub(ground.traced(**more)) for more in settings.values()]

        def measure(environments, n_threads, cpu, how):
            say(f"hot loop, {n_threads} threads")
            rounds = alternate(n_pairs, *[lambda e=e: float(ground.run([loop, 100000, n_threads, 2000 * n_threads, how], e, cpu))
                                          for e in environments])
            return [[value - values[0] for value in values] for values in rounds]

        alone = list(zip(*measure([plain, plain, *traced], 1, CLIENT_CPU, "alone")))
        row("two runs without the library, 1 thread: one less the other", quartiles(alone[1], "{:+.0f}") + " ns", "(the noise)")
        for name, costs in zip(settings, alone[2:]):
            row(f"span in a hot loop, {name}, 1 thread", quartiles(costs, "{:.0f}") + " ns", targets[name])
        for n_threads in 2, 8:
            costs = [cost for _, cost in measure([plain, traced[0]], n_threads, None, "together")]
            target = f"<= 1.3 x one thread = {1.3 * statistics.median(alone[2]):.0f} ns" if n_threads == 8 else ""
            row(f"span in a hot loop, on, {n_threads} threads", quartiles(costs, "{:.0f}") + " ns", target)
    with Ground() as ground:
        for name, more in settings.items():
            say(f"callgrind, {name}")
            counts = [[instructions(ground, [loop, n, 1], ground.stub(e)) for n in (4000, 14000)]
                      for e in (ground.traced(**more), ground.environment)]
            cost = (counts[0][1] - counts[0][0] - counts[1][1] + counts[1][0]) / 10000
            row(f"the same by callgrind, {name}", f"{cost:.0f} instructions",
                "<= 700, gate 690" if name == "on" else "")


def paths(n_pairs):
    """Calls that end elsewhere than they began, without a server (loop_paths)."""
    targets = {"redis_pipeline": "<= 200 ns, <= 1.10 in a real loop", "curl_multi": "<= 400 ns",
               "curl_easy": "<= 400 ns beside the header"}
    with Ground() as ground:
        ground.start_exporter(EXPORTER_CPU)
        for path in PATHS:
            say(f"{path}, no server")
            n = 20000 if path.startswith("curl") else 100000
            traced = ground.traced()
            rounds = alternate(n_pairs, *[lambda e=e: float(ground.run([paths_program(), path, n, 2000], ground.stub(e), CLIENT_CPU))
                                          for e in ({**ground.without(traced), **HEADER}, traced)])
            without, added = instructions_of_path(ground, path)
            row(f"{path}, no server: added per call", quartiles([w - o for o, w in rounds], "{:.0f}") +
                f" ns, {added:.0f} instructions; {statistics.median(o for o, _ in rounds):.0f} ns without",
                targets.get(path, "<= 200 ns"))


def api(n_pairs):
    """Every call of otelshim.h (loop_api): where there is no library, and where there is one."""
    targets = {"span": "<= 150 ns", "counter_add": "<= 100 ns", "counter_add_attributes": "<= 150 ns"}
    nothing = {"OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none", "OTELSHIM_ALERTS": "false"}
    with Ground() as ground:
        ground.start_exporter(EXPORTER_CPU)
        traced = ground.traced(**nothing)
        for call in API:
            say(f"otelshim.h: {call}")
            rounds = alternate(n_pairs, *[lambda e=e: float(ground.run([api_program(), call, 25000, 2000], e, CLIENT_CPU))
                                          for e in (ground.without(traced), traced)])
            without, with_it = quartiles([o for o, _ in rounds], "{:.1f}"), quartiles([w for _, w in rounds], "{:.0f}")
            if call == "syslog":
                row("syslog(3), of a libc that does nothing: added", quartiles([w - o for o, w in rounds], "{:.0f}") + " ns", "<= 200 ns")
            else:
                row(f"otelshim.h, {call}: without the library / with it", f"{without} / {with_it} ns",
                    f"<= 2 ns / {targets.get(call, '')}".rstrip(" /"))


# ---- real loops ----

# What a turn's calls are: about 10 ms.
REAL = {"redis": ("Redis GET, UNIX socket", 1000, "<= 1.015"),
        "pipeline": ("Redis GET, pipelined by 16, a span each", 6400, "<= 1.10"),
        "async": ("Redis GET, asynchronous, 16 at a time", 6400, "<= 1.10"),
        "libpq": ("libpq SELECT 1, UNIX socket", 640, "<= 1.03"),
        "libpq_async": ("libpq SELECT 1, PQsendQuery", 640, "<= 1.03"),
        "libpq_pipeline": ("libpq SELECT 1, pipelined by 16", 1280, "<= 1.10"),
        "curl": ("libcurl GET /small, connection kept open", 320, "<= 1.05"),
        "multi": ("libcurl GET /small, eight at a time by one multi handle", 320, "<= 1.05")}
TURNS = 16  # of each process that count, but for the first two: they warm it up


def server_environment(ground):
    """Private servers on the client's CPU."""
    servers = ground.directory / "servers"
    subprocess.run(["taskset", "-c", str(CLIENT_CPU), root / "tests/servers/start", servers, "postgres", "redis", "nginx"],
                   check=True, stdout=subprocess.DEVNULL)
    found = {}
    for line in (servers / "env").read_text().splitlines():
        name, _, value = line.partition("=")
        found[name] = value.strip("'\"")
    found["PGHOST"] = found["PG_SOCKET_DIR"]
    return servers, found


def take_turns(ground, command, environments):
    """[(ns of a call in each environment)], a turn each. The programs live side by side on the client's CPU and
    work one after the other, ten milliseconds each: spells of the machine, which last longer, meet all of them."""
    programs = [ground.spawn(["taskset", "-c", CLIENT_CPU, *command, "turns"], e, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
                for e in environments]

    def turn(program):
        program.stdin.write(b".")
        program.stdin.flush()
        return float(program.stdout.readline())
    turns = alternate(TURNS, *[lambda p=p: turn(p) for p in programs])
    for program in programs:
        program.communicate()
    return turns[2:]


def resident_after(ground, command, environment):
    """KiB, of one that takes its turns without a pause."""
    done = subprocess.run(["taskset", "-c", str(CLIENT_CPU), *[str(c) for c in command], "turns"], env=environment, cwd=ground.directory,
                          input=b"." * TURNS, stdout=subprocess.PIPE, check=True)
    return int(done.stdout.split()[-1])


def ratios(rounds, k):
    """Of variant k to the first: the median of all turns, and the quartiles of the processes' medians."""
    of_rounds = [[turn[k] / turn[0] for turn in turns] for turns in rounds]
    middles = sorted(statistics.median(values) for values in of_rounds)
    low, high = middles[len(middles) // 4], middles[3 * len(middles) // 4]
    return f"{statistics.median(v for values in of_rounds for v in values):.3f} [{low:.3f}-{high:.3f}]"


def added_ns(rounds, k):
    return f"{statistics.median(turn[k] - turn[0] for turns in rounds for turn in turns):+.0f} ns"


def real_loop(ground, command, n_times, name, target, variants):
    """With the library, off, without once more, and with the program's own header where there are five variants."""
    rounds = [take_turns(ground, command, variants) for _ in range(n_times)]
    without = statistics.median(turn[0] for turns in rounds for turn in turns)
    row(f"{name}: with / without", f"{ratios(rounds, 1)}; {without:.0f} ns without, {added_ns(rounds, 1)}", target)
    row(f"{name}: without / without", ratios(rounds, 3), "(the noise)")
    row(f"{name}: preloaded but off / without", ratios(rounds, 2), "<= 1.01")
    if len(variants) == 5:
        row(f"{name}: a header as long as traceparent alone / without", f"{ratios(rounds, 4)}, {added_ns(rounds, 4)}",
            "the program's own header, no shim")


def real_loops(n_pairs):
    loop = build_program("loop_calls", *flags_of("libcurl", "libpq", "hiredis"))
    with Ground() as ground:
        servers, environment = server_environment(ground)
        try:
            ground.start_exporter(EXPORTER_CPU)
            traced = {**environment, **ground.traced(OTELSHIM="1")}
            plain = ground.without(traced)
            variants = [plain, traced, {**traced, "OTELSHIM": "0"}, plain, {**plain, **HEADER}]
            for kind, (name, _, _) in REAL.items():
                say(f"{name}: callgrind")
                counts = [[instructions(ground, [loop, kind, n], e) for n in (800, 3200)] for e in variants[:2]]
                per_call = [(many - few) / 2400 for few, many in counts]
                row(f"{name}: by callgrind, in the program", f"{per_call[0]:.0f} without, "
                    f"{per_call[1] - per_call[0]:+.0f} instructions a call")
            for kind, (name, n_calls, target) in REAL.items():
                used = variants if kind in ("curl", "multi") else variants[:4]
                say(f"{name}: {n_pairs} times {len(used)} processes, {TURNS} turns of each")
                command = [loop, kind, n_calls]
                real_loop(ground, command, n_pairs, name, target, used)
                if kind == "redis":
                    rounds = alternate(n_pairs, *[lambda e=e: resident_after(ground, command, e) for e in (plain, traced)])
                    row("RSS added to the program (redis loop)", quartiles([w - o for o, w in rounds], "{:.0f}") + " KiB", "<= 512 KiB")
            lost = sum(dropped(p) for p in ground.status()["processes"])
            row("spans dropped in these loops", lost, "0")
        finally:
            subprocess.run([root / "tests/servers/stop", servers], check=False, stdout=subprocess.DEVNULL)


# ---- start-up ----

def own_exporters(box):
    """Exporters that the library started for a box of ours."""
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and (entry / "exe").readlink() == OTELSHIM and \
                    f"OTELSHIM_DIR={box}".encode() in (entry / "environ").read_bytes().split(b"\0"):
                yield int(entry.name)
        except OSError:
            pass


def first_span(ground, measure, program, i):
    """One program whose span starts the exporter, too. Not pinned: on one CPU it would be measured how long the exporter
    runs there before the program gets its turn (6 ms)."""
    box = ground.box.parent / f"first-{i}"
    box.mkdir(mode=0o700)
    values = ground.stub(ground.traced(OTELSHIM_DIR=str(box), OTELSHIM_EXPORTER=str(OTELSHIM)))
    us = float(ground.run([measure, 1, *[f"{k}={v}" for k, v in values.items()], program]))
    for pid in own_exporters(box):
        os.kill(pid, signal.SIGKILL)
    return us


def start_up(n_pairs):
    say("start-up")
    measure, one_span = build_program("start_cost"), stub_program("one_span")
    with Ground() as ground:
        ground.start_exporter(EXPORTER_CPU)
        traced = ground.stub(ground.traced())
        plain = ground.without(traced)
        for what, program, target in (("true", "/bin/true", "<= +100 us"), ("a program with one span", one_span, "<= +600 us")):
            rounds = alternate(n_pairs, *[
                lambda e=e: float(ground.run([measure, 100, *[f"{k}={v}" for k, v in e.items()], program], cpu=CLIENT_CPU))
                for e in (plain, traced)])
            row(f"exec of {what}, exporter running", quartiles([v[1] - v[0] for v in rounds], "{:+.0f}") +
                f" us over {statistics.median(v[0] for v in rounds):.0f}", target)
    with Ground() as ground:  # where nobody serves the standard boxes
        plain = [1, *[f"{k}={v}" for k, v in ground.stub(ground.environment).items()]]  # one at a time, and not pinned either
        rounds = [(float(ground.run([measure, *plain, one_span])), first_span(ground, measure, one_span, i)) for i in range(n_pairs)]
        row("exec of a program with one span that starts the exporter", quartiles([v[1] - v[0] for v in rounds], "{:+.0f}") +
            f" us over {statistics.median(v[0] for v in rounds):.0f}", "<= +600 us")


# ---- the exporter ----

def start_sink(ground, file=None):
    """Environment that sends to it."""
    sink = ground.spawn(["taskset", "-c", CLIENT_CPU, build_program("sink"), *([file] if file else [])],
                        stdout=subprocess.PIPE, text=True)
    port = sink.stdout.readline().strip()
    read_later = {"OTEL_METRICS_EXPORTER": "none"} if file else {}  # received() knows requests of traces
    return {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}", **read_later}


def drain(n_spans, **more):
    """CPU ns a span from a filled file to POSTed bytes, wall ns a span, peak RSS in KiB."""
    loop = stub_program("loop_span")
    with Ground() as ground:
        to_sink = {**start_sink(ground), "OTEL_BSP_SCHEDULE_DELAY": "200", **more}
        ground.run([loop, n_spans, 1], ground.stub(ground.traced(OTELSHIM_BUFFER_SIZE=str(64 << 20), **to_sink)))
        begin = time.monotonic_ns()
        exporter = ground.start_exporter(EXPORTER_CPU)
        ground.wait_until_drained(120)
        wall = time.monotonic_ns() - begin
        cpu, peak = cpu_ns(exporter.pid), resident_kib(exporter.pid, "VmHWM")
        status = ground.status()
        n = sum(p["recorded"] for p in status["processes"])
        if n < n_spans or dropped(status["processes"][0]):
            raise RuntimeError(f"{n} of {n_spans} spans came out of the file: {status['processes']}")
        return cpu / n, wall / n, peak


def exporter_speed(n_pairs):
    n = max(3, n_pairs // 3)
    for name, more, target in (("not sent (traces exporter none)", {"OTEL_TRACES_EXPORTER": "none"}, ""),
                               ("plain", {}, "<= 1,000 ns, >= 1 M/s"),
                               ("gzip", {"OTEL_EXPORTER_OTLP_COMPRESSION": "gzip"}, "<= 1,500 ns")):
        say(f"exporter, {name}: {n} files of 150,000 spans")
        results = [drain(150000, **more) for _ in range(n)]
        cpu = statistics.median(r[0] for r in results)
        row(f"exporter CPU per span, file to POST, batches of 512, {name}", quartiles([r[0] for r in results], "{:.0f}") +
            f" ns = {1000 / cpu:.2f} M/s per core; peak RSS {max(r[2] for r in results) / 1024:.1f} MiB", target)


def exporter_at_rate():
    say("exporter at 100,000 spans/s, then idle")
    loop = stub_program("loop_span")
    with Ground() as ground:
        to_sink = start_sink(ground)
        exporter = ground.start_exporter(EXPORTER_CPU)
        environment = ground.stub(ground.traced(**to_sink))
        process = ground.spawn(["taskset", "-c", CLIENT_CPU, loop, 2000000, 1, 4870], environment, stdout=subprocess.DEVNULL)
        time.sleep(2)
        begin, cpu = time.monotonic_ns(), cpu_ns(exporter.pid)
        time.sleep(3)
        seconds, used = (time.monotonic_ns() - begin) / 1e9, cpu_ns(exporter.pid) - cpu
        row("RSS of the exporter at about 100,000 spans/s", f"{resident_kib(exporter.pid) / 1024:.1f} MiB, CPU "
            f"{used / seconds / 1e7:.1f} % of a core", "<= 16 MiB")
        process.kill()
        process.wait()
        idle = ground.spawn([stub_program("loop_idle"), 60], environment)
        time.sleep(4)
        cpu = cpu_ns(exporter.pid)
        time.sleep(5)
        row("idle exporter, one client", f"{(cpu_ns(exporter.pid) - cpu) / 5e7:.3f} % of a core", "<= 0.1 %")
        idle.kill()


# ---- what arrives ----

def received(path):
    """(arrival in unix ns, decoded request) for each."""
    from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
    with open(path, "rb") as file:
        while head := file.read(16):
            arrival, n = struct.unpack("QQ", head)
            yield arrival, trace_service_pb2.ExportTraceServiceRequest.FromString(file.read(n))


def spans_of(request):
    return (s for r in request.resource_spans for scope in r.scope_spans for s in scope.spans)


def latency():
    loop = stub_program("loop_span")
    for name, delay in (("OTEL_BSP_SCHEDULE_DELAY=5000 (default)", "5000"), ("…=100", "100")):
        say(f"latency, {name}")
        with Ground() as ground:
            file = ground.directory / "received"
            to_sink = start_sink(ground, file)
            ground.start_exporter(EXPORTER_CPU)
            environment = ground.stub(ground.traced(OTEL_BSP_SCHEDULE_DELAY=delay, **to_sink, **QUERY_OPTIONS))
            ground.run([loop, 30000, 1, 100000], environment, CLIENT_CPU)
            ground.wait_until_drained(30)
            times = [(arrival - s.end_time_unix_nano) / 1e6 for arrival, request in received(file)
                     for s in spans_of(request)]
            times.sort()
            row(f"span end to arrival, 5,000 spans/s, {name}", f"{statistics.median(times):.0f} ms, "
                f"p99 {times[len(times) * 99 // 100]:.0f} ms", "")


def burst(name, arguments, target):
    say(f"burst, {name}")
    with Ground() as ground:
        file = Path(ground.shared.name) / "received"
        to_sink = start_sink(ground, file)
        ground.start_exporter()
        ground.run([stub_program("loop_span"), *arguments], ground.stub(ground.traced(**to_sink, **QUERY_OPTIONS)))
        ground.wait_until_drained(120)
        report = ground.status()
        ids = [s.span_id for _, request in received(file) for s in spans_of(request)]
        n_all = (arguments[0] + 1) * arguments[1]  # every thread connects once
        n_dropped = sum(dropped(p) for p in report["processes"])
        given_up = sum(d["rejected"] + d["dropped"] for d in report["destinations"])
        is_exact = len(set(ids)) + n_dropped + given_up == n_all and len(ids) == len(set(ids))
        row(f"300,000 spans, {name}", f"{len(set(ids)):,} arrived + {n_dropped:,} dropped"
            f"{f' + {given_up:,} given up' if given_up else ''}: count {'exact' if is_exact else 'WRONG'}", target)


def bursts():
    burst("at 600,000/s", [300000, 1, 700], "none lost")
    burst("flat out, one thread", [300000, 1], "counted exactly; opentelemetry-cpp exports 13 %")
    burst("flat out, four threads", [75000, 4], "counted exactly")


