#!/usr/bin/env python3
"""Runs the client libraries' own test suites, built from Debian's source packages, without and with the shim.

Every test must have the same result both times, and spans must have arrived. Then scripts of tests/integration that want
libraries which Debian 12 does not have. README.md must say what ran. What is fetched and built stays below
$SUITES (default $BUILD/suites). Usage: suites.py [SUITE…]
"""
import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

here = Path(__file__).resolve().parent
root = here.parents[1]
sys.path.insert(0, str(here.parent / "integration"))
build = Path(os.environ.get("BUILD", root / "build")).resolve()
suites = Path(os.environ.get("SUITES", build / "suites")).resolve()
TIMEOUT_S = 1500


class Bench:
    """Receiver and exporter, all as the user that runs the suites: PostgreSQL's refuse root."""

    def __init__(self, directory):
        from receiver import Receiver  # needs the venv
        self.receiver = Receiver()
        self.directory = directory
        self.user = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"] if os.geteuid() == 0 else []
        self.library = shutil.copy(build / "libotelshim.so", directory)
        exporter = shutil.copy(build / "otelshim", directory)
        for name in ("box", "home"):
            (directory / name).mkdir(mode=0o700)
            self.give(directory / name)
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(directory / "home"), "LC_ALL": "C",
                            "TMPDIR": str(directory / "home")}
        self.exporter = subprocess.Popen(
            [*self.user, exporter, "export", "--dir", directory / "box"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=open(directory / "exporter.log", "w"), cwd="/",
            env={**self.environment, "XDG_STATE_HOME": str(directory / "home"), "OTELSHIM_LOG": "debug"})

    def close(self):
        self.exporter.terminate()
        self.exporter.wait(20)

    def drain(self):
        """The exporter takes the files of dead processes away once they are delivered."""
        deadline = time.monotonic() + 20
        while any(re.match(r"\d+-\d+-\d+$", file.name) for file in (self.directory / "box").iterdir()):
            if time.monotonic() > deadline:
                return
            time.sleep(0.05)

    def give(self, path):
        if self.user:
            nobody = pwd.getpwnam("nobody")
            subprocess.run(["chown", "-R", f"{nobody.pw_uid}:{nobody.pw_gid}", path], check=True)

    def run(self, name, command, cwd, shim, **more):
        environment = {**self.environment, **more}
        if shim:
            environment |= {"LD_PRELOAD": self.library, "OTELSHIM_DIR": str(self.directory / "box"), "OTELSHIM_EXPORTER": "none",
                            "OTEL_EXPORTER_OTLP_ENDPOINT": self.receiver.url, "OTEL_SERVICE_NAME": name,
                            # The suites compare what went over the wire byte for byte.
                            "OTEL_PROPAGATORS": "none"}
        log = suites / f"{name}.{'shim' if shim else 'plain'}.log"
        with open(log, "w") as out:
            # `env` as the last one: the preload is for the suite.
            subprocess.run([*self.user, "env", *(f"{key}={value}" for key, value in environment.items()), *command], cwd=cwd,
                           env=self.environment, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                           timeout=TIMEOUT_S)
        return log.read_text(errors="replace")


def source(package):
    """The built tree of a package; fetched and built where it is not there yet."""
    subprocess.run([here / "fetch", suites, package], check=True)
    subprocess.run([here / "build", suites, package], check=True)
    return suites / package


def hiredis(bench, shim, name="hiredis", package="hiredis"):
    tree = source(package)
    servers = bench.directory / "servers"
    subprocess.run([root / "tests/servers/start", servers, "redis"], check=True, stdout=subprocess.DEVNULL)
    try:
        port, path = (re.search(rf"^{name}=(.*)$", (servers / "env").read_text(), re.M)[1] for name in ("REDIS_PORT", "REDIS_SOCKET"))
        text = bench.run(name, [tree / "hiredis-test", "-h", "127.0.0.1", "-p", port, "-s", path], tree, shim)
    finally:
        subprocess.run([root / "tests/servers/stop", servers], check=True, stdout=subprocess.DEVNULL)
    return re.findall(r"^#\d+ (.*): .*(PASSED|FAILED)", text, re.M)


def tap(text):
    """`prove --verbose`: names of files and of their tests."""
    name, results = "", []
    for line in text.splitlines():
        if begun := re.match(r"(t/\S+) \.+", line):
            name = begun[1]
        elif result := re.match(r"\s*((?:not )?ok) \d+(?: - (.*))?", line):
            results.append((f"{name} {result[2]}", result[1]))
    return results


def postgresql(bench, shim, name, folder, package="postgresql-15"):
    tree = source(package)
    bench.give(tree)
    server = subprocess.run(["pg_config", "--bindir"], check=True, capture_output=True, text=True).stdout.strip()
    text = bench.run(name,
                     ["nice", "-n", "10", "make", "-s", "-C", folder, "installcheck", f"bindir={server}", "PROVE_FLAGS=--verbose"],
                     tree, shim, LD_LIBRARY_PATH=str(tree / "src/interfaces/libpq"))
    return tap(text)


def run_curl(bench, shim, numbers, name="curl"):
    text = bench.run(name, ["nice", "-n", "10", "perl", "-I.", "./runtests.pl", "-a", "-n", *numbers], source("curl") / "tests", shim)
    results = {}
    for line in text.splitlines():
        if told := re.match(r"test (\d+)\s*\.\.\.|test (\d+) (SKIPPED)", line):
            results[int(told[1] or told[2])] = told[3] or "FAILED"
        if results and re.search(r"\bOK \(", line):
            results[list(results)[-1]] = "OK"
    return results


def curl(bench, shim):
    """What failed is tried once more: some wait for a second, and a busy machine's server does not answer by then."""
    bench.give(source("curl"))
    numbers = [number for line in (here / "curl.list").read_text().splitlines() for number in line.split("#")[0].split()]
    results = run_curl(bench, shim, numbers)
    if failed := [str(number) for number, result in results.items() if result == "FAILED"]:
        results |= run_curl(bench, shim, failed, "curl_again")
    return sorted((f"test {number}", result) for number, result in results.items())


OFFLINE = {"libpq"}  # its tests read connection strings: no call of theirs is traced
SUITES = {
    "hiredis": hiredis,
    "hiredis_1": lambda bench, shim: hiredis(bench, shim, "hiredis_1", "hiredis-trixie"),
    "libpq": lambda bench, shim: postgresql(bench, shim, "libpq", "src/interfaces/libpq"),
    "libpq_pipeline": lambda bench, shim: postgresql(bench, shim, "libpq_pipeline", "src/test/modules/libpq_pipeline"),
    "libpq_17_pipeline": lambda bench, shim: postgresql(bench, shim, "libpq_17_pipeline", "src/test/modules/libpq_pipeline",
                                                        "postgresql-17-trixie"),
    "curl": curl,
}


def symbolic(_bench):
    """hiredis and libpq as Ubuntu links them: they do not call themselves through the PLT."""
    source("hiredis"), source("postgresql-15")
    return ["tests/integration/reach/symbolic.sh", suites / "symbolic/libhiredis.so.0.14", suites / "symbolic/libpq.so.5"]


def newer_hiredis(_bench):
    """Debian 13's, built here, with TLS; or whatever NEWER_HIREDIS leads to."""
    prefix = os.environ.get("NEWER_HIREDIS") or source("hiredis-trixie") / "installed"
    return ["bash", "tests/integration/hiredis/newer.sh", prefix]


def newer_curl(_bench):
    """The one that pycurl's wheel brings; or whatever NEWER_CURL leads to."""
    return ["bash", "tests/integration/curl/websocket.sh", *filter(None, [os.environ.get("NEWER_CURL")])]


# Tests of our own against libraries that Debian 12 does not have.
SCRIPTS = {"symbolic": symbolic, "newer_curl": newer_curl, "newer_hiredis": newer_hiredis}


def check_script(name, bench):
    command = SCRIPTS[name](bench)
    if isinstance(command, str):
        return [], command
    log = suites / f"{name}.log"  # not a pipe: a server that outlives the script would hold it open
    with open(log, "w") as out:
        done = subprocess.run(command, cwd=root, env={**os.environ, "BUILD": str(build)}, stdin=subprocess.DEVNULL,
                              stdout=out, stderr=subprocess.STDOUT, timeout=TIMEOUT_S)
    text = log.read_text(errors="replace")
    passed, failed = (re.findall(rf"^{word} .*", text, re.M) for word in ("ok", "not ok"))
    problems = failed + ([f"exit status {done.returncode}", *text.splitlines()[-10:]] if done.returncode else [])
    skipped = [line for line in passed if "# skipped" in line]
    if skipped and len(skipped) == len(passed):
        return problems, "skipped: " + skipped[0].partition("# skipped: ")[2]
    return problems, f"{len(passed)} ok, {len(failed)} not ok"


def check(name, bench):
    """Problems, and one line that says what ran."""
    plain, shimmed = (Counter(SUITES[name](bench, shim)) for shim in (False, True))
    problems = [f"only without the shim: {key} x{n}" for key, n in (plain - shimmed).items()]
    problems += [f"only with the shim: {key} x{n}" for key, n in (shimmed - plain).items()]
    if not plain:
        problems.append(f"no results in {suites}/{name}.plain.log")
    bench.drain()
    spans = len(bench.receiver.of_service(name))
    if not spans and name not in OFFLINE:
        problems.append("not one span arrived")
    words = Counter()
    for (_, result), n in plain.items():
        words[result] += n
    told = ", ".join(f"{n} {result}" for result, n in words.most_common())
    return problems, f"{told}, the same without and with the shim; {spans} spans"


# ---- what README.md says ran ----

def read_table():
    """{name: the cells of its row}"""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in (here / "README.md").read_text().splitlines()]
    return {row[0].strip("`"): row for row in rows if len(row) == 4 and row[0].startswith("`")}


