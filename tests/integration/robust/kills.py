"""Cases 1-4: the program killed, the exporter killed, both; a burst."""
import random
import re
import signal
import struct
import time

from case import case
from lab import DROPS_OF_SPANS, program

N_THREADS = 8
SIDE_THREADS = 64
NUMBER = re.compile(r" s_(\d+)_(\d+)")


def number_of(span):
    found = NUMBER.search(span["attributes"]["db.query.text"])
    return int(found[1]), int(found[2])


class Side:
    """What the program noted before it was killed."""

    def __init__(self, path):
        words = struct.unpack(f"{4 * SIDE_THREADS}Q", path.read_bytes())
        parts = [words[i * SIDE_THREADS:][:N_THREADS] for i in range(4)]
        self.begun, self.inside, self.left, self.finished = parts

    @property
    def n_finished(self):
        return sum(self.finished)


def drops_of(lab, service):
    """Spans the library counted as dropped, by reason: a slow machine's exporter does not keep up with every burst."""
    of_service = [p["dropped"] for p in lab.status()["processes"] if p["service"] == service]
    return {reason: n for reason, n in of_service[0].items() if reason in DROPS_OF_SPANS} if of_service else {}


def rounds(lab, short, full):
    return full if lab.is_full else short


def start_killed(lab, service, i):
    """Every other round flat out in bursts, so that a kill meets a half-written record; else calls that take time."""
    side = lab.directory / f"{service}.side"
    flat = i % 2
    arguments = ["100", "20000"] if flat else ["1000", "100"]
    delay = {} if flat else {"STUB_DELAY_US": str(random.choice([50, 300]))}
    environment = lab.traced(service, STUB_SIDE=str(side), **delay)
    process = lab.spawn([program("killed"), str(N_THREADS), *arguments], environment)
    lab.wait_for(lambda: side.exists() and side.stat().st_size and Side(side).n_finished, 10, f"{service} to begin")
    return process, side


def check_after_kill(lab, service, side, may_repeat=False, dropped=None):
    """Every finished span; those in the library at the kill, as ended by the death; none both ways."""
    ended, in_flight, repeats = {}, {}, 0
    seen = {}
    for span in lab.calls(service):
        key = number_of(span)
        kind = in_flight if "otelshim.ended_by" in span["attributes"] else ended
        if span["id"] in seen:
            repeats += 1
            lab.check(seen[span["id"]] == key, f"{service}: one id for {seen[span['id']]} and {key}")
            continue
        seen[span["id"]] = key
        lab.check(key not in ended and key not in in_flight, f"{service}: {key} came under two ids")
        kind[key] = span
    lab.check(may_repeat or not repeats, f"{service}: {repeats} span ids came twice")
    lost = [(t, n) for t in range(N_THREADS) for n in range(1, side.finished[t] + 1) if (t, n) not in ended]
    dropped = dropped or {}
    lab.check(len(lost) <= sum(dropped.values()), f"{service}: {len(lost)} of {side.n_finished} finished spans lost, dropped "
              f"{dropped}, as {lost[:4]}")
    unseen = [(t, side.inside[t]) for t in range(N_THREADS)
              if side.inside[t] > side.left[t] and (t, side.inside[t]) not in in_flight]
    lab.check(not unseen, f"{service}: in the library at the kill, but not ended by the death: {unseen}")
    both = set(ended) & set(in_flight)
    lab.check(not both, f"{service}: both ways: {both}")
    early = [k for k in in_flight if k[1] <= side.finished[k[0]]]
    lab.check(not early, f"{service}: finished, but ended by the death: {early}")
    late = [k for k in [*ended, *in_flight] if k[1] > side.begun[k[0]]]
    lab.check(not late, f"{service}: never begun: {late}")
    for key, span in in_flight.items():
        lab.check(span["attributes"]["otelshim.ended_by"] == "killed" and span["status"] == "ERROR",
                  f"{service}: {key} ended by {span['attributes']['otelshim.ended_by']}, {span['status']}")
    if not may_repeat and not dropped:
        lab.check_tree(lab.spans(service), service)
    return repeats


@case("kill/program")
def program_killed(lab):
    lab.use_stub()
    lab.start_exporter()
    dead = {}
    for i in range(rounds(lab, 12, 50)):
        service = f"killed-{i}"
        process, side = start_killed(lab, service, i)
        time.sleep(random.uniform(0, 0.25))
        process.kill()
        process.wait()
        dead[service] = Side(side), drops_of(lab, service)
    lab.wait_until_drained(60)
    for service, (side, dropped) in dead.items():
        check_after_kill(lab, service, side, dropped=dropped)
    lab.check(not all(dropped for _, dropped in dead.values()), "spans were dropped in every round")
    lab.check(lab.spans(), "nothing arrived")


