"""Programs that call otelshim.h and syslog(3): as without the library, and every call seen where it belongs."""
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

here = Path(__file__).resolve().parent
sys.path.insert(0, str(here.parent / "robust"))
from case import Skip  # noqa: E402
from lab import LIBRARY, Lab, build, root  # noqa: E402

CALLS = str(build / "tests/integration/api/calls")
QUICK = {"OTEL_METRIC_EXPORT_INTERVAL": "300", "OTEL_BLRP_SCHEDULE_DELAY": "50"}
STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wundef", "-Wcast-qual", "-Werror", "-O2", f"-I{root / 'shim'}"]
DIALECTS = [(f"{compiler} -std={standard}", [compiler, f"-std={standard}", "-xc" if standard[0] != "c" or "+" not in standard else "-xc++"])
            for compiler, standards in [("gcc", ["c99", "c11", "gnu17"]), ("clang-14", ["c99", "c11", "gnu17"]),
                                        ("g++", ["c++11", "c++17", "c++20"]), ("clang++-14", ["c++11", "c++17", "c++20"])]
            for standard in standards if shutil.which(compiler)]
INTERNAL = {"thread.id", "thread.name"}


def compile_to(lab, name, *command):
    path = lab.directory / name
    done = subprocess.run([*command, "-o", path], capture_output=True, text=True)
    lab.check(done.returncode == 0, f"{' '.join(map(str, command))}: {done.stderr[:2000]}")
    return str(path)


def deliver(lab, exporter):
    """All that was recorded; sums go out once more when an exporter that has nothing to do leaves."""
    lab.wait_until_drained(40)
    lab.stop_exporter(exporter)
    lab.deliver()
    lab.receiver.decode()


def run_traced(lab, command, **more):
    """Both ways."""
    exporter = lab.start_exporter(**QUICK)
    lab.compare(command, lab.traced("api", **{**QUICK, **more}))
    deliver(lab, exporter)


def named(spans, name):
    return [s for s in spans if s["name"] == name]


def one(lab, spans, name):
    found = named(spans, name)
    lab.check(len(found) == 1, f"{len(found)} spans called {name}")
    return found[0] if found else {"id": None, "trace": None, "parent": None, "attributes": {}, "status": None, "message": None, "kind": None,
                                   "exceptions": [], "flags": 0, "scope": None}


def own(attributes):
    return {key: value for key, value in attributes.items() if key not in INTERNAL}


# ---- cases ----

def check_round(lab, spans):
    """The tree of one round: spans of the program's own, of libcurl inside them, of its callback inside those, of a child process."""
    whole, decide, child = [one(lab, spans, name) for name in ("round", "decide", "run_child")]
    lab.check(not whole["parent"] and whole["status"] == "OK" and whole["scope"] == "otelshim.api", f"round: {whole}")
    lab.check(own(whole["attributes"]) == {"market": "KRW-BTC", "attempt": 2, "late": 0.5, "seen.trace": (whole["trace"] or "")[:16], "seen.span": whole["id"]},
              f"round: {whole['attributes']}")
    lab.check(decide["parent"] == child["parent"] == whole["id"] and decide["kind"] == "producer", f"decide: {decide}")
    lab.check(decide["status"] == "ERROR" and [(e.get("exception.type"), e.get("exception.message")) for e in decide["exceptions"]]
              == [("Undecided", "neither buy nor sell")], f"decide: {decide}")
    inner = [s for s in spans if s["kind"] == "client" and s["parent"] == whole["id"]]
    opened = [s for s in named(spans, "open_socket") if s["trace"] == whole["trace"]]
    lab.check(len(inner) == 1 and len(opened) == 1 and opened[0]["parent"] == inner[0]["id"], f"inside: {inner} {opened}")
    outer = [s for s in spans if s["kind"] == "client" and s["parent"] == child["id"]]
    lab.check(len(outer) == 1 and outer[0]["resource"]["process.executable.name"] == "curl", f"of the child: {outer}")


def check_headers(lab, spans):
    """R116: X-Request-ID and X-Process-Time of the span, for the program to use; what it prints is as without us (compare())."""
    answer = one(lab, spans, "answer")
    said = own(answer["attributes"])
    lab.check(answer["kind"] == "server" and said.get("http.request_id") == "req-7" and 0 <= said.get("said.ms", -1) < 1000, f"answer: {answer}")


