"""What is told, and what is not: requests, statements, commands, hosts, orders, log lines, deaths."""
import contextlib
import os
import re
import signal
import socket
import time
from pathlib import Path

from case import case
from town import CALLS, CHAT, SAID, town


def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def expect(one, *parts, lacks=(), seconds=15):
    """The message that has all parts, and nothing of what it must lack."""
    message = one.wait_for_text(*parts, seconds=seconds)
    for part in lacks if message else ():
        one.lab.check(part not in message["text"], f"{part!r} stands in {message['text']!r}")
    return message


def expect_silence(one, *parts):
    """After everything was read and sent: no message has one of these."""
    one.settle()
    for text in one.telegram.texts():
        for part in parts:
            one.lab.check(part not in text, f"{part!r} was told: {text!r}")


@case("requests")
def requests(lab):
    """R009, R124: server errors and broken transport, in the words of a Python user; not: 4xx, redirects."""
    with town(lab, OTELSHIM_ALERT_STREAK="0", OTELSHIM_ALERT_ERROR_RATE="0") as one:
        nobody = closed_port()
        words = ["get", one.bad.url("/status/200"), "get", one.bad.url("/status/404"), "get", one.bad.url("/status/401"),
                 "get", one.bad.url("/status/503?market=KRW-BTC&api_key=topsecret"), "get", one.bad.url("/close"), "get", one.bad.url("/half"),
                 "get", f"http://127.0.0.1:{nobody}/", "get", "http://no-such-host.invalid/", "get", f"https://127.0.0.1:{one.bad.port}/"]
        one.run(*words)
        message = expect(one, "HTTP 503", "Service Unavailable", "/status/503?market=KRW-BTC", "trader", "1.4.2", lacks=["topsecret"])
        if message:
            lab.check("status_code" in message["text"] and "method" in message["text"], f"R124's context: {message['text']!r}")
        expect(one, "ConnectionResetError", "/close")
        expect(one, "IncompleteRead", "/half")
        expect(one, "ConnectionRefusedError", f"127.0.0.1:{nobody}")
        expect(one, "NameResolutionError", "no-such-host.invalid")
        expect(one, "SSLError")
        expect_silence(one, "HTTP 404", "HTTP 401", "HTTP 200")


@case("timeout-R141")
def timeout(lab):
    """The documents' second scenario: TimeoutError, where, and how long it was allowed to take."""
    with town(lab) as one:
        one.run("timeout", 1000, "get", one.bad.url("/swallow/v1/candles/days?market=KRW-ETH"))
        message = expect(one, "TimeoutError", "/swallow/v1/candles/days?market=KRW-ETH", "api_endpoint", "timeout")
        if message:
            lab.check(re.search(r"timeout\W+1s", message["text"]), f"the limit: {message['text']!r}")
            lab.check("waited" in message["text"], f"the phases: {message['text']!r}")


@case("databases")
def databases(lab):
    """PostgreSQL's classes 08, 53, 57, 58, XX and lost connections; not: 23, 42. Redis: lost connections; not: error replies."""
    lab.start_servers("postgres", "redis")
    with town(lab, OTELSHIM_ALERT_STREAK="0", OTELSHIM_ALERT_ERROR_RATE="0") as one:
        base = f"host={lab.environment['PGHOST']} port={lab.environment['PGPORT']}"
        base += f" user={lab.environment.get('PGUSER', 'postgres')} dbname={lab.environment.get('PGDATABASE', 'postgres')}"
        nobody = closed_port()
        one.run("sql", base, "SELECT pg_terminate_backend(pg_backend_pid()) /* hunter2 */",
                "sql", base, "SELECT 1/0", "sql", base, "SELECT nonsense FROM nowhere",
                "sql", base, "SET statement_timeout = 50; SELECT pg_sleep(5)",
                "sql", f"host=127.0.0.1 port={nobody} user=x dbname=x connect_timeout=3", "SELECT 1",
                "redis", "127.0.0.1", nobody, "GET price",
                "redis", "127.0.0.1", lab.environment["REDIS_PORT"], "LPUSH",
                **{name: value for name, value in lab.environment.items() if name.startswith("PG")})
        # libpq tells of a connection that is lost, not the SQLSTATE before it
        expect(one, "OperationalError", "terminating connection", "pg_terminate_backend", lacks=["hunter2"])
        expect(one, "QueryCanceled", "57014")
        expect(one, "OperationalError", str(nobody))
        expect(one, "ConnectionRefusedError", f"redis 127.0.0.1:{nobody}")
        expect_silence(one, "22012", "42P01", "wrong number of arguments")


