"""OTELSHIM_ALERT_STACK: where in the program a call failed, in the chat and on the span; and what must not come of it."""
import contextlib
import re
import socket
import threading

import lab as laboratory
from case import case
from sources import closed_port, expect
from town import town

FAILING = str(laboratory.build / "tests/integration/alerts/failing")
STACK = "Stack Trace"


@contextlib.contextmanager
def failing(one, *calls, **more):
    """
    Each call twice, the first time with /first for /again, or another statement: on a starved machine an alert does not wait until its
    stack has names, but the next one from there has them. So again and again, until what is looked for within this was seen.
    """
    words, again, over = [], [], one.lab.directory / "over"
    for call in calls:
        words += [str(word).replace("again", "first") for word in call] + ["pause", "2500"] + [str(word) for word in call]
        again += ["pause", "1500", *map(str, call)]
    process = one.lab.spawn([FAILING, *words, *(["unless", str(over), str(len(again)), *again] * 40)], one.traced(**more))
    yield
    over.touch()
    one.lab.check(process.wait(360) == 0, f"status {process.returncode}")


def expect_stack(one, function, *parts):
    """The message's own frame is `function`, with file and line; its callers follow. At most five lines, 500 characters."""
    message = expect(one, STACK, *parts)
    if not message:
        return
    text = message["text"]
    lines = re.findall(r"^#\d+ .*$", text, re.M)
    one.lab.check(lines and re.fullmatch(rf"#0 {function} \(failing\.c:\d+\)", lines[0]), f"the failing call: {text!r}")
    one.lab.check(1 < len(lines) <= 5 and len("\n".join(lines)) <= 500, f"five lines: {text!r}")
    one.lab.check(f"#0 {function} (failing.c:{line_of(function)})" == lines[0], f"line {line_of(function)}: {lines[0]!r}")


def line_of(function):
    """Of the call in it that fails."""
    call = {"place_order": "curl_easy_perform", "watch_orders": "curl_multi_info_read", "read_balance": "PQexec", "cache_price": "redisCommand",
            "give_up": "otelshim_report_error"}[function]
    text = (laboratory.root / "tests/integration/alerts/failing.c").read_text().splitlines()
    begin = next(i for i, line in enumerate(text) if f"KEPT int {function}(" in line)
    return next(i for i in range(begin, len(text)) if call + "(" in text[i]) + 1


@case("stack-R011")
def stack(lab):
    """R011, R101: a refused request, by easy and multi handle, on the main thread, another one, and a fiber."""
    with town(lab, OTELSHIM_ALERT_STACK="true", OTELSHIM_ALERT_STREAK="0", OTELSHIM_ALERT_ERROR_RATE="0", OTELSHIM_ALERT_WINDOW="200") as one:
        ports = [closed_port() for _ in range(4)]
        ways = ("easy", "multi", "thread", "fiber")
        urls = [f"http://127.0.0.1:{port}/again/{way}" for port, way in zip(ports, ways)]
        with failing(one, *zip(ways, urls)):
            expect_stack(one, "place_order", "ConnectionRefusedError", urls[0])
            expect_stack(one, "watch_orders", "ConnectionRefusedError", urls[1])
            expect_stack(one, "place_order", "ConnectionRefusedError", urls[2])
            expect_stack(one, "place_order", "ConnectionRefusedError", urls[3])
            expect(one, urls[2], "#1 work (failing.c:")
            expect(one, urls[3], "#1 run_fiber (failing.c:")


def hanging_up():
    """The port of a server that reads something and closes."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            connection, _ = listener.accept()
            connection.recv(1000)
            connection.close()

    threading.Thread(target=serve, daemon=True).start()
    return listener.getsockname()[1]


@case("stack-databases")
def databases(lab):
    """A statement that was given up, a command whose server hangs up."""
    lab.start_servers("postgres")
    with town(lab, OTELSHIM_ALERT_STACK="true", OTELSHIM_ALERT_STREAK="0", OTELSHIM_ALERT_ERROR_RATE="0", OTELSHIM_ALERT_WINDOW="200") as one:
        base = f"host={lab.environment['PGHOST']} port={lab.environment['PGPORT']}"
        base += f" user={lab.environment.get('PGUSER', 'postgres')} dbname={lab.environment.get('PGDATABASE', 'postgres')}"
        with failing(one, ("sql", base, "SET statement_timeout = 50; SELECT pg_sleep(5) AS again"), ("redis", "127.0.0.1", hanging_up(), "GET again"),
                     **{name: value for name, value in lab.environment.items() if name.startswith("PG")}):
            expect_stack(one, "read_balance", "QueryCanceled", "AS again")
            expect_stack(one, "cache_price", "GET again")


@case("stack-off")
def off(lab):
    """Nobody asks: no stack in the message, none in the program's file."""
    with town(lab, OTELSHIM_ALERT_STREAK="0", OTELSHIM_ALERT_ERROR_RATE="0") as one:
        url = f"http://127.0.0.1:{closed_port()}/again"
        with failing(one, ("easy", url)):
            expect(one, "ConnectionRefusedError", url, lacks=[STACK, "place_order"])


@case("stack-flood")
def flood(lab):
    """A hundred failures at once: ten stacks a second are copied, the others are counted, and every call is exported."""
    with town(lab, OTELSHIM_ALERT_STACK="true", OTELSHIM_ALERT_STREAK="0", OTELSHIM_ALERT_ERROR_RATE="0", OTELSHIM_ALERT_WINDOW="200") as one:
        url = f"http://127.0.0.1:{closed_port()}/again"
        first, has_names, over = url.replace("again", "first"), lab.directory / "has_names", lab.directory / "over"
        process = lab.spawn([FAILING, *(["unless", str(has_names), "4", "easy", first, "pause", "2500"] * 40), "times", "100", "easy", url,
                             *(["unless", str(over), "2", "pause", "500"] * 400)], one.traced())
        expect_stack(one, "place_order", "ConnectionRefusedError", first)
        has_names.touch()
        expect_stack(one, "place_order", "ConnectionRefusedError", url)
        lab.wait_for(lambda: sum(s["attributes"].get("url.full") == url for s in lab.spans("trader")) == 100, 15, "all calls")
        dropped = next(each["dropped"] for each in lab.status()["processes"] if each["service"] == "trader").get("no_stack", 0)
        lab.check(50 <= dropped <= 90, f"left out: {dropped}")
        over.touch()
        process.wait(360)
        one.settle()
        spans = [span for span in lab.spans("trader") if span["attributes"].get("url.full") == url]
        lab.check(len(spans) == 100, f"{len(spans)} spans")
        where = [span for span in spans if "place_order (failing.c:" in span["attributes"].get("code.stacktrace", "")]
        lab.check(len(where) == 100 - dropped, f"{len(where)} spans say where, {dropped} were left out")


@case("stack-gone")
def gone(lab):
    """The program ends with its failure: the alert comes all the same, in time; with the stack or without."""
    with town(lab, OTELSHIM_ALERT_STACK="true", OTELSHIM_ALERT_STREAK="0", OTELSHIM_ALERT_ERROR_RATE="0") as one:
        url = f"http://127.0.0.1:{closed_port()}/gone"
        lab.run([FAILING, "easy", url], one.traced(), timeout=360)
        expect(one, "ConnectionRefusedError", url)


@case("stack-reported")
def reported(lab):
    """An error that the program reports itself: exception.stacktrace, and the alert."""
    with town(lab, OTELSHIM_ALERT_STACK="true", OTELSHIM_ALERT_WINDOW="200") as one:
        with failing(one, ("report", "again")):
            expect_stack(one, "give_up", "NoFunds", "again")
