#!/usr/bin/env python3
"""Runs the programs of tests/integration/list twice, without and with the shim.

Standard output, standard error and exit status must be equal; the spans that arrived (decoded by the official
schema) must be those of NAME.expect, compared line by line.

  run.py [NAME…]      the tests named, else all
  run.py --names      their names
  run.py --update …   writes the expectations anew; read the diff before committing it
  run.py --emulator "qemu-aarch64 -L ROOT" --build DIR NAME…    programs of another architecture
  run.py --under tsan|valgrind --build DIR [NAME…]              our own programs under a tool that must not complain
                                                                of the library; tsan: DIR is built for it
"""
import difflib
import itertools
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

here = Path(__file__).resolve().parent
root = here.parents[1]
build = Path(os.environ.get("BUILD", root / "build")).resolve()
tool = None  # of TOOLS: the programs run under it
TOOLS = {
    # What a library that is not instrumented does is not seen; what it calls and was called by is.
    "tsan": {"prefix": "", "settings": "TSAN_OPTIONS=log_path=tool.log:exitcode=0:report_signal_unsafe=0"},
    "valgrind": {"prefix": "valgrind --log-file=tool.log.%p --num-callers=20 --leak-check=no --trace-children=no ", "settings": ""},
}
emulator = []  # "qemu-aarch64 -L ROOT": another architecture's programs; they come from below ROOT

# Attributes whose value differs from run to run: only their presence is compared.
VOLATILE = {"thread.id", "http.response.body.size", "http.response_content_length", "otelshim.library.version"}
RESOURCE_KEYS = ["service.name", "telemetry.sdk.name", "telemetry.sdk.language", "process.executable.name"]


def read_list():
    """NAME SERVER,SERVER NAME=VALUE… [-- COMMAND LINE]"""
    tests = []
    for line in Path(os.environ.get("LIST", here / "list")).read_text().splitlines():
        line = line.split("#")[0].strip()
        if not line:
            continue
        settings, _, command = line.partition(" -- ")
        name, servers, *environment = settings.split()
        tests.append({
            "name": name,
            "servers": [s for s in servers.split(",") if s != "none"],
            "environment": dict(pair.split("=", 1) for pair in environment),
            "command": command.strip() or f"$BUILD/tests/integration/{name}",
        })
    return tests


