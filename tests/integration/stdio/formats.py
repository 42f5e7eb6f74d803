#!/usr/bin/env python3
"""Lines of standard output and error: what they become as log records, what is told of them, what remains when exporters are killed.

  formats.py [--full] [--list] [-j N] [CASE…]      cases whose name contains one of the words

Prints `ok stdio/NAME` or `not ok stdio/NAME` with what was found, and `N passed, N failed` last.
"""
import signal
import sys
import time
from collections import Counter
from pathlib import Path

here = Path(__file__).resolve().parent
sys.path[:0] = [str(here.parent / "robust"), str(here.parent / "alerts")]

import runner  # noqa: E402
from case import case  # noqa: E402
from town import town  # noqa: E402

PYTHON = "/usr/bin/python3"
BOT = str(here / "bot.py")
ON = {"OTELSHIM_STDIO": "true", "OTEL_BLRP_SCHEDULE_DELAY": "70"}


def finish(lab, exporter):
    lab.wait_for(lambda: not lab.files(), 15, "the box to be empty")
    lab.stop_exporter(exporter)
    lab.deliver()
    lab.receiver.decode()


def bot(lab, *words, **more):
    return lab.spawn([PYTHON, "-B", BOT, *map(str, words)], lab.traced("bot", **{**ON, **more}))


def record_of(lab, part):
    found = [record for record in lab.receiver.logs if part in record["body"]]
    lab.check(len(found) == 1, f"{len(found)} records with {part!r} of {[r['body'] for r in lab.receiver.logs]}")
    return found[0] if found else {"severity": None, "severity_text": None, "attributes": {}, "body": "", "scope": "", "time": 0}


@case("loggers-R009-R239")
def loggers(lab):
    """R239: levels of what is printed. R238: fields of a JSON line. Output and status as without us."""
    exporter = lab.serve()
    began = time.time_ns()
    result = lab.run([PYTHON, "-B", BOT, "loggers"], lab.traced("bot", **ON))
    plain = lab.run([PYTHON, "-B", BOT, "loggers"])
    lab.check((result.returncode, result.stdout) == (plain.returncode, plain.stdout) and
              result.stderr[24:] and len(result.stderr) == len(plain.stderr), "output or status differ")
    finish(lab, exporter)
    seen = [(r["severity"], r["severity_text"], r["attributes"].get("log.iostream")) for r in
            (record_of(lab, part) for part in ("started", "slow answer", "order failed", "price 17", "order_rejected", "in colours"))]
    lab.check(seen == [(9, "INFO", "stderr"), (13, "WARNING", "stderr"), (17, "ERROR", "stderr"), (0, "", "stdout"),
                       (13, "warning", "stdout"), (17, "ERROR", "stderr")], f"levels: {seen}")
    lab.check("topsecret" not in str(lab.receiver.logs), "a secret arrived")
    rejected = record_of(lab, "order_rejected")
    fields = {key: value for key, value in rejected["attributes"].items() if key.startswith("data")}
    lab.check(rejected["body"] == "order_rejected" and fields == {"data.coin": "BTC", "data.amount": 1.5, "data.token": "REDACTED"},
              f"JSON: {rejected}")
    lab.check(record_of(lab, "in colours")["body"] == "ERROR in colours", "colours")
    failed, uncaught = record_of(lab, "order failed"), record_of(lab, "KeyError: 'XRP'")
    lab.check(failed["attributes"].get("exception.type") == "KeyError" and failed["body"].endswith("KeyError: 'ETH'"), f"joined: {failed}")
    lab.check(uncaught["severity"] == 17 and uncaught["body"].startswith("Traceback") and
              uncaught["attributes"].get("exception.message") == "'XRP'", f"an uncaught exception: {uncaught}")
    lab.check({r["scope"] for r in lab.receiver.logs} == {"otelshim.stdio"} and len(lab.receiver.logs) == 7, "other records came")
    lab.check(all(began <= r["time"] <= time.time_ns() for r in lab.receiver.logs), "times are those of the writes")


