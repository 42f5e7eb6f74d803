"""Cases 11 and 12: other libcs, kill switches, company in LD_PRELOAD; what context goes out, and what is sampled."""
import re
import shutil
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from case import Skip, case
from hosts import numbers
from lab import LIBRARY, OTELSHIM, build_once, here, program

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


# ---- who acts, and who does not ----


@case("scope/musl")
def musl(lab):
    if not shutil.which("musl-gcc"):
        raise Skip("no musl-gcc")
    plain = build_once("musl/plain", "musl-gcc", "-O2", here / "musl/plain.c")
    glibc = build_once("musl/plain-glibc", "gcc", "-O2", here / "musl/plain.c", "-lpthread")
    for path in (plain, glibc):
        for more in ({}, {"LD_BIND_NOW": "1"}, {"OTELSHIM_MAIN": "x"}):
            result = lab.run([path], lab.traced(**more))
            wanted = lab.run([path], more or lab.environment).stdout.replace(b"preload none", b"preload handed on")
            lab.check((result.stdout, result.stderr, result.returncode) == (wanted, b"", 6), f"{path.name} {more}: {result}")
            lab.check(result.stdout.count(b"handed on") == 3, f"{path.name}: {result.stdout}")
    lab.check(not lab.files(), f"files of programs that made no call: {lab.files()}")


@case("scope/bind_now")
def bind_now(lab):
    lab.use_stub()
    lab.start_exporter()
    lab.compare([program("calls"), "5", "2"], lab.traced("now", LD_BIND_NOW="1"))
    lab.wait_until_drained()
    lab.check(len(lab.calls("now")) == 10, f"{len(lab.calls('now'))} of 10")


@case("scope/kill_switches")
def kill_switches(lab):
    """No file at all, and no exporter."""
    lab.use_stub()
    directory = program("calls").rsplit("/", 1)[0]
    off = [{"OTELSHIM": "0"}, {"OTEL_SDK_DISABLED": "true"}, {"OTEL_SDK_DISABLED": "TRUE"}, {"OTELSHIM_DENY": "calls"},
           {"OTELSHIM_DENY": "x,c*s"}, {"OTELSHIM_DENY": f"{directory}/*"}, {"OTELSHIM_ALLOW": "psql,trader"},
           {"OTELSHIM_ALLOW": "calls", "OTELSHIM_DENY": "*"}]
    on = [{"OTELSHIM": "1"}, {"OTEL_SDK_DISABLED": "false"}, {"OTEL_SDK_DISABLED": "1"}, {"OTEL_SDK_DISABLED": ""},
          {"OTELSHIM_ALLOW": "psql, calls"}, {"OTELSHIM_ALLOW": f"{directory}/ca?ls"}, {"OTELSHIM_DENY": "call"},
          {"OTELSHIM_ALLOW": "*", "OTELSHIM_DENY": "psql"}]
    for more in off:
        lab.compare([program("calls"), "3"], lab.traced(OTELSHIM_EXPORTER=str(OTELSHIM), **more))
        lab.check(not lab.files() and not lab.auto_started(), f"{more}: {lab.files()}")
    for more in on:
        lab.compare([program("calls"), "3"], lab.traced(**more))
        lab.check(len(lab.files()) == 1, f"{more}: {lab.files()}")
        for name in lab.files():
            (lab.box / name).unlink()


@case("scope/company")
def company(lab):
    """Two copies, and other interposers before and behind: each call is one span."""
    lab.use_stub()
    lab.start_exporter()
    flags = subprocess.run(["pkg-config", "--cflags", "libpq"], check=True, capture_output=True, text=True).stdout.split()
    other = build_once("stub/before.so", "gcc", "-O2", "-D_GNU_SOURCE", "-fPIC", "-shared", *flags, here / "stub/before.c")
    second = lab.directory / "second"
    second.mkdir()
    shutil.copy(LIBRARY, second)
    third = lab.directory / "third"
    third.mkdir()
    shutil.copy(LIBRARY, third / "renamed.so")
    for what, before, preload in [
            ("twice", "", f"{LIBRARY}:{second}/libotelshim.so"), ("renamed", "", f"{third}/renamed.so:{LIBRARY}"),
            ("same", "", f"{LIBRARY}:{LIBRARY}"), ("before", f"{other}", f"{other}:{LIBRARY}"),
            ("behind", f"{other}", f"{LIBRARY}:{other}"), ("between", f"{other}", f"{LIBRARY}:{other}:{second}/libotelshim.so")]:
        plain = {**lab.environment, "LD_PRELOAD": before} if before else lab.environment
        lab.compare([program("calls"), "20", "2"], lab.traced(what, LD_PRELOAD=preload), plain, what)
        lab.wait_until_drained()
        seen = numbers(lab.calls(what))
        lab.check(len(seen) == 40 and max(seen.values()) == 1, f"{what}: {len(seen)} calls, {sum(seen.values())} spans of 40")