def check_logs(lab, spans):
    decide = one(lab, spans, "decide")
    logs = [r for r in lab.receiver.logs if r["id"] == decide["id"]]
    lab.check([r["severity"] for r in logs] == [9, 13, 9, 21, 9, 9] and all(r["trace"] == decide["trace"] for r in logs),
              f"logs: {[(r['severity'], r['body'], r['event']) for r in lab.receiver.logs]}")
    if len(logs) != 6:
        return
    lab.check([r["body"] for r in logs[:2]] == ["3 orders of KRW-BTC at 1.5", "as it is: 100 %d"], f"bodies: {[r['body'] for r in logs]}")
    lab.check(logs[2]["event"] == "order.placed" and logs[2]["attributes"].get("price") == 50000 and logs[2]["attributes"].get("is_dry") is True,
              f"event: {logs[2]}")
    lab.check(logs[3]["attributes"].get("exception.type") == "InsufficientFunds" and logs[3]["attributes"].get("coin") == "비트코인", f"error: {logs[3]}")
    lab.check(logs[4]["attributes"].get("symbol") == "KRW-BTC" and logs[5]["body"] == "오늘은 쉽니다", f"trade, notice: {logs[4:]}")
    # Outside of all spans, just behind a request: the request's episode.
    last = [r for r in lab.receiver.logs if r["body"] == "request: 7"]
    after = [s for s in spans if s["kind"] == "client" and last and s["trace"] == last[0]["trace"]]
    lab.check(len(last) == 1 and len(after) == 1 and after[0]["parent"] == last[0]["id"], f"behind a request: {last}")


def latest(lab, name):
    points = [p for p in lab.receiver.points if p["name"] == name]
    return max(points, key=lambda p: p["time"]) if points else {}


def check_points(lab):
    orders, opened, balance, taken = [latest(lab, name) for name in ("orders", "orders.open", "balance", "round.duration")]
    lab.check(orders.get("value") == 3 and orders.get("monotonic") and orders["attributes"] == {"status": "filled"}, f"orders: {orders}")
    lab.check(opened.get("value") == 2 and opened.get("monotonic") is False, f"orders.open: {opened}")
    lab.check(balance.get("value") == 12.5 and balance.get("kind") == "gauge" and balance["attributes"] == {"range": "medium"}, f"balance: {balance}")
    lab.check(taken.get("count") == 2 and taken.get("sum") == 1.0 and taken.get("unit") == "s" and taken.get("description") == "of one round",
              f"round.duration: {taken}")


def c(lab):
    """A C program: spans, log records and metrics; its children; what libcurl does inside."""
    run_traced(lab, [CALLS])
    spans = lab.receiver.spans
    check_round(lab, spans)
    check_headers(lab, spans)
    check_logs(lab, spans)
    check_points(lab)


def no_pie(lab):
    """The same program, not position-independent: there the linker has made every weak reference 0."""
    path = compile_to(lab, "calls", "gcc", "-std=gnu17", "-O2", "-no-pie", f"-I{root / 'shim'}", here / "calls.c", "-lcurl", "-lpthread")
    run_traced(lab, [path])
    check_round(lab, lab.receiver.spans)
    check_headers(lab, lab.receiver.spans)
    check_points(lab)


def dialects(lab):
    """The header compiles without a warning and works in every dialect; nothing is linked."""
    exporter = lab.start_exporter(**QUICK)
    names = []
    for number, (name, command) in enumerate([*DIALECTS, ("gcc -no-pie", ["gcc", "-std=c11", "-xc", "-no-pie"]), ("gcc -O0", ["gcc", "-xc", "-O0"])]):
        names.append(f"dialect-{number}")
        path = compile_to(lab, names[-1], *command, *STRICT, here / "header.c")
        lab.compare([path], lab.traced(names[-1]), what=name)
    static = compile_to(lab, "static", "gcc", "-static", *STRICT, here / "header.c")
    lab.compare([static], lab.traced("static"))
    deliver(lab, exporter)
    for name in names:
        spans = [s for s in lab.receiver.spans if s["resource"]["service.name"] == name]
        main, inner, by_hand = [one(lab, spans, each) for each in ("main", "inner", "by hand")]
        lab.check(len(spans) == 3 and by_hand["parent"] == inner["id"] and inner["parent"] == main["id"] and by_hand["status"] == "ERROR",
                  f"{name}: {[(s['name'], s['parent']) for s in spans]}")
        lab.check(own(by_hand["attributes"]).items() >= {"coin": "BTC", "b": True, "d": 1.5, "n": 1}.items(), f"{name}: {by_hand['attributes']}")
        logs = [r for r in lab.receiver.logs if r["resource"]["service.name"] == name]
        lab.check(len(logs) == 7 and logs[0]["body"] == "3 of four", f"{name}: {[r['body'] for r in logs]}")