@case("hosts")
def hosts(lab):
    """R060, R061: a host that fails in a row is told once, and that it is back; refused credentials, too; a host that fails often."""
    with town(lab, OTELSHIM_ALERT_RESOLVED="true") as one:
        one.run("times", 20, "get", one.bad.url("/status/503"), "get", one.bad.url("/status/200"))
        expect(one, "HostFailing", "5 calls in a row", f"127.0.0.1:{one.bad.port}")
        key = one.bad.url("/status/401/accounts")
        one.run("times", 3, "get", key, "get", one.bad.url("/status/200"), "times", 3, "get", key)
        expect(one, "CredentialsRejected", "credentials rejected by host", "API key")
        one.settle()
        failing = [text for text in one.telegram.texts() if "HostFailing" in text]
        lab.check(len(failing) == 1, f"told {len(failing)} times: {failing}")
        lab.check(lab.until(lambda: any("esolved" in text for text in one.telegram.texts()), 5),
                  f"nobody says that it is over: {one.telegram.texts()}")


@case("rate")
def rate(lab):
    """Half of the calls fail, never five in a row."""
    with town(lab) as one:
        words = []
        for _ in range(12):
            words += ["times", 2, "get", one.bad.url("/status/502"), "get", one.bad.url("/status/200")]
        one.run(*words)
        expect(one, "HighErrorRate", "in the last 5 minutes failed")
        expect_silence(one, "HostFailing")


@case("orders")
def orders(lab):
    """A POST that was sent whole and never answered may or may not have happened; nothing else may be called so."""
    with town(lab, OTELSHIM_REQUEST_HEADERS="Idempotency-Key") as one:
        check = "may or may not have happened: check before retrying"
        one.run("timeout", 500, "header", "Idempotency-Key: order-7", "post", one.bad.url("/swallow/v1/orders?access_key=topsecret"), '{"market":"KRW-BTC"}')
        message = expect(one, check, "POST", "/swallow/v1/orders", "order-7", "20 bytes", "TimeoutError", lacks=["topsecret"])
        one.run("post", one.bad.url("/reset/v1/orders"), "x=1")
        expect(one, check, "/reset/v1/orders", "ConnectionResetError")
        one.run("post", one.bad.url("/close/v1/orders"), "x=1")
        expect(one, check, "/close/v1/orders")
        one.run("post", one.bad.url("/garbage/v1/orders"), "x=1")
        expect(one, check, "/garbage/v1/orders")
        one.run("post", one.bad.url("/close/empty"), "")
        expect(one, check, "/close/empty")
        one.run("multi", one.bad.url("/swallow/multi"), "x=1", 300)
        expect(one, check, "/swallow/multi", "given up")
        dying = one.spawn("post", one.bad.url("/swallow/dying"), "x=1")
        lab.wait_for(lambda: any("/swallow/dying" in head for head, _, _ in one.bad.requests), 10, "the order of the dying")
        dying.send_signal(signal.SIGKILL)
        expect(one, "may or may not have happened", "/swallow/dying", "was under way")
        lab.check(message is None or not message["silent"], "it makes no sound")
        # what was not sent, was answered, or may be done again
        nobody = f"http://127.0.0.1:{closed_port()}/nobody"
        one.run("timeout", 500, "post", nobody, "x=1", "put", one.bad.url("/swallow/put"), "x=1", "get", one.bad.url("/swallow/get"),
                "post", one.bad.url("/status/500"), "x=1", "post", one.bad.url("/half/answered"), "x=1",
                "post", one.bad.url("/deaf/large"), "x" * 90000, "times", 1)
        expect(one, "TimeoutError", "/swallow/put")
        expect(one, "HTTP 500", "/status/500")
        one.settle()
        for text in one.telegram.texts():
            for path in ("/nobody", "/swallow/put", "/swallow/get", "/status/500", "/half/answered"):
                lab.check(path not in text or check not in text, f"not so: {text!r}")


@case("orders-partly-sent")
def orders_partly_sent(lab):
    """The server stops reading: what it has is not the whole order."""
    with town(lab) as one:
        body = lab.directory / "body"
        body.write_text("x" * (8 << 20))
        lab.run(["curl", "-sS", "-m", "1", "-H", "Expect:", "--data-binary", f"@{body}", one.bad.url("/deaf/orders")], one.traced())
        message = expect(one, "TimeoutError", "/deaf/orders", "not carried out")
        lab.check(message is None or "may or may not" not in message["text"], f"{message}")


