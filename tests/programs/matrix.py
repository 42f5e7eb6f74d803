#!/usr/bin/env python3
"""Runs the programs of tests/programs/list twice, without and with the shim, and prints the table of README.md.

Output, exit status and the files left behind must be equal; every call that a server wrote down must have exactly one
span, with that call's method and status, statement, or command, and no span may be without such a call.

  matrix.py [--core] [NAME…]     the programs named (or whose name begins so), else all; --core: those of `make test`
  matrix.py --keep DIR …         work in DIR and leave it there
"""
import fnmatch
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

here = Path(__file__).resolve().parent
root = here.parents[1]
sys.path[:0] = [str(here), str(here.parent / "integration")]
import judge
import run as integration
import witness

SKIPPED = 77
TIMEOUT_S = 360
NOT_COMPARED = ["*.git/index", "*.sock", "*.pid"]  # times of day, and what is no file


def read_list():
    """NAME SERVER,SERVER AT-LEAST[,core][,NAME=VALUE] -- LIBRARY, HOW LOADED -- COMMAND"""
    programs = []
    for line in (here / "list").read_text().splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        settings, how, command = line.split(" -- ", 2)
        name, servers, options = settings.split()
        least, *options = options.split(",")
        named = dict(option.split("=", 1) for option in options if "=" in option)
        programs.append({"name": name, "servers": servers.split(","), "least": int(least), "core": "core" in options,
                         "unprivileged": "unprivileged" in options, "left": int(named.get("left", 0)),
                         "silent": int(named.get("silent", 0)), "varies": int(named.get("varies", 0)), "how": how.strip(), "command": command.strip(),
                         "volatile": named.get("volatile"), "ignore": NOT_COMPARED + named.get("ignore", "").split(":")})
    return programs


class Bench(integration.Bench):
    """Servers, receiver, exporter; where we are root, a second exporter and drop box for programs that are not."""

    def __init__(self, programs, receiver, directory):
        super().__init__(programs, receiver, directory)
        self.boxes = {False: self.box, True: self.box}
        self.exporters = [self.exporter]
        try:
            self.prepare(programs, directory)
        except BaseException:
            self.close()
            raise

    def prepare(self, programs, directory):
        # An unprivileged program must be able to read them, wherever the repository lies.
        self.library = shutil.copy(integration.build / "libotelshim.so", directory)
        shutil.copytree(here / "cases", directory / "cases")
        self.environment |= {"CASES": str(directory / "cases"), "LC_ALL": "C.UTF-8", "TZ": "UTC"}
        self.witnesses = {name: witness.WITNESSES[name](self.environment, self.servers)
                          for name in sorted({server for program in programs for server in program["servers"]})}
        if os.geteuid() == 0 and any(program["unprivileged"] for program in programs):
            self.start_second(directory)

    def start_second(self, directory):
        binary = shutil.copy(integration.build / "otelshim", directory)
        for name in ("box-unprivileged", "state-unprivileged"):
            (directory / name).mkdir(mode=0o700)
            shutil.chown(directory / name, "nobody", "nogroup")
        self.boxes[True] = directory / "box-unprivileged"
        self.exporters.append(subprocess.Popen(
            [*self.unprivileged(), binary, "export", "--dir", self.boxes[True]],
            env={**self.environment, "XDG_STATE_HOME": str(directory / "state-unprivileged"), "OTELSHIM_LOG": "debug"},
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=open(directory / "exporter2.log", "w"), cwd="/"))

    @staticmethod
    def unprivileged():
        return ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]

    def close(self):
        for exporter in self.exporters[1:]:
            exporter.terminate()
            exporter.wait(60)
        super().close()

    def run(self, program, shim):
        """One run in an empty directory that has the same name in both; it is moved to `plain` or `shim` afterwards."""
        work = self.directory / "work"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        environment = {**self.environment, "HOME": str(work), "TMPDIR": str(work), "NAME": program["name"]}
        command = ["sh", "-c", program["command"]]
        if program["unprivileged"] and os.geteuid() == 0:
            shutil.chown(work, "nobody", "nogroup")
            command = [*self.unprivileged(), *command]
        for server in program["servers"]:
            self.witnesses[server].begin()
        before = here / "cases" / (program["name"].replace("/", "_") + ".before")
        if before.exists():
            prepared = subprocess.run([before], env=environment, cwd=work, capture_output=True, text=True)
            if prepared.returncode == SKIPPED:
                return prepared.stdout.strip(), None
            if prepared.returncode:
                raise RuntimeError(prepared.stdout + prepared.stderr)
        for server in program["servers"]:
            self.witnesses[server].start()
        if shim:
            environment |= self.shim_environment(program)
        done = run_group(command, env=environment, cwd=work)
        calls = {server: self.witnesses[server].end() for server in program["servers"]}
        kept = self.directory / ("shim" if shim else "plain")
        shutil.rmtree(kept, ignore_errors=True)
        work.rename(kept)
        return done, calls

    def shim_environment(self, program):
        return {"LD_PRELOAD": self.library, "OTELSHIM_DIR": str(self.boxes[program["unprivileged"]]),
                "OTELSHIM_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": self.receiver.url,
                "OTEL_BSP_SCHEDULE_DELAY": "50", "OTEL_SERVICE_NAME": program["name"], "OTELSHIM_TRACE_GAP": "10000"}

    def drained(self, program):
        self.box = self.boxes[program["unprivileged"]]
        return self.wait_until_drained()