def near(said, found):
    """A count of spans: how often a suite polls differs from run to run."""
    return abs(said - found) <= max(5, said / 3)


def check_readme(told):
    """Of each that ran, its row has the results that it printed just now; the rows are those that there are."""
    table, problems = read_table(), []
    if list(table) != [*SUITES, *SCRIPTS]:
        problems.append(f"other rows than there are suites, or in another order: {sorted(set(table) ^ {*SUITES, *SCRIPTS})}")
    for name, now in told.items():
        results, spans = table[name][2:] if name in table else ("nothing", "")
        found = re.match(r"(.*?)(?:, the same without and with the shim; (\d+) spans)?$", now)
        is_same = results == found[1] and (not found[2] or near(int(spans.replace(",", "") or -1), int(found[2])))
        if not is_same:
            problems.append(f"{name} | {results} | {spans} is now {found[1]} | {found[2] or '-'}")
    return problems


def main():
    names = sys.argv[1:] or [*SUITES, *SCRIPTS]
    passed = failed = 0
    ran = {}
    suites.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="suites-", ignore_cleanup_errors=True) as directory:
        os.chmod(directory, 0o755)
        bench = Bench(Path(directory))
        try:
            for name in names:
                try:
                    problems, told = (check if name in SUITES else check_script)(name, bench)
                except (subprocess.SubprocessError, OSError) as error:
                    problems, told = [str(error)], "did not run"
                failed += bool(problems)
                passed += not problems and not told.startswith("skipped")
                if not problems and not told.startswith("skipped"):
                    ran[name] = told
                print(f"{'not ok' if problems else 'ok'} {name}: {told}", flush=True)
                for problem in problems[:20]:
                    print("    " + problem, flush=True)
        finally:
            bench.close()
    problems = check_readme(ran)
    print(("not ok " if problems else "ok ") + "README.md has what ran")
    for problem in problems:
        print("    " + problem)
    print(f"{passed + (not problems)} passed, {failed + bool(problems)} failed")
    return 1 if failed or problems else 0


if __name__ == "__main__":
    sys.exit(main())