@case("slow")
def slow(lab):
    with town(lab, OTELSHIM_ALERT_SLOW="300") as one:
        one.run("get", one.bad.url("/slow/600"), "get", one.bad.url("/slow/10"))
        expect(one, "/slow/600", "more than 300 ms")
        expect_silence(one, "/slow/10 ")


@case("filters")
def filters(lab):
    """`on`, `silent`, `off`: by class, host, status, type, pattern; by level."""
    with town(lab, OTELSHIM_ALERT_STREAK="0", OTELSHIM_ALERT_ERROR_RATE="0") as one:
        fails = ["get", one.bad.url("/status/500"), "get", one.bad.url("/status/503"), "get", one.bad.url("/close")]
        one.run(*fails, OTELSHIM_ALERT_IGNORE="status=503, type=ConnectionReset*", OTELSHIM_ALERT_SILENT="status=500")
        message = expect(one, "HTTP 500")
        lab.check(message is None or message["silent"], "status=500 makes a sound")
        expect_silence(one, "HTTP 503", "ConnectionReset")
        one.run("get", one.bad.url("/status/504"), OTELSHIM_ALERT_CLASSES="error=off")
        one.run("get", one.bad.url("/status/507"), OTELSHIM_ALERT_IGNORE="host=127.* and url=*507*")
        one.run("get", one.bad.url("/status/505"), OTELSHIM_ALERT_LEVEL="critical")
        one.run("get", one.bad.url("/status/509"), OTELSHIM_ALERTS="false")
        expect_silence(one, "HTTP 504", "HTTP 507", "HTTP 505", "HTTP 509")
        one.run("get", one.bad.url("/status/502"), OTELSHIM_ALERT_CLASSES="error=silent", OTELSHIM_ALERT_IGNORE="host=10.* and url=*502*")
        message = expect(one, "HTTP 502")
        lab.check(message is None or message["silent"], "error=silent makes a sound")


@case("unsampled")
def unsampled(lab):
    """Neither sampling nor OTELSHIM_KEEP, nor a program without any other telemetry, keeps an alert back."""
    with town(lab) as one:
        one.run("get", one.bad.url("/status/500"), OTEL_TRACES_SAMPLER="always_off")
        expect(one, "HTTP 500")
        process = one.spawn("get", one.bad.url("/status/502"), "pause", 60000, OTEL_TRACES_SAMPLER="always_off", OTELSHIM_KEEP="slow>90s",
                            OTELSHIM_TRACE_GAP="90000")
        expect(one, "HTTP 502", seconds=5)
        lab.check(process.poll() is None, "it came after the end of the trace")
        one.run("get", one.bad.url("/status/504"), OTEL_TRACES_EXPORTER="none", OTEL_METRICS_EXPORTER="none", OTEL_LOGS_EXPORTER="none")
        expect(one, "HTTP 504")


@case("syslog")
def log_lines(lab):
    """LOG_ERR and worse, with the trace."""
    with town(lab) as one:
        one.run("syslog", 3, "order 17 lost", "syslog", 4, "a warning", "syslog", 6, "all is well", "syslog", 2, "wallet is empty")
        expect(one, "order 17 lost")
        expect(one, "wallet is empty", "CRITICAL")
        expect_silence(one, "a warning", "all is well")
        one.run("syslog", 4, "now told", OTELSHIM_ALERT_LEVEL="warn")
        expect(one, "now told")


@case("said")
def said(lab):
    """R041, R059, R163: what a program says by otelshim.h, in the words of the templates."""
    with town(lab) as one:
        lab.run([SAID], one.traced())
        expect(one, "InsufficientFunds", "CRITICAL", "잔액 부족", "비트코인")
        expect(one, "💰 Buy order placed", "KRW-BTC", lacks=["symbol:"])
        expect(one, "오늘은 쉽니다")