@case("kill/exporter")
def exporter_killed(lab):
    """Nothing lost; repeats only of what was in flight (one request of 512 spans, and what the receipts had not yet
    acknowledged), with the same ids."""
    lab.use_stub()
    n = rounds(lab, 12, 50)
    exporter = lab.start_exporter()
    side_path = lab.directory / "recorded.side"
    process = lab.spawn([program("killed"), str(N_THREADS), "4", "2000"],
                        lab.traced("recorded", STUB_SIDE=str(side_path), OTEL_BSP_SCHEDULE_DELAY="20"))
    lab.wait_for(lambda: len(lab.calls("recorded")) > 0, 10, "the first span")
    for _ in range(n):
        time.sleep(random.uniform(0, 0.3))
        lab.stop_exporter(exporter, signal.SIGKILL)
        time.sleep(random.uniform(0, 0.05))
        exporter = lab.start_exporter()
    process.kill()
    process.wait()
    lab.wait_until_drained(60)
    repeats = check_after_kill(lab, "recorded", Side(side_path), may_repeat=True, dropped=drops_of(lab, "recorded"))
    lab.check(repeats <= n * 2 * 2048, f"{repeats} repeats of {n} kills: more than was in flight")
    check_repeats(lab, "recorded")


def check_repeats(lab, service):
    """The same id is the same span."""
    first = {}
    for span in lab.spans(service):
        known = first.setdefault(span["id"], span)
        same = all(known[k] == span[k] for k in ("trace", "parent", "name", "attributes"))
        lab.check(same, f"{service}: {span['id']} came again, but differs: {known} {span}")
        lab.check(abs(known["start"] - span["start"]) < 5_000_000, f"{service}: a repeat began at another time")


@case("kill/both")
def both_killed(lab):
    lab.use_stub()
    for i in range(rounds(lab, 6, 30)):
        service = f"both-{i}"
        exporter = lab.start_exporter()
        process, side = start_killed(lab, service, i)
        time.sleep(random.uniform(0, 0.2))
        for victim in random.sample([exporter, process], 2):
            victim.send_signal(signal.SIGKILL)
        process.wait()
        exporter.wait()
        exporter = lab.start_exporter()
        lab.wait_until_drained(20)
        check_after_kill(lab, service, Side(side), may_repeat=True, dropped=drops_of(lab, service))
        check_repeats(lab, service)
        lab.check(lab.calls(service), f"{service}: nothing arrived")
        lab.stop_exporter(exporter)


def dropped_of(process):
    return sum(process["dropped"].get(reason, 0) for reason in DROPS_OF_SPANS)


@case("burst")
def burst(lab):
    """300,000 spans, flat out and at a real client's rate: arrived + counted as dropped = all."""
    lab.use_stub()
    exporter = lab.start_exporter()
    bursts = {"flat-4": ["75000", "4"], "flat": ["300000", "1"], "paced": ["300000", "1", "900", "600"]}
    for service, arguments in list(bursts.items())[:3 if lab.is_full else 1]:
        lab.receiver.decode()
        lab.receiver.spans.clear()
        before = lab.status()["destinations"]
        result = lab.run([program("calls"), *arguments], lab.traced(service, OTELSHIM_TRACE_GAP="0",
                                                                      OTEL_EXPORTER_OTLP_TIMEOUT="120000"))  # what is late comes twice
        lab.check(result.stdout == b"300000 calls\n", f"{service}: {result.stdout} {result.stderr}")
        lab.wait_until_drained(60)
        report = lab.status()
        mine = [p for p in report["processes"] if p["service"] == service]
        if not lab.check(len(mine) == 1, f"{service}: not in the report: {report['processes']}"):
            continue
        destination = report["destinations"][0]
        given_up = sum(destination[k] - (before[0][k] if before else 0) for k in ("rejected", "dropped"))
        spans = lab.spans(service)
        n_connects = int(arguments[1])
        n_all = len({s["id"] for s in spans}) + dropped_of(mine[0]) + given_up
        lab.check(len({s["id"] for s in spans}) == len(spans), f"{service}: span ids came twice")
        lab.check(n_all == 300000 + n_connects,
                  f"{service}: {len(spans)} arrived, {dropped_of(mine[0])} dropped ({mine[0]['dropped']}), "
                  f"{given_up} given up: {n_all} of {300000 + n_connects}")
        lab.check(mine[0]["corrupt"] == 0, f"{service}: {mine[0]['corrupt']} corrupt")
        lab.check(len(spans) > 10000, f"{service}: only {len(spans)} arrived")
    lab.check(lab.stop_exporter(exporter) == 0, "the exporter's exit status")