class Bench:
    """Servers, receiver and exporter shared by all tests of one run."""

    def __init__(self, tests, receiver, directory):
        self.directory = directory
        self.box = directory / "box"
        self.box.mkdir(mode=0o700)
        self.receiver = receiver
        servers = sorted({server for test in tests for server in test["servers"]})
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(directory), "BUILD": str(build), "LANG": "C.UTF-8",
                            "ROOT": str(root), "TMPDIR": str(directory)}
        self.servers = directory / "servers"
        if servers:
            subprocess.run([root / "tests/servers/start", self.servers, *servers], check=True, stdout=subprocess.DEVNULL)
            for line in (self.servers / "env").read_text().splitlines():
                name, _, value = line.partition("=")
                self.environment[name] = value.strip("'\"")
        self.exporter = subprocess.Popen(
            [*emulator, build / "otelshim", "export", "--dir", self.box],
            env={**self.environment, "XDG_STATE_HOME": str(directory / "state"), "OTELSHIM_LOG": "debug"},
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=open(directory / "exporter.log", "w"))

    def close(self):
        self.exporter.terminate()
        self.exporter.wait(60)
        if self.servers.exists():
            subprocess.run([root / "tests/servers/stop", self.servers], check=False, stdout=subprocess.DEVNULL)

    def run(self, test, shim):
        environment = {**self.environment, **test["environment"]}
        if shim:
            environment |= {
                "LD_PRELOAD": str(build / "libotelshim.so"), "OTELSHIM_DIR": str(self.box), "OTELSHIM_EXPORTER": "none",
                "OTEL_EXPORTER_OTLP_ENDPOINT": self.receiver.url, "OTEL_BSP_SCHEDULE_DELAY": "50",
                "OTEL_SERVICE_NAME": test["name"],
                # A stall of a loaded machine must not cut an episode in two.
                "OTELSHIM_TRACE_GAP": "10000",
            }
            environment |= test["environment"]
        command = "exec " + test["command"]
        if tool and shim:  # the shell between is none of the tool's
            command = f"{TOOLS[tool]['settings']} LD_PRELOAD={environment.pop('LD_PRELOAD')} exec {TOOLS[tool]['prefix']}{test['command']}"
        if emulator:  # the library is for the emulated loader, not for the emulator's
            preload = ["-E", "LD_PRELOAD=" + environment.pop("LD_PRELOAD")] if shim else []
            program = test["command"].split()[0]
            inside = program if "/" in program else f"{emulator[-1]}/usr/bin/{program}"
            if program == "psql":
                inside = f"{emulator[-1]}/usr/lib/postgresql/15/bin/psql"
            command = " ".join(["exec", *emulator, *preload, inside, *test["command"].split()[1:]])
        return subprocess.run(["sh", "-c", command], env=environment, cwd=self.directory, timeout=300,
                              stdin=subprocess.DEVNULL, capture_output=True)

    def wait_until_drained(self, seconds=90):
        """The exporter removes the file of a dead process once everything in it was delivered."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if not [f for f in self.box.iterdir() if re.match(r"\d+-\d+-\d+$", f.name)]:
                return True
            if self.exporter.poll() is not None:
                raise RuntimeError(f"the exporter ended with status {self.exporter.returncode}")
            time.sleep(0.01)
        return False


class Canon:
    """Spans as text: ids and times as structure, what the servers' environment explains as $NAME."""

    def __init__(self, environment, has_long=False):
        self.has_long = has_long
        known = [(value, name) for name, value in environment.items()
                 if re.search(r"PORT|SOCKET|DIR|URL|ROOT", name) and len(value) > 3]
        self.known = sorted(known, key=lambda pair: -len(pair[0]))

    def text(self, value):
        text = str(value) if not isinstance(value, str) else value
        for known, name in self.known:
            text = text.replace(known, "$" + name)
        return text

    def line(self, span):
        shown = [f"{key}=<any>" if key in VOLATILE else f"{key}={self.text(value)!r}"
                 for key, value in sorted(span["attributes"].items())]
        events = " events=" + ",".join(name for name, _ in span["events"]) if span["events"] else ""
        message = f" ({self.text(span['message'])})" if span["message"] else ""
        # Two seconds are long: times are not compared, but whether a span lasted on is.
        events += " LONG" if self.has_long and span["end"] - span["start"] >= 2_000_000_000 else ""
        return f"{span['kind']} {self.text(span['name'])!r} {span['status']}{message} {' '.join(shown)}{events}"

    def tree(self, spans):
        by_id = {span["id"]: span for span in spans}
        if len(by_id) != len(spans):
            yield f"REPEATED: {len(spans) - len(by_id)} span ids came twice"
        children = {}
        for span in spans:
            children.setdefault(span["parent"] if span["parent"] in by_id else "", []).append(span)

        def lines(span, depth):
            outside = " parent=outside" if span["parent"] and span["parent"] not in by_id else ""
            yield "  " * depth + self.line(span) + outside
            below = sorted(children.get(span["id"], []), key=lambda s: (s["start"], s["end"]))
            for child, n in self.runs([list(lines(child, depth + 1)) for child in below]):
                yield from child[:-1]
                yield child[-1] + (f" x{n}" if n > 1 else "")

        # Threads begin in any order: trees are sorted by their text.
        for tree in sorted(list(lines(span, 0)) for span in children.get("", [])):
            yield from tree

    @staticmethod
    def runs(items):
        """Equal neighbours as one item and how many."""
        for item, group in itertools.groupby(items):
            yield item, len(list(group))

    def document(self, spans):
        resources = {tuple((key, span["resource"].get(key)) for key in RESOURCE_KEYS) for span in spans}
        for resource in sorted(resources, key=str):
            yield "resource " + " ".join(f"{key}={self.text(value)!r}" for key, value in resource)
        yield from self.tree(spans)