def run_group(command, **options):
    """As subprocess.run(), but what it started ends with it when the time is over."""
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          start_new_session=True, **options) as process:
        try:
            out, err = process.communicate(timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def steady(program, result):
    """What differs between two runs by its nature (volatile=REGEX) as <any>."""
    if program["volatile"]:
        pattern = program["volatile"].encode()
        result.stdout, result.stderr = (re.sub(pattern, b"<any>", text) for text in (result.stdout, result.stderr))
    return result


def files_of(directory, ignore):
    found = {}
    for path in sorted(directory.rglob("*")):
        name = str(path.relative_to(directory))
        if any(fnmatch.fnmatch(name, pattern) for pattern in ignore):
            continue
        found[name] = path.read_bytes() if path.is_file() else b"" if not path.is_symlink() else os.readlink(path).encode()
    return found


def file_differences(program, directory):
    plain, shim = (files_of(directory / name, program["ignore"]) for name in ("plain", "shim"))
    for name in sorted(plain.keys() | shim.keys()):
        if name not in shim:
            yield f"{name}: not written with the shim"
        elif name not in plain:
            yield f"{name}: only written with the shim"
        elif plain[name] != shim[name]:
            yield f"{name} differs"


def count(calls, spans):
    """How many calls, and how many calls and connections on either side: "12 + 2"."""
    connects = sum(call.get("kind") == "connect" for some in calls.values() for call in some)
    own = sum(bool(call.get("own")) for some in calls.values() for call in some)
    n_calls = sum(map(len, calls.values())) - connects - own
    clients = [span for span in spans if span["kind"] == "client"
               and span["attributes"].get("db.operation.name") not in judge.SILENT]
    connect_spans = sum(span["name"].endswith(" connect") for span in clients)
    shown = lambda n, c: f"{n} + {c}" if c else str(n)
    return n_calls, shown(n_calls, connects), shown(len(clients) - connect_spans, connect_spans)


def check(program, bench):
    """A row of the table: calls, spans, same output, result; and the problems."""
    plain, plain_calls = bench.run(program, shim=False)
    if plain_calls is None:
        return ["-", "-", "-", "skipped: " + plain], []
    shimmed, calls = bench.run(program, shim=True)
    other = list(integration.differences(program, steady(program, plain), steady(program, shimmed)))
    other += list(file_differences(program, bench.directory))[:judge.MAX_SHOWN]
    problems = [] if bench.drained(program) else ["not everything was delivered in time"]
    spans = bench.receiver.of_service(program["name"])
    (bench.directory / "spans").write_text("\n".join(integration.Canon(bench.environment).document(spans)) + "\n")
    judges = {name: judge.JUDGES[name](bench.environment, program) for name in program["servers"]}
    problems += judge.verdict(judges, calls, spans, program["left"])
    n_calls, seen, made = count(calls, spans)
    made += f" + {program['silent']} not logged" if program["silent"] else ""
    if n_calls < program["least"]:
        problems.append(f"the servers saw {n_calls} calls, not {program['least']}: {shimmed.stdout[-500:]} {shimmed.stderr[-500:]}")
    return [seen, made, "no" if other else "yes", "FAILED" if problems or other else "ok"], other + problems


COLUMNS = ["program", "library, how loaded", "calls the server saw", "spans", "same output", "result"]


def print_table(rows):
    widths = [max(map(len, column)) for column in zip(COLUMNS, *rows)]
    line = lambda cells: print("| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths)) + " |")
    line(COLUMNS)
    print("|" + "|".join("-" * (width + 2) for width in widths) + "|")
    for row in rows:
        line(row)


def read_table():
    """{program: the cells that README.md has}"""
    lines = (here / "README.md").read_text().splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")]
    return {row[0]: row for row in rows if len(row) == len(COLUMNS) and row != COLUMNS}


def is_alike(said, found, varies):
    """The same words; each number at most so far off."""
    numbers = [[int(n) for n in re.findall(r"\d+", cell)] for cell in (said, found)]
    return (re.sub(r"\d+", "N", said) == re.sub(r"\d+", "N", found) and
            all(abs(a - b) <= varies for a, b in zip(*numbers)))


def check_readme(rows, programs):
    """README.md has the list's programs, and of those that ran what they printed just now."""
    said, problems = read_table(), []
    listed = [program["name"] for program in read_list()]
    if list(said) != listed:
        problems.append(f"other programs than the list's, or in another order: {sorted(set(said) ^ set(listed))}")
    for row, program in zip(rows, programs):
        if row[-1] == "ok" and not all(map(is_alike, said.get(row[0], [""] * len(row)), row, [program["varies"]] * len(row))):
            problems.append(f"{' | '.join(said.get(row[0], ['nothing']))}\n    is now {' | '.join(row)}")
    print(("not ok " if problems else "ok ") + "README.md has the table that was printed")
    for problem in problems:
        print("    " + problem)
    return not problems


def run_all(programs, bench):
    rows = []
    for program in programs:
        try:
            cells, problems = check(program, bench)
        except (RuntimeError, subprocess.TimeoutExpired) as error:
            cells, problems = ["-", "-", "-", "FAILED"], [str(error)]
        rows.append([program["name"], program["how"], *cells])
        result = rows[-1][-1]
        print({"ok": "ok ", "FAILED": "not ok "}.get(result, "ok ") + program["name"]
              + (f" # {result}" if result.startswith("skipped") else ""), flush=True)
        for problem in problems:
            print("    " + problem, flush=True)
    return rows


def main():
    arguments = sys.argv[1:]
    core = "--core" in arguments
    keep = arguments[arguments.index("--keep") + 1] if "--keep" in arguments else None
    names = [a for a in arguments if not a.startswith("--") and a != keep]
    programs = [program for program in read_list() if (program["core"] or not core)
                and (not names or any(program["name"].startswith(name) for name in names))]
    if "--names" in arguments:
        print("\n".join(program["name"] for program in programs))
        return 0
    from receiver import Receiver  # needs the venv
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the servers are ended, too
    with tempfile.TemporaryDirectory(prefix="programs-", ignore_cleanup_errors=True) as directory:
        directory = Path(keep or directory)
        if keep:
            shutil.rmtree(directory, ignore_errors=True)
            directory.mkdir()
        directory.chmod(0o755)
        bench = Bench(programs, Receiver(), directory)
        try:
            rows = run_all(programs, bench)
        finally:
            bench.close()
    print()
    print_table(rows)
    results = [row[-1] for row in rows] + ["ok" if check_readme(rows, programs) else "FAILED"]
    print(f"\n{results.count('ok')} passed, {results.count('FAILED')} failed")
    return 1 if "FAILED" in results else 0


if __name__ == "__main__":
    sys.exit(main())