@case("crash")
def crash(lab):
    """R063: from the crash to the chat in a second; what, where, doing what, and the report goes along."""
    with town(lab) as one:
        one.run("get", one.bad.url("/status/200"))  # the exporter is awake, the connection to the chat is not
        process = one.spawn("get", one.bad.url("/status/200"), "pause", 300, "crash")
        process.wait(120)
        died = time.time()
        message = expect(one, "SIGSEGV", "place_order", "trader")
        took = [message["at"] - died] if message else []
        while message and min(took) > 1 and len(took) < 4:  # a machine that is busy: once is enough
            before = len(told(one, "SIGSEGV"))
            process = one.spawn("get", one.bad.url("/status/200"), "crash")
            process.wait(120)
            died = time.time()
            lab.wait_for(lambda: len(told(one, "SIGSEGV")) > before, 20, "the next crash")
            took.append(told(one, "SIGSEGV")[before]["at"] - died)
        lab.check(not took or min(took) <= 1, f"{took} s after the end")
        print(f"# crash → message: {message['at'] - died:.3f} s after its parent saw it" if message else "# no message", flush=True)
        lab.wait_for(lambda: one.telegram.ask("/counts")["documents"], 10, "the report as a document")
        document = next((m["document"] for m in one.telegram.messages() if m["document"]), None)
        lab.check(document and "place_order" in document["begin"], f"{document}")


def told(one, word):
    """Messages with this word, without the documents that go along."""
    return [m for m in one.telegram.messages() if word in m["text"] and not m["document"]]


def stop_symbolizing(exporter, seconds=10):
    """This exporter's child that finds the names, stopped before it has any; None: not seen. Other cases' exporters have theirs."""
    end = time.time() + seconds
    children = Path(f"/proc/{exporter.pid}/task/{exporter.pid}/children")
    while time.time() < end:
        for pid in children.read_text().split():
            with contextlib.suppress(OSError):
                if b"\0symbolize\0" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    os.kill(int(pid), signal.SIGSTOP)
                    return int(pid)
    return None


def crash_without_names(one):
    """The message of a crash whose names were not there in time, and the child that looks for them, stopped."""
    process = one.spawn("get", one.bad.url("/status/200"), "pause", 300, "crash")
    child = stop_symbolizing(one.exporter)
    process.wait(120)
    message = one.wait_for_text("SIGSEGV", f"pid {process.pid}")
    if child and message and "place_order" not in message["text"]:
        return message, child
    if child:  # it was done before we came
        with contextlib.suppress(OSError):
            os.kill(child, signal.SIGCONT)
    return None, None


@case("crash-late")
def crash_late(lab):
    """Names that take long: the crash is told without them in time, and its report follows without a sound."""
    with town(lab) as one:
        one.run("get", one.bad.url("/status/200"))
        message, child = next(filter(lambda found: found[1], (crash_without_names(one) for _ in range(8))), (None, None))
        if not lab.check(child, "names were always there in time"):
            return
        pid = re.search(r"pid \d+", message["text"])[0]
        os.kill(child, signal.SIGCONT)
        follows = one.wait_for_text("SIGSEGV: ", pid, "place_order")
        lab.check(follows and follows["silent"] and not message["silent"], f"{message} {follows}")
        lab.wait_for(lambda: any(m["document"] and "place_order" in m["document"]["begin"] and m["message_id"] > follows["message_id"]
                                 for m in one.telegram.messages()), 10, "the report as a document")
        one.settle()
        lab.check(len([m for m in told(one, "SIGSEGV") if pid in m["text"]]) == 2, f"{one.telegram.texts()}")


@case("deaths")
def deaths(lab):
    """Killed, with a call under way."""
    with town(lab) as one:
        process = one.spawn("get", one.bad.url("/swallow/here"))
        lab.wait_for(lambda: one.bad.requests, 10, "a request")
        process.send_signal(signal.SIGKILL)
        expect(one, "Killed", "was killed", "/swallow/here")


@case("watchdog")
def watchdog(lab):
    with town(lab) as one:
        process = one.spawn("get", one.bad.url("/swallow/stuck"), OTELSHIM_WATCHDOG="800")
        expect(one, "Stuck", "/swallow/stuck", seconds=20)
        process.kill()


@case("whose")
def whose(lab):
    """Two programs, two chats, one exporter; time, host, pid."""
    with town(lab) as one:
        one.run("get", one.bad.url("/status/500"), OTELSHIM_TELEGRAM_CHATS="4712", OTEL_SERVICE_NAME="other")
        one.run("get", one.bad.url("/status/500"))
        theirs = one.wait_for_text("HTTP 500", "other", chat="4712")
        mine = expect(one, "HTTP 500", "trader")
        lab.check(theirs is not None and mine is not None, "both")
        if mine:
            lab.check(socket.gethostname() in mine["text"], f"host: {mine['text']!r}")
            lab.check("other" not in "".join(one.telegram.texts()), "theirs in my chat")
        lab.check(os.path.exists(CALLS) and CHAT, "")