# ---- what goes out ----


class Web:
    """Notes the headers of every request as a list of (lower-case name, value)."""

    def __init__(self):
        self.requests = []
        web = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                web.requests.append([(name.lower(), value) for name, value in self.headers.items()])
                self.send_response(200)
                self.send_header("Content-Length", "3")
                self.end_headers()
                self.wfile.write(b"ok\n")

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/path"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


CONTEXT = {"traceparent", "tracestate", "baggage", "b3", "x-b3-traceid", "x-b3-spanid", "x-b3-sampled", "x-b3-parentspanid",
           "x-b3-flags"}


def request(lab, web, what, *arguments, **settings):
    """The context headers of the two requests, and the HTTP spans that arrived."""
    web.requests.clear()
    command = [program("http"), *arguments] if "--spawn" in arguments else [program("http"), web.url, *arguments]
    environment = {k: v for k, v in settings.items() if not k.startswith("OTEL")}
    result = lab.compare(command, lab.traced(what, **settings), {**lab.environment, **environment}, what)
    lab.check(b"list unchanged" in result.stdout, f"{what}: {result.stdout}")
    seen = web.requests[2:]  # the first two are the run without
    lab.check(len(seen) == 2, f"{what}: {len(seen)} requests")
    lab.wait_until_drained()
    for headers in seen:
        names = [name for name, _ in headers if name in CONTEXT]
        lab.check(len(names) == len(set(names)), f"{what}: headers twice: {names}")
    spans = [s for s in lab.spans(what) if s["kind"] == "client"]
    return [{n: v for n, v in headers if n in CONTEXT} for headers in seen], spans


@case("context/headers")
def headers(lab):
    web = Web()
    lab.start_exporter()
    parent = {"TRACEPARENT": f"00-{TRACE}-{PARENT}-01", "TRACESTATE": "a=b,c=d", "BAGGAGE": "user=7,plan=x%20y"}

    seen, spans = request(lab, web, "plain")
    ids = [f"00-{s['trace']}-{s['id']}-03" for s in spans]
    lab.check([h.get("traceparent") for h in seen] == ids or
              [h.get("traceparent") for h in seen] == [i[:-2] + "01" for i in ids], f"plain: {seen}, spans {ids}")
    lab.check(all(set(h) == {"traceparent"} for h in seen), f"plain: {seen}")

    seen, spans = request(lab, web, "parent", **parent)
    for h, s in zip(seen, spans):
        lab.check(re.fullmatch(f"00-{TRACE}-{s['id']}-0[13]", h.get("traceparent", "")), f"parent: {h} {s['id']}")
        lab.check(h.get("tracestate") == "a=b,c=d" and h.get("baggage") == "user=7,plan=x%20y", f"parent: {h}")
        lab.check((s["trace"], s["parent"], s["trace_state"]) == (TRACE, PARENT, "a=b,c=d"), f"parent: {s}")
        lab.check(s["flags"] & 0x300 == 0x300, f"parent: a remote parent, flags {s['flags']:x}")
    lab.check(len(spans) == 2, f"parent: {len(spans)} spans")

    seen, _ = request(lab, web, "none", OTEL_PROPAGATORS="none", **parent)
    lab.check(seen == [{}, {}], f"none: {seen}")
    seen, _ = request(lab, web, "tracecontext", OTEL_PROPAGATORS="tracecontext", **parent)
    lab.check(all(set(h) == {"traceparent", "tracestate"} for h in seen), f"tracecontext: {seen}")
    seen, _ = request(lab, web, "baggage", OTEL_PROPAGATORS="baggage", **parent)
    lab.check(all(set(h) == {"baggage"} for h in seen), f"baggage: {seen}")

    seen, spans = request(lab, web, "b3", OTEL_PROPAGATORS="b3", B3=f"{TRACE}-{PARENT}-1")
    for h, s in zip(seen, spans):
        lab.check(h.get("b3", "").startswith(f"{TRACE}-{s['id']}-1") and set(h) == {"b3"}, f"b3: {h}")
        lab.check((s["trace"], s["parent"]) == (TRACE, PARENT), f"b3: parent {s['trace']} {s['parent']}")
    seen, spans = request(lab, web, "b3multi", OTEL_PROPAGATORS="b3multi")
    for h, s in zip(seen, spans):
        lab.check((h.get("x-b3-traceid"), h.get("x-b3-spanid"), h.get("x-b3-sampled")) == (s["trace"], s["id"], "1"),
                  f"b3multi: {h}")
    lab.check(len(spans) == 2, f"b3multi: {len(spans)} spans")

    for bad in ("", "00-" + "0" * 32 + f"-{PARENT}-01", f"ff-{TRACE}-{PARENT}-01", f"00-{TRACE.upper()}-{PARENT}-01", "x" * 300):
        seen, spans = request(lab, web, f"bad {bad[:6]}", TRACEPARENT=bad, TRACESTATE="a=b")
        lab.check(spans and all(s["trace"] != TRACE and not s["trace_state"] for s in spans), f"TRACEPARENT={bad}: taken")
        lab.check(all("tracestate" not in h for h in seen), f"TRACEPARENT={bad}: {seen}")
    web.close()