@case("level-R240")
def level(lab):
    """R240: records below OTELSHIM_LOG_LEVEL do not arrive, and count as nothing lost; output is as without us. A line without a level arrives."""
    exporter = lab.serve()
    result = lab.run([PYTHON, "-B", BOT, "loggers"], lab.traced("bot", OTELSHIM_LOG_LEVEL="error", **ON))
    plain = lab.run([PYTHON, "-B", BOT, "loggers"])
    lab.check((result.returncode, result.stdout, len(result.stderr)) == (plain.returncode, plain.stdout, len(plain.stderr)), "output or status differ")
    lab.wait_for(lambda: not lab.files(), 15, "the box to be empty")
    ended = lab.status()["ended"]
    finish(lab, exporter)
    levels = Counter(record["severity"] for record in lab.receiver.logs)
    lab.check(levels == {0: 1, 17: 3} and not ended["dropped"], f"{levels}, {ended}")


@case("alerts-R009")
def alerts(lab):
    """R009: an error is in the chat once, however often it is printed; other lines are not; rules see what a line says."""
    rules = lab.directory / "bot.rules"
    rules.write_text('[rule analysis]\nmatch = log "AI analysis complete: coin=*, decision=*"\nmessage = text analysed $1: $2\n')
    rules.write_text(rules.read_text().replace("text analysed $1: $2", "text analysed {coin}") + "field.coin = $1\n")
    with town(lab, OTELSHIM_RULES=str(rules), OTELSHIM_TELEGRAM_TRADE_CHATS="4711") as one:
        run = lab.run([PYTHON, "-B", BOT, "loop", "60"], one.traced(**ON))
        lab.check(run.returncode == 0, run.stderr.decode())
        one.wait_for_text("order 0 timed out after 0 ms")
        one.wait_for_text("analysed BTC")
        lab.run([PYTHON, "-B", BOT, "loggers"], one.traced(**ON))
        one.wait_for_text("KeyError", "'XRP'")
        one.settle()
        texts = one.telegram.texts()
        lab.check(sum("timed out" in text for text in texts) == 1, f"the loop: {texts}")
        lab.check(not any(part in text for text in texts for part in ("all is well", "price 17", "slow answer", "topsecret")), f"{texts}")


def check_lines(lab, n):
    got = Counter(record["body"] for record in lab.receiver.logs)
    wanted = {f"line {i} of a long night" for i in range(n)}
    lab.check(wanted <= set(got), f"{len(wanted - set(got))} lines are lost, as {sorted(wanted - set(got))[:3]}")
    return got, wanted


@case("pieces-R241")
def pieces(lab):
    """Pieces that end anywhere: each line once, whole."""
    exporter = lab.serve()
    lab.check(bot(lab, "cut", 3000, 0).wait(60) == 0, "the program failed")
    finish(lab, exporter)
    got, wanted = check_lines(lab, 3000)
    lab.check(set(got) == wanted and set(got.values()) == {1}, f"others, or twice: {[b for b in got if b not in wanted][:3]}")


@case("kills")
def kills(lab):
    """kill -9 of exporters: no line is lost; of a line that was under way its end may come again."""
    exporter = lab.serve()
    program = bot(lab, "cut", 1000, 5000)
    for _ in range(4):
        time.sleep(0.3)
        lab.stop_exporter(exporter, signal.SIGKILL)
        exporter = lab.serve()
    lab.check(program.wait(120) == 0, "the program failed")
    finish(lab, exporter)
    got, wanted = check_lines(lab, 1000)
    others = [body for body in got if body not in wanted]
    lab.check(len(others) <= 4 and all("line 1 of a long night".endswith(body[-5:]) for body in others), f"no ends of lines: {others}")


@case("prompt")
def prompt(lab):
    """A line without an end arrives while the program lives."""
    exporter = lab.serve()
    program = bot(lab, "prompt")

    def has_come():
        lab.receiver.decode()
        return [r["body"] for r in lab.receiver.logs] == ["no end"]
    lab.wait_for(has_come, 10, "the prompt")
    program.kill()
    program.wait(60)
    finish(lab, exporter)
    lab.check(len(lab.receiver.logs) == 1, f"{lab.receiver.logs}")


if __name__ == "__main__":
    sys.exit(runner.main(here, __doc__))