def by_name(lab):
    """The exported functions, and what confstr(3) answers to those who do not ask us."""
    run_traced(lab, [str(Path(CALLS).with_name("by_name"))])
    span = one(lab, lab.receiver.spans, "by name")
    lab.check(span["kind"] == "consumer" and span["status"] == "ERROR" and span["attributes"].get("n") == 3, f"span: {span}")
    lab.check(latest(lab, "by_name").get("value") == 5 and latest(lab, "by_name.real").get("sum") == 0.5, f"points: {lab.receiver.points}")
    lab.check([(r["event"], r["id"]) for r in lab.receiver.logs] == [("by name", span["id"])], f"logs: {lab.receiver.logs}")


def off(lab):
    """Switched off it is as if it were not there: nothing is made."""
    path = compile_to(lab, "header", "gcc", *STRICT, here / "header.c")
    for switch in {"OTELSHIM": "0"}, {"OTEL_SDK_DISABLED": "true"}, {"OTELSHIM_DENY": "*"}:
        lab.compare([path], lab.traced("off", **switch))
        lab.check(not lab.files(), f"{switch}: a file was made")
    lab.compare([path], {**lab.traced("off"), "OTELSHIM_DIR": "/nowhere/at/all"})
    lab.compare([path], {**lab.traced("off"), "OTELSHIM_BUFFER_SIZE": "65536"})


def crash(lab):
    """A program that dies in a call inside a span of its own: both are seen, and the report is of the inner one."""
    run_traced(lab, [CALLS, "crash"])
    whole = one(lab, lab.receiver.spans, "round")
    call = [s for s in lab.receiver.spans if s["kind"] == "client" and s["parent"] == whole["id"]]
    reports = [(r["trace"], r["id"]) for r in lab.receiver.logs if r["severity"] == 21]
    lab.check(len(call) == 1 and reports == [(call[0]["trace"], call[0]["id"])], f"{reports}, not {call}")


def check_example(lab, spans):
    whole = one(lab, spans, "round")
    analyzed = [s for s in named(spans, "analyze_coin") if s["parent"] == whole["id"]]
    collected = named(spans, "collect_data")
    lab.check(len(analyzed) == len(collected) == 3 and {s["parent"] for s in collected} == {s["id"] for s in analyzed}, f"{spans}")
    failed = [s for s in analyzed if s["status"] == "ERROR"]
    lab.check(len(failed) == 1 and failed[0]["attributes"].get("coin") == "KRW-DOGE" and len(failed[0]["exceptions"]) == 1, f"failed: {failed}")
    bought = [s for s in analyzed if s["attributes"].get("is_buy") is True]
    lab.check({s["attributes"].get("coin") for s in bought} == {"KRW-BTC", "KRW-ETH"}, f"bought: {bought}")
    total = {p["attributes"]["coin"]: p["value"] for p in lab.receiver.points if p["name"] == "analysis.executions"}
    lab.check(total == {"KRW-BTC": 1, "KRW-ETH": 1}, f"analysis.executions: {total}")
    events = sorted(r["event"] for r in lab.receiver.logs if r["event"])
    lab.check(events == ["exception", "otelshim.notice", "otelshim.trade"], f"events: {events}")


def cpp(lab):
    """examples/cpp."""
    run_traced(lab, [compile_to(lab, "rounds", "g++", "-std=c++11", *STRICT, root / "examples/cpp/rounds.cc")])
    check_example(lab, lab.receiver.spans)


def python(lab):
    """examples/python, by ctypes."""
    run_traced(lab, ["/usr/bin/python3", root / "examples/python/rounds.py"], PYTHONDONTWRITEBYTECODE="1")
    check_example(lab, lab.receiver.spans)
    said = [r for r in lab.receiver.logs if r["body"] == "라운드 끝"]
    lab.check(len(said) == 1 and said[0]["attributes"].get("same") is True
              and said[0]["attributes"].get("headers") == "X-Request-ID X-Process-Time", f"{said}")


