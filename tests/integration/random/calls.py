#!/usr/bin/env python3
"""Random programs: what they print, and the spans that they must cause.

  calls.py [--full] [--under valgrind] [LIBRARY] [SEED…]    --full: thousands of seeds

Each seed's program is run without and with the library. Both must print the same; of each `!span OUTCOME TAG` that it
printed one span must arrive, or be counted as dropped; no other span, none twice, and none that was ended by the
process's end but those left open on purpose. A seed that fails is printed; `calls.py LIBRARY SEED` repeats it.
"""
import collections
import concurrent.futures
import re
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "robust"))
import lab as laboratory  # noqa: E402
from kills import dropped_of  # noqa: E402

SERVERS = {"hiredis": ["redis"], "libpq": ["postgres"], "curl": ["nginx", "exchange"]}
SEEDS = range(1, 7)
FULL_SEEDS = range(1000, 2200)
PROGRAMS = laboratory.build / "tests/integration/random"
AT_ONCE = 12  # seeds whose spans are awaited together
VALGRIND = ["valgrind", "--num-callers=20", "--leak-check=no", "--trace-children=no", "--log-file=tool.log.%p"]
SQL_COMMENT = re.compile(r" /\*traceparent='.*")  # was asked for, and is quoted by the server's messages
under = []


