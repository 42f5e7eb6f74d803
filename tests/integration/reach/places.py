"""From where a program calls: callbacks that never come back, constructors, destructors, children inside a span."""
import collections
import re

from building import CXX, library, link_stub, make, out, program
from case import case
from lab import LIBRARY
from loading import numbers
from scope import Web


@case("callbacks")
def callbacks(lab):
    """Exceptions, longjmp, pthread_exit() and pthread_cancel() out of a callback: destructors run, the next request is whole."""
    lab.start_exporter()
    web = Web()
    path = make("callbacks", "callbacks.cpp", "-lcurl", "-lpthread", compiler=CXX)
    lab.compare([path, web.url], lab.traced("callbacks"))
    web.close()
    lab.wait_until_drained()
    spans = [s for s in lab.spans("callbacks") if "url.full" in s["attributes"]]
    kinds = collections.Counter("abandoned" if "otelshim.abandoned" in s["attributes"] else
                                "death" if "otelshim.ended_by" in s["attributes"] else "whole" for s in spans)
    # Each round: nothing twice whole; throw, jump, nested (2), exit, cancel never come back.
    lab.check(len(spans) == 16, f"{len(spans)} spans of 16: {kinds}")
    lab.check(kinds["whole"] == 4, f"{kinds}")
    lab.check_tree(lab.spans("callbacks"), "callbacks")


@case("early")
def early(lab):
    """A constructor that runs before ours, and its thread."""
    lab.use_stub()
    lab.start_exporter()
    flags = [*link_stub(), "-lpthread"]
    early_library = library("early.d/libearly.so", "-DLIBRARY", "early.c", *flags)
    path = program("early", early_library, f"-Wl,-rpath,{out}/early.d", *flags)
    for what, more in (("linked", {}), ("preloaded", {"LD_PRELOAD": f"{early_library}:{LIBRARY}"}),
                       ("behind", {"LD_PRELOAD": f"{LIBRARY}:{early_library}"})):
        plain = lab.run([path])
        shimmed = lab.run([path], lab.traced(what, **more))
        lab.check(sorted(plain.stdout.splitlines()) == sorted(shimmed.stdout.splitlines()) and plain.stderr == shimmed.stderr
                  and plain.returncode == shimmed.returncode, f"{what}: {plain}, with the shim {shimmed}")
        lab.wait_until_drained()
        seen = numbers(lab, what)
        wanted = {(1, i) for i in range(1, 2001)} | {(p, i) for p in (2, 3) for i in range(1, 51)}
        lab.check(set(seen) == wanted and max(seen.values()) == 1, f"{what}: {len(seen)} of {len(wanted)} calls")


@case("endings")
def endings(lab):
    """atexit handlers and at_quick_exit; destructors that run after ours pass through."""
    lab.use_stub()
    lab.start_exporter()
    ending = library("endings.d/libendings.so", "-DLIBRARY", "endings.c", *link_stub())
    path = program("endings", ending, f"-Wl,-rpath,{out}/endings.d", *link_stub())
    for how, parts in (("exit", {1, 2}), ("return", {1, 2}), ("quick", {1, 5}), ("_exit", {1}), ("abort", {1})):
        lab.compare([path, how], lab.traced(how))
        lab.wait_until_drained()
        seen = {part for part, _ in numbers(lab, how)}
        lab.check(parts <= seen <= parts | {3, 4}, f"{how}: parts {seen}, wanted {parts}")
        late = [s for s in lab.spans(how) if "otelshim.ended_by" in s["attributes"]]
        lab.check(not late, f"{how}: {len(late)} spans in flight")


@case("children")
def children(lab):
    """TRACEPARENT of whatever kind of child, inside a span and nowhere else; never in a thread that has no span."""
    web = Web()
    lab.start_exporter()
    path = make("children", "children.c", "-lcurl", "-lpthread")
    outside = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    for service, settings in (("none", {}), ("outside", {"TRACEPARENT": outside}),
                              ("off", {"OTEL_PROPAGATORS": "none"}), ("inert", {"OTELSHIM": "0"})):
        result = lab.run([path, web.url], lab.traced(service, **settings))
        lab.wait_until_drained()
        spans = [s for s in lab.spans(service) if "url.full" in s["attributes"]]
        own = f"00-{spans[0]['trace']}-{spans[0]['id']}" if service in ("none", "outside") and spans else None
        seen = {}
        for line in result.stdout.decode().splitlines():
            found = re.fullmatch(r"(\S+(?: \S+)?): (\S+) ?(1?)", line)
            if found:
                seen[found[1]] = found[2].rsplit("-", 1)[0] if found[2] != "none" else "none"
        unset = settings.get("TRACEPARENT", "none").rsplit("-", 1)[0]
        wanted = {f"{where} {kind}": unset for where in ("before", "inside", "after")
                  for kind in ("fork", "vfork", "fork-fork", "own-environment", "thread")}
        wanted |= {f"{where} own-environment": "none" for where in ("before", "inside", "after")}
        wanted |= {"returned": unset}
        if own:
            wanted |= {f"inside {kind}": own for kind in ("fork", "vfork", "fork-fork", "own-environment")}
        different = {k: (seen.get(k), v) for k, v in wanted.items() if seen.get(k) != v}
        lab.check(not different, f"{service}: (seen, wanted) {different} {result.stderr}")
        lab.check(service == "inert" or len(spans) == 1, f"{service}: {len(spans)} requests")
    web.close()