def lossless(lab):
    """Every measurement of eight threads arrives in the sum."""
    exporter = lab.start_exporter(**QUICK)
    for n in 1000, 20000:
        result = lab.run([CALLS, "8", str(n)], lab.traced(f"many-{n}", **QUICK, OTELSHIM_BUFFER_SIZE="64M"))
        lab.check(result.returncode == 0, f"status {result.returncode}")
    deliver(lab, exporter)
    for n in 1000, 20000:
        points = [p for p in lab.receiver.points if p["name"] == "many" and p["resource"]["service.name"] == f"many-{n}"]
        got = max((p["value"] for p in points), default=0)
        lab.check(got == 8 * n, f"{got} of {8 * n} counted")


# ---- syslog ----

SAID = [("daemon", "trader", 17, "order 7 of KRW-BTC failed: Connection refused"),
        ("local3", "trader", 13, "left    | 1.00|    42|cut|x|0xff|%"),
        ("daemon", "other", 10, "no arguments\n"), ("user", None, 18, "잔액 부족"), ("user", None, 5, "")]
FACILITIES = {"user": 1, "daemon": 3, "local3": 19}


def check_syslog(lab, service):
    logs = [r for r in lab.receiver.logs if r["resource"]["service.name"] == service]
    got = [(r["attributes"].get("syslog.facility"), r["attributes"].get("syslog.appname"), r["severity"], r["body"]) for r in logs]
    # glibc keeps the program's pointer to the ident; a copy is what is safe to read.
    want = [(FACILITIES[facility], "trader" if ident else None, severity, body.rstrip("\n")) for facility, ident, severity, body in SAID]
    lab.check([(*g[:3], (g[3] or "").rstrip("\n")) for g in got] == want, f"{service}: got {got}")
    lab.check(all(r["scope"] == "otelshim.syslog" for r in logs), "scope")


def syslog(lab):
    """syslog, vsyslog and what -D_FORTIFY_SOURCE makes of them: printed as without us, and a log record each."""
    exporter = lab.start_exporter(**QUICK)
    for service, flags in ("plain", ["-O2", "-U_FORTIFY_SOURCE"]), ("fortified", ["-O2", "-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=2"]):
        path = compile_to(lab, service, "gcc", *flags, here / "syslog.c")
        lab.compare([path], lab.traced(service))
    lab.compare([path], lab.traced("off", OTELSHIM_SYSLOG="false"))
    deliver(lab, exporter)
    check_syslog(lab, "plain")
    check_syslog(lab, "fortified")
    lab.check(not [r for r in lab.receiver.logs if r["resource"]["service.name"] == "off"], "OTELSHIM_SYSLOG=false")


def datagrams(path, environment, lab):
    Path("/dev/log").unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        log.bind("/dev/log")
        log.settimeout(0.2)
        lab.run([path], environment)
        got = []
        try:
            while True:
                got.append(re.sub(rb"^(<\d+>).{16}", rb"\1", log.recv(65536)))
        except TimeoutError:
            return got


def syslog_bytes(lab):
    """What goes out to the system's log, byte for byte but for its time."""
    if not os.environ.get("OWN_DEV"):
        raise Skip("no mount namespace can be made here")
    path = compile_to(lab, "syslog", "gcc", "-O2", here / "syslog.c")
    plain, traced = datagrams(path, lab.environment, lab), datagrams(path, lab.traced("bytes"), lab)
    lab.check(len(plain) == 5 and plain == traced, f"without {plain}, with {traced}")


CASES = [c, no_pie, dialects, by_name, off, crash, cpp, python, lossless, syslog, syslog_bytes]


def main():
    names = sys.argv[1:]
    failed = 0
    for case in CASES:
        if names and case.__name__ not in names:
            continue
        lab = Lab(case.__name__, False)
        note = ""
        try:
            case(lab)
        except Skip as reason:
            note = f" # skipped: {reason}"
        except (OSError, subprocess.SubprocessError, KeyError, ValueError) as problem:
            lab.problems.append(repr(problem))
        finally:
            log = lab.directory / "exporter.log"
            said = log.read_text()[-1500:] if log.exists() else ""
            lab.close()
        failed += bool(lab.problems)
        print(("not ok " if lab.problems else "ok ") + f"api/{case.__name__}{note}", flush=True)
        for problem in lab.problems:
            print("    " + str(problem)[:3000])
        if lab.problems:
            print("    exporter's log:\n" + said)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