def settings_of(seed):
    """Whatever an operator may have set must not change what a program sees."""
    return [{}, {"OTELSHIM_SQL_COMMENT": "true"}, {"OTELSHIM_TRACE_GAP": "0"},
            {"OTEL_PROPAGATORS": "b3,baggage,tracecontext", "OTELSHIM_PROPAGATE_EXCLUDE": "localhost"}][seed // 3 % 4]


def tag_of(span):
    attributes = span["attributes"]
    if "url.full" in attributes:
        return f"{attributes.get('http.request.method')} {re.sub(r'^[a-z]+://[^/]*', '', attributes['url.full'])}"
    text = attributes.get("db.query.text")
    if attributes.get("db.system.name") == "redis":
        words = (text or span["name"]).split()[:2]
        return " ".join(word for word in words if word != "?")
    if span["name"].startswith("PREPARE"):
        return f"PREPARE {text}"
    is_connect = span["name"] == "postgresql connect"
    return text or attributes.get("db.operation.name") or (span["name"] if is_connect else "(unknown)")


def wanted_of(output):
    """{tag: [outcome…]}"""
    wanted = collections.defaultdict(list)
    for line in output.splitlines():
        if line.startswith("!span "):
            _, outcome, tag = line.split(" ", 2)
            wanted[tag].append(outcome)
    return wanted


def unexplained(tag, outcomes, spans):
    """What of one tag's spans was not wanted, and what was wanted and is not there: ([text], how many are missing)."""
    left = list(spans)
    n_missing = 0
    for outcome in sorted(outcomes, key=["UNSET", "ERROR", "OPEN", "ANY", "MAYBE"].index):
        def fits(span, outcome=outcome):
            is_dead = "otelshim.ended_by" in span["attributes"]
            return is_dead == (outcome == "OPEN") and (outcome not in ("UNSET", "ERROR") or span["status"] == outcome)
        found = next((s for s in left if fits(s)), None)
        if not found and outcome == "OPEN":
            found = next(iter(left), None)
        if found:
            left.remove(found)
        elif outcome != "MAYBE":
            n_missing += 1
    if not left and not n_missing:
        return [], 0
    seen = collections.Counter(s["status"] + (" " + s["attributes"]["otelshim.ended_by"]
                                              if "otelshim.ended_by" in s["attributes"] else "") for s in spans)
    text = f"{tag}: wanted {dict(collections.Counter(outcomes))}, arrived {dict(seen)}"
    return ([text] if left or n_missing else []), n_missing


class Group:
    """One library's seeds, in a lab of its own: its servers are nobody else's."""

    def __init__(self, library, is_full):
        self.library = library
        self.lab = laboratory.Lab(f"random-{library}", is_full)
        self.failed = []

    def run_seed(self, seed):
        """(output with the library, problems)"""
        lab, command = self.lab, [str(PROGRAMS / self.library), str(seed)]
        environment = lab.traced(f"{self.library}-{seed}", OTELSHIM_RAW=str(self.library == "libpq").lower(),
                                 **settings_of(seed))
        before = len(lab.problems)
        plain = lab.run(command)
        if under:
            command = ["env", f"LD_PRELOAD={environment.pop('LD_PRELOAD')}", *under, *command]
        shimmed = lab.run(command, environment, timeout=300)
        for stream in ("stdout", "stderr"):
            one, other = (SQL_COMMENT.sub("", getattr(r, stream).decode(errors="replace")).splitlines() for r in (plain, shimmed))
            lab.problems += laboratory.difflib.unified_diff(one, other, f"{stream} without", "with", lineterm="", n=2)
        lab.check(plain.returncode == shimmed.returncode, f"exit status {plain.returncode} without, {shimmed.returncode} with")
        lab.check(plain.returncode == 0, f"it ended with {plain.returncode}")
        for log in lab.directory.glob("tool.log.*"):
            text = log.read_text(errors="replace")
            if "libotelshim" in text:
                lab.problems += [line for line in text.splitlines()][:60]
            log.unlink()
        problems = lab.problems[before:]
        del lab.problems[before:]
        return shimmed.stdout.decode(errors="replace"), problems

    def run_seed_in_time(self, seed):
        try:
            return self.run_seed(seed)
        except subprocess.TimeoutExpired as late:
            return "", [str(late)]

    def check_spans(self, seed, output):
        service = f"{self.library}-{seed}"
        spans = [s for s in self.lab.spans(service) if s["kind"] == "client"]
        n_ids = len({s["id"] for s in spans})
        problems = [] if n_ids == len(spans) else [f"{len(spans) - n_ids} span ids came twice"]
        dropped = [p for p in self.lab.status()["processes"] if p["service"] == service]
        n_dropped = sum(dropped_of(p) for p in dropped)
        by_tag = collections.defaultdict(list)
        for span in spans:
            by_tag[tag_of(span)].append(span)
        wanted = wanted_of(output)
        n_missing, texts = 0, []
        for tag in sorted({*wanted, *by_tag}):
            found, n = unexplained(tag, wanted.get(tag, []), by_tag.get(tag, []))
            texts += found
            n_missing += n
        if texts and not (n_dropped and n_missing == n_dropped):
            problems += texts + ([f"{n_dropped} were counted as dropped"] if n_dropped else [])
        return problems, len(spans)

    def run(self, seeds):
        lab = self.lab
        lab.start_servers(*SERVERS[self.library])
        lab.start_exporter()
        n_spans = 0
        for i in range(0, len(seeds), AT_ONCE):
            batch = {seed: self.run_seed_in_time(seed) for seed in seeds[i:i + AT_ONCE]}
            lab.wait_until_drained(60)
            for seed, (output, problems) in batch.items():
                more, n = self.check_spans(seed, output)
                n_spans += n
                if problems or more:
                    self.failed.append(seed)
                    print(f"not ok random/{self.library} seed {seed}", *(problems[:40] + more[:20]), sep="\n    ", flush=True)
            lab.receiver.spans.clear()
        return n_spans


def run_group(library, seeds, is_full):
    from_s = time.monotonic()
    group = Group(library, is_full)
    try:
        n_spans = group.run(seeds)
        problems = group.lab.problems
    finally:
        log = group.lab.close()
    for problem in problems:
        print(f"    {problem}")
    if log and problems:
        print(log)
    is_fine = not group.failed and not problems
    print(("ok" if is_fine else "not ok") + f" random/{library}: {len(seeds)} seeds, {n_spans} spans "
          f"({time.monotonic() - from_s:.1f} s)" + (f", failing seeds: {' '.join(map(str, group.failed))}" if group.failed else ""), flush=True)
    return is_fine


def main():
    words = sys.argv[1:]
    is_full = "--full" in words
    if "--under" in words:
        under[:] = VALGRIND
        words.remove("valgrind")
    libraries = [w for w in words if w in SERVERS] or list(SERVERS)
    seeds = [int(part) for w in words if re.fullmatch(r"\d+(-\d+)?", w)
             for part in range(int(w.split("-")[0]), int(w.split("-")[-1]) + 1)]
    seeds = seeds or list(FULL_SEEDS if is_full else SEEDS)
    targets = [str(PROGRAMS / library) for library in libraries]
    subprocess.run(["make", "-s", f"BUILD={laboratory.build}", *targets], check=True, cwd=laboratory.root)
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        results = list(pool.map(lambda library: run_group(library, seeds, is_full), libraries))
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