@case("context/own_headers")
def own_headers(lab):
    """What the program sends itself stays alone."""
    web = Web()
    lab.start_exporter()
    own = f"00-{TRACE}-{PARENT}-00"
    for what, header in {"exact": f"traceparent: {own}", "case": f"TraceParent:{own}", "spaces": f"traceparent:   {own}"}.items():
        seen, _ = request(lab, web, what, "X-First: 1", header, "X-Last: 2")
        lab.check([h.get("traceparent") for h in seen] == [own, own], f"{what}: {seen}")
    seen, _ = request(lab, web, "others", "X-First: 1", "Accept:", "traceparentx: 1")
    lab.check(all("traceparent" in h for h in seen), f"others: {seen}")
    seen, _ = request(lab, web, "state", "tracestate: mine=1", TRACEPARENT=f"00-{TRACE}-{PARENT}-01", TRACESTATE="a=b")
    lab.check(all(h.get("tracestate") == "mine=1" for h in seen), f"state: {seen}")
    web.close()


@case("context/samplers")
def samplers(lab):
    web = Web()
    lab.start_exporter()
    sampled, unsampled = f"00-{TRACE}-{PARENT}-01", f"00-{TRACE}-{PARENT}-00"
    for what, settings, wanted in [
            ("always_off", {"OTEL_TRACES_SAMPLER": "always_off"}, False),
            ("always_on", {"OTEL_TRACES_SAMPLER": "always_on", "TRACEPARENT": unsampled}, True),
            ("parent_off", {"TRACEPARENT": unsampled}, False),
            ("parent_on", {"OTEL_TRACES_SAMPLER": "parentbased_always_off", "TRACEPARENT": sampled}, True),
            ("off_root", {"OTEL_TRACES_SAMPLER": "parentbased_always_off"}, False),
            ("ratio_0", {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0"}, False),
            ("ratio_1", {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "1"}, True),
            ("bad_name", {"OTEL_TRACES_SAMPLER": "sometimes"}, True)]:
        seen, spans = request(lab, web, what, **settings)
        flags = [int(h.get("traceparent", "x-x-x-ff")[-2:], 16) & 1 for h in seen]
        lab.check(flags == [int(wanted)] * 2, f"{what}: {seen}")
        lab.check(len(spans) == (2 if wanted else 0), f"{what}: {len(spans)} spans")
        lab.check(wanted or not lab.spans(what), f"{what}: roots of what was not sampled")
    web.close()
    lab.use_stub()
    for ratio in (0.1, 0.5):
        service = f"ratio-{ratio}"
        lab.run([program("calls"), "3000"], lab.traced(service, OTEL_TRACES_SAMPLER="parentbased_traceidratio",
                                                       OTEL_TRACES_SAMPLER_ARG=str(ratio), OTELSHIM_TRACE_GAP="0"))
        lab.wait_until_drained()
        n = len(lab.calls(service))
        lab.check(abs(n - 3000 * ratio) < 150, f"{service}: {n} of 3000")


@case("context/children")
def children(lab):
    """TRACEPARENT of a child: only inside an open span; else the environment as the program passes it."""
    web = Web()
    lab.start_exporter()
    for outside, settings in {"none": {}, f"00-{TRACE}-{PARENT}-01": {"TRACEPARENT": f"00-{TRACE}-{PARENT}-01"}}.items():
        service = f"children {outside[:4]}"
        result = lab.run([program("http"), "--spawn", web.url], lab.traced(service, **settings))
        lab.wait_until_drained()
        lines = result.stdout.decode().splitlines()
        ids = [f"00-{s['trace']}-{s['id']}-" for s in lab.spans(service) if s["kind"] == "client"]
        for where in ("before", "after", "before-fork", "after-fork"):
            lab.check(f"{where}: {outside}" in lines, f"{service}: {where}: {[x for x in lines if x.startswith(where)]}")
        inside = [x.removeprefix("inside: ") for x in lines if x.startswith("inside: ")]
        lab.check(len(inside) == 2 and [x[:-2] for x in inside] == ids, f"{service}: inside {inside}, spans {ids}")
        forked = [x.removeprefix("inside-fork: ") for x in lines if x.startswith("inside-fork: ")]
        lab.check([x[:-2] for x in forked] == ids, f"{service}: forked {forked}, spans {ids}")
    web.close()
