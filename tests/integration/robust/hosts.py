"""Case 5: processes and threads that come, go, become another, and are interrupted."""
import collections
import signal

from case import case
from kills import Side, dropped_of, number_of
from lab import program


def numbers(spans):
    return collections.Counter(number_of(s) for s in spans)


@case("hosts/interrupted")
def interrupted(lab):
    """A handler calls redisCommand on its own context at any instruction."""
    lab.use_stub()
    lab.start_servers("redis")
    lab.start_exporter()
    side = lab.directory / "side"
    n = 20000 if lab.is_full else 4000
    command = [program("interrupted"), str(n)]
    plain = {**lab.environment, "STUB_SIDE": str(lab.directory / "plain.side")}
    lab.compare(command, lab.traced("interrupted", STUB_SIDE=str(side), OTELSHIM_TRACE_GAP="0"), plain)
    lab.wait_until_drained(60)
    words = Side(side)
    status = lab.status()
    report = [p for p in status["processes"] if p["service"] == "interrupted"][0]
    given_up = sum(d["dropped"] + d["rejected"] for d in status["destinations"])  # the spool may fill
    spans = lab.spans("interrupted")
    connects = 6
    n_wanted = sum(words.finished[:6]) + connects
    lab.check(len({s["id"] for s in spans}) == len(spans), "span ids came twice")
    lab.check(len(spans) + dropped_of(report) + given_up == n_wanted,
              f"{len(spans)} arrived + {dropped_of(report)} dropped {report['dropped']} + {given_up}, {n_wanted} called "
              f"({words.finished[2]} and {words.finished[3]} in handlers)")
    in_flight = [s for s in spans if "otelshim.ended_by" in s["attributes"]]
    abandoned = [s for s in spans if "otelshim.abandoned" in s["attributes"]]
    lab.check(not in_flight and not abandoned, f"{len(in_flight)} in flight, {len(abandoned)} abandoned at a clean exit")
    lab.check(report["corrupt"] == 0, f"{report['corrupt']} corrupt")


@case("hosts/fork_storm")
def fork_storm(lab):
    lab.use_stub()
    lab.start_exporter()
    n = 60 if lab.is_full else 20
    lab.compare([program("forks"), str(n)], lab.traced("forks"))
    lab.wait_until_drained()
    seen = numbers(lab.calls("forks"))
    wanted = {(0, i) for i in range(1, 20 * (n + 1) + 1)}
    for i in range(n):
        wanted |= {(10 + 2 * i, k) for k in range(1, 41)} | {(11 + 2 * i, k) for k in range(1, 21)}
    lab.check(set(seen) == wanted, f"{len(wanted - set(seen))} spans missing, {len(set(seen) - wanted)} too many, as "
              f"{sorted(wanted - set(seen))[:5]} {sorted(set(seen) - wanted)[:5]}")
    lab.check(not [k for k, count in seen.items() if count > 1], "spans came twice")
    lab.check_tree(lab.spans("forks"), "forks")
    pids = collections.defaultdict(set)
    for span in lab.calls("forks"):
        pids[number_of(span)[0]].add(span["resource"]["process.pid"])
    lab.check(all(len(p) == 1 for p in pids.values()), "a process's spans came as several processes'")
    lab.check(len({next(iter(p)) for p in pids.values()}) == 2 * n + 1, "two processes share a pid")


@case("hosts/exec_chain")
def exec_chain(lab):
    lab.use_stub()
    lab.start_exporter()
    hops = program("hops")
    chain = f"""exec env A=1 sh -c 'exec nice sh -c "exec {hops} 6"'"""
    result = lab.compare(["sh", "-c", chain], lab.traced("hops"), what="hops")
    lab.check(result.stdout.count(b"20 calls") == 0 and result.stdout.count(b"hop ") == 14, str(result))
    lab.wait_until_drained()
    seen = numbers(lab.calls("hops"))
    wanted = {(h, k) for h in range(7) for k in range(1, 21)}
    lab.check(set(seen) == wanted, f"missing {sorted(wanted - set(seen))[:5]}, too many {sorted(set(seen) - wanted)[:5]}")
    lab.check(max(seen.values(), default=0) == 1, "spans came twice")
    lab.check_tree(lab.spans("hops"), "hops")
    lab.check(not [s for s in lab.spans("hops") if "otelshim.ended_by" in s["attributes"]], "spans ended by exec")


@case("hosts/threads_1000")
def threads_1000(lab):
    lab.use_stub()
    lab.start_exporter()
    command = [program("calls"), "20", "1000", "2000"]
    lab.compare(command, lab.traced("threads"))
    lab.wait_until_drained()
    report = [p for p in lab.status()["processes"] if p["service"] == "threads"][0]
    seen = numbers(lab.calls("threads"))
    n_calls = len([1 for s in lab.calls("threads")])
    lab.check(max(seen.values(), default=0) == 1, "spans came twice")
    n_connects = len([s for s in lab.spans("threads") if s["kind"] == "client" and "db.query.text" not in s["attributes"]])
    n_all = n_calls + n_connects + dropped_of(report)
    roots_may_be_dropped = dropped_of(report)
    lab.check(21000 <= n_all <= 21000 + roots_may_be_dropped,
              f"{n_calls} calls + {n_connects} connects + {report['dropped']} dropped of 21000")
    lab.check(report["corrupt"] == 0, f"{report['corrupt']} corrupt")


@case("hosts/threads_that_die")
def threads_that_die(lab):
    lab.use_stub()
    lab.start_exporter()
    n_waves, n_threads = (40, 300) if lab.is_full else (10, 150)
    environment = {"STUB_DELAY_US": "200"}
    lab.compare([program("churn"), str(n_waves), str(n_threads)], lab.traced("churn", **environment),
                {**lab.environment, **environment})
    lab.wait_until_drained()
    report = [p for p in lab.status()["processes"] if p["service"] == "churn"][0]
    spans = lab.calls("churn")
    finished = numbers(s for s in spans if not {"otelshim.abandoned", "otelshim.ended_by"} & set(s["attributes"]))
    wanted = {(t, k) for t in range(n_waves * n_threads) for k in (1, 2, 3)}
    n_lost = len(wanted - set(finished))
    lab.check(n_lost <= dropped_of(report), f"{n_lost} finished calls lost, {report['dropped']} dropped, as "
              f"{sorted(wanted - set(finished))[:5]}")
    seen = numbers(spans)
    lab.check(max(seen.values()) == 1, f"twice: {[k for k, n in seen.items() if n > 1][:5]}")
    cut = numbers(s for s in spans if {"otelshim.abandoned", "otelshim.ended_by"} & set(s["attributes"]))
    cancelled = {t for t in range(n_waves * n_threads) if t % 3 == 2}
    unseen = cancelled - {t for t, _ in cut}
    lab.check(len(unseen) <= dropped_of(report), f"{len(unseen)} of {len(cancelled)} calls cut by cancellation did not arrive")
    lab.check({t for t, _ in cut} <= cancelled, f"cut, but not cancelled: {sorted(set(cut))[:5]}")
    if not dropped_of(report):
        lab.check_tree(lab.spans("churn"), "churn")
