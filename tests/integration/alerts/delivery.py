"""What becomes of an alert on its way: floods, a chat that is down, an exporter that is killed, secrets."""
import os
import random
import re
import signal
import time

from case import case
from town import TOKEN, kill, town


@case("storm")
def storm(lab):
    """100,000 identical errors: one message with the right number; memory stays flat; another error is told at once all the same."""
    with town(lab, "--no-limits", OTELSHIM_ALERT_STREAK="0", OTELSHIM_ALERT_ERROR_RATE="0",
              OTELSHIM_ALERT_WINDOW="7200000") as one:  # a starved machine takes longer than the five minutes
        n = 100_000
        one.run("times", 200, "get", one.bad.url("/status/503"))
        one.wait_for_text("HTTP 503")
        one.settle()
        before, n_open = rss_kib(one.exporter.pid), descriptors(one.exporter.pid)
        process = one.spawn("times", n - 200, "get", one.bad.url("/status/503"), "get", one.bad.url("/status/504"))
        most = before
        time.sleep(0.5)
        one.run("get", one.bad.url("/status/502"))
        one.wait_for_text("HTTP 502", seconds=5)
        lab.check(process.poll() is None, "the other error was not told in the storm")
        while process.poll() is None:
            most = max(most, rss_kib(one.exporter.pid))
            time.sleep(0.02)
        one.wait_for_text("HTTP 504")
        one.settle(60)
        told = [text for text in one.telegram.texts() if "HTTP 503" in text]
        lab.wait_for(lambda: total(one) == n, 20, f"{n} in all, there are {total(one)} in {told}")
        lab.check(len(told) == 1, f"{len(told)} messages")
        for status in range(510, 520):  # a connection each; those that are kept for the next batch are a few
            one.run("get", one.bad.url(f"/status/{status}"))
        one.wait_for_text("HTTP 519", seconds=30)
        if not lab.until(lambda: descriptors(one.exporter.pid) <= n_open + 6, 10):
            lab.check(False, f"{n_open} descriptors before, {descriptors(one.exporter.pid)} now")
        lab.check(most - before < 12 << 10, f"the exporter grew from {before} to {most} KiB")
        print(f"# storm: {n} errors, {len(told)} messages, exporter {before} → {most} KiB", flush=True)


def descriptors(pid):
    """R102: what the documents' reporter leaked."""
    return len(os.listdir(f"/proc/{pid}/fd"))


def total(one):
    """Of HTTP 503: messages and what they say of others."""
    n = 0
    for text in one.telegram.texts():
        if "HTTP 503" not in text:
            continue
        found = re.search(r"[×x]\s*([\d,]+)", text)
        n += int(found[1].replace(",", "")) if found else 1
    return n


def rss_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return int(re.search(r"VmRSS:\s+(\d+)", file.read())[1])


def errors(one, numbers, kind="order"):
    """A line of its own for each number, so that each is another error: digits do not tell them apart."""
    words = []
    for number in numbers:
        words += ["syslog", "3", f"{kind} {name_of(number)} lost", "pause", "20"]
    return words


def name_of(number):
    return "".join("abcdefghij"[int(digit)] for digit in str(number))


@case("down")
def down(lab):
    """Telegram is down for a while: everything arrives once, in order."""
    with town(lab, "--no-limits") as one:
        one.run("syslog", 3, "before all")
        one.wait_for_text("before all")
        for mode in ("refuse", "502", "hang"):
            one.telegram.ask("/down", {"mode": mode})
            one.run(*errors(one, range(100, 106), mode))
            time.sleep(1)
            one.telegram.ask("/up", {})
        expected = ["before all"] + [f"{mode} {name_of(i)} lost" for mode in ("refuse", "502", "hang") for i in range(100, 106)]

        def arrived():
            return [line for text in one.telegram.texts() for line in expected if line in text]

        lab.until(lambda: len(set(arrived())) == len(expected), 90)
        lab.check(set(arrived()) == set(expected), f"never came: {[line for line in expected if line not in arrived()]}")
        got = arrived()
        lab.check(len(got) == len(set(got)), f"twice: {[line for line in got if got.count(line) > 1]}")
        lab.check(got == [line for line in expected if line in got], f"in another order: {got}")