def differences(test, plain, shimmed):
    for stream in ("stdout", "stderr"):
        # curl says how long it tried
        before, after = (re.sub(r"after \d+ ms", "after N ms", getattr(r, stream).decode(errors="replace")).splitlines() for r in (plain, shimmed))
        yield from difflib.unified_diff(before, after, f"{stream} without", f"{stream} with the shim", lineterm="")
    if plain.returncode != shimmed.returncode:
        yield f"exit status {plain.returncode} without, {shimmed.returncode} with the shim"


def complaints(directory):
    """What the tool said of the library; its logs are taken away."""
    for log in directory.glob("tool.log.*"):
        for report in re.split(r"(?m)^(?:=+\n|==\d+== *\n)", log.read_text(errors="replace")):
            if "libotelshim" in report or re.search(r" shim/\w+", report) or "(shim." in report:
                yield from report.splitlines()[:30]
        log.unlink()


def unemulated(span):
    """The kernel calls an emulated program's main thread after the emulator."""
    emulator_name = emulator[0][:15] if emulator else None
    if emulator_name and span["name"] == emulator_name:
        span["name"] = span["attributes"]["thread.name"] = span["resource"]["process.executable.name"][:15]
    return span


def check(test, bench, update):
    plain = bench.run(test, shim=False)
    shimmed = bench.run(test, shim=True)
    problems = list(differences(test, plain, shimmed))
    problems += complaints(bench.directory) if tool else []
    if not bench.wait_until_drained():
        problems.append("not everything was delivered in time")
    spans = [unemulated(span) for span in bench.receiver.of_service(test["environment"].get("OTEL_SERVICE_NAME", test["name"]))]
    expectation = here / (test["name"] + ".expect")
    # In a program that takes so long itself; elsewhere it is the machine.
    has_long = update or (expectation.exists() and " LONG" in expectation.read_text())
    seen = list(Canon({**bench.environment, **test["environment"]}, has_long).document(spans))
    if update:
        expectation.parent.mkdir(exist_ok=True)
        expectation.write_text("\n".join(seen) + "\n")
    if tool:  # which is so slow that calls come apart: what they are is for the run without it
        return problems + ([] if spans else ["no span arrived"])
    wanted = expectation.read_text().splitlines() if expectation.exists() else []
    problems += difflib.unified_diff(wanted, seen, "expected spans", "spans that arrived", lineterm="")
    if not wanted:
        problems.append("no expectation, or it is empty")
    return problems


def main():
    global build, tool
    arguments = sys.argv[1:]
    while arguments and arguments[0] in ("--emulator", "--build", "--under"):
        option, value, *arguments = arguments
        if option == "--emulator":
            emulator[:] = value.split()
        elif option == "--under":
            tool = value
        else:
            build = Path(value).resolve()
    tests = read_list()
    if arguments == ["--names"]:
        print("\n".join(test["name"] for test in tests))
        return 0
    update = "--update" in arguments
    names = [a for a in arguments if a != "--update"]
    tests = [test for test in tests if not names or test["name"] in names]
    if tool:
        tests = [test for test in tests if test["command"].startswith("$BUILD/tests/integration/")]
    from receiver import Receiver  # needs the venv
    failed = 0
    with tempfile.TemporaryDirectory(prefix="otelshim-test-", ignore_cleanup_errors=True) as directory:
        os.chmod(directory, 0o755)
        bench = Bench(tests, Receiver(), Path(directory))
        try:
            for test in tests:
                problems = check(test, bench, update)
                failed += bool(problems)
                print(("not ok " if problems else "ok ") + test["name"], flush=True)
                for problem in problems:
                    print("    " + problem)
        finally:
            bench.close()
            if failed:
                print("    exporter's log:\n    " + "    ".join((Path(directory) / "exporter.log").open().readlines()[-20:]))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
