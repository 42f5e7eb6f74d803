"""A program that logs with Python's own logging, as many do; argv says what it does. Nothing of ours is in it."""
import json
import logging
import os
import sys
import time


def place(order):
    return {"BTC": 1}[order]


def loggers():
    """Two handlers, two formats; the documents' is one of them. A traceback with the record, one without."""
    logging.basicConfig(level=logging.DEBUG, stream=sys.stderr, format="%(asctime)s - %(name)s - %(levelname)s - %(message)s")
    log = logging.getLogger("bot.orders")
    log.info("started, api_key=topsecret")
    log.warning("slow answer")
    try:
        place("ETH")
    except KeyError:
        log.exception("order failed")
    print("price 17", flush=True)
    print(json.dumps({"timestamp": "2025-11-09T06:30:42Z", "level": "warning", "event": "order_rejected",
                      "data": {"coin": "BTC", "amount": 1.5, "token": "topsecret"}}), flush=True)
    sys.stderr.write("\x1b[31m\x1b[1mERROR\x1b[0m in colours\n")
    sys.stderr.flush()
    place("XRP")


def loop(n):
    """The same error, with what differs from time to time."""
    for i in range(n):
        print(f"2025-11-09 15:30:{i % 60:02},123 - bot - ERROR - order {i} timed out after {i * 3} ms", flush=True)
    print("2025-11-09 15:30:42,123 - bot - INFO - AI analysis complete: coin=BTC, decision=buy", flush=True)
    print("errors: 0, all is well", flush=True)


def cut(n, pause_us):
    """Lines in pieces that know nothing of lines, as a full buffer does."""
    text = b"".join(b"line %d of a long night\n" % i for i in range(n))
    for at in range(0, len(text), 97):
        os.write(1, text[at:at + 97])
        time.sleep(pause_us / 1e6)


def prompt():
    os.write(1, b"no end")
    time.sleep(60)


if __name__ == "__main__":
    {"loggers": loggers, "loop": loop, "cut": cut, "prompt": prompt}[sys.argv[1]](*map(int, sys.argv[2:]))