@case("exporters-killed")
def exporters_killed(lab):
    """The exporter is killed at random points: nothing is lost."""
    with town(lab, "--no-limits") as one:
        n = 60 if lab.is_full else 24
        process = one.spawn(*errors(one, range(100, 100 + n)))
        rounds = 0
        while rounds < 10 or process.poll() is None:
            time.sleep(random.uniform(0.02, 0.25))
            kill(one.exporter)
            one.exporter = one.start_exporter()
            rounds += 1
        expected = [f"order {name_of(i)} lost" for i in range(100, 100 + n)]
        lab.wait_for(lambda: all(any(line in text for text in one.telegram.texts()) for line in expected), 60,
                     "all of them")
        counts = [sum(line in text for text in one.telegram.texts()) for line in expected]
        lab.check(min(counts) >= 1, f"lost: {[line for line, n in zip(expected, counts) if not n]}")
        print(f"# exporter killed {rounds} times: {len(counts)} alerts, {sum(counts) - len(counts)} repeated", flush=True)


@case("leaving")
def leaving(lab):
    """An exporter does not leave before its alerts did; what it cannot send it leaves to the next."""
    with town(lab, exporter=False) as one:
        one.telegram.ask("/down", {"mode": "refuse"})
        exporter = one.start_exporter("--leave-after", "1")
        one.run("get", one.bad.url("/status/500"))
        time.sleep(3)
        lab.check(exporter.poll() is None, "it left with an alert that was not sent")
        lab.stop_exporter(exporter, signal.SIGTERM)
        one.telegram.ask("/up", {})
        one.start_exporter()
        one.wait_for_text("HTTP 500", seconds=40)


@case("console")
def console(lab):
    """`otelshim run --console`: its own exporter tells, too, before it ends."""
    with town(lab, exporter=False) as one:
        environment = {name: value for name, value in one.traced(OTELSHIM_EXPORTER="").items() if name not in ("LD_PRELOAD", "OTELSHIM_EXPORTER")}
        lab.run([str(one_tool()), "run", "--console", "--", one_calls(), "get", one.bad.url("/status/500")], environment)
        one.wait_for_text("HTTP 500", seconds=5)


def one_tool():
    import lab as laboratory
    return laboratory.OTELSHIM


def one_calls():
    import town as here
    return here.CALLS


def all_files(*folders):
    for folder in folders:
        for directory, _, names in os.walk(folder):
            for name in names:
                yield os.path.join(directory, name)


@case("token")
def token(lab):
    """The token's bytes stand in no file of ours, no log, no request to the collector, on no command line."""
    secret, hidden = TOKEN.encode(), []
    with town(lab) as one:
        lines = []

        def look():
            for pid in os.listdir("/proc"):
                if pid.isdigit():
                    try:
                        with open(f"/proc/{pid}/cmdline", "rb") as file:
                            line = file.read()
                    except OSError:
                        continue
                    if secret in line:
                        lines.append(line)

        one.run("get", one.bad.url("/status/500"), "syslog", 3, f"sent https://api.telegram.org/bot{TOKEN}/sendMessage", "pause", 200)
        look()
        one.telegram.ask("/down", {"mode": "502"})
        one.run("get", one.bad.url(f"/status/503/bot{TOKEN}/x"), "get", f"http://127.0.0.1:1/bot{TOKEN}/getMe")
        look()
        process = one.spawn("get", one.bad.url("/status/200"), "crash")
        process.wait(120)
        time.sleep(2)
        look()
        one.telegram.ask("/up", {})
        one.wait_for_text("SIGSEGV", seconds=30)
        one.telegram.ask("/token", {"state": "revoked"})
        one.run("get", one.bad.url("/status/507"))
        time.sleep(2)
        status = lab.run([one_tool(), "status"], {**lab.environment, "OTELSHIM_DIR": str(lab.box)}).stdout
        hidden += ["`otelshim status`"] if secret in status else []
        for path in all_files(lab.directory, lab.box):
            if "telegram" in os.path.basename(path) or not os.path.isfile(path):
                continue
            with open(path, "rb") as file:
                if secret in file.read():
                    hidden.append(path)
        lab.receiver.decode()
        seen = repr(lab.receiver.spans) + repr(lab.receiver.logs)
        hidden += ["an OTLP request"] if TOKEN in seen else []
        hidden += ["a message"] if TOKEN in repr(one.telegram.texts()) else []
        lab.check(not hidden, f"the token stands in {hidden}")
        lab.check(not lines, f"and on the command lines {lines}")
