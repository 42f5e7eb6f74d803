"""What the servers say they were asked: one class per server, each giving the calls of one run as plain dicts.

    begin()    as after installation          start()    from here on          end()    the calls since then

Nothing here knows of spans: the lists come from nginx's access log, from PostgreSQL's statement log and from Redis'
MONITOR, so they are what really arrived.
"""
import itertools
import os
import re
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

PATIENCE_S = 10
CONTINUE_BYTES = len("HTTP/1.1 100 Continue\r\n\r\n")  # nginx counts them as body
WATCHER = "watcher"  # application_name of a case's own looks into the database
LIBPQS_OWN = "set client_encoding to"  # what PQsetClientEncoding sends: libpq's own call of itself is no span


def until(condition, what):
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"waited {PATIENCE_S} s for {what}")
        time.sleep(0.005)


class Web:
    """The access log of tests/servers/web.sh: method, path, status, protocol, traceparent, the bodies' sizes."""

    def __init__(self, environment, _logs):
        self.log = Path(environment["WEB_LOG"])
        self.url = environment["WEB_URL"]
        self.marks = itertools.count()

    def sentinel(self):
        """A request of ours, written behind all that came before it: there is one worker."""
        path = f"/sentinel-{next(self.marks)}"
        try:
            urllib.request.urlopen(self.url + path).close()
        except urllib.error.HTTPError:
            pass
        until(lambda: f" {path} " in self.log.read_text(), path)

    def begin(self):
        """Nothing to clear away."""

    def start(self):
        self.sentinel()
        self.offset = self.log.stat().st_size

    def end(self):
        self.sentinel()
        calls = []
        for line in self.log.read_text()[self.offset:].splitlines():
            method, path, status, protocol, traceparent, sent, received, encoding, expect = line.split()
            if not path.startswith("/sentinel-"):
                calls.append({"method": method, "path": path, "status": int(status), "protocol": protocol.split("/")[1],
                              "span": traceparent.split("-")[2] if traceparent != "-" else None,
                              "sent": int(sent) if sent != "-" else None,  # chunks: nobody wrote down how much was in them
                              "received": int(received) - (expect != "-" and CONTINUE_BYTES) if encoding != "chunked" else None})
        return calls


class Postgres:
    """The server's own log. Every run has a database of its own, so that what a program leaves behind is nobody's."""

    # Statements are written before they run, errors when they happen; PQprepare shows only as the duration of "parse".
    SETTINGS = {"log_statement": "all", "log_min_duration_statement": "0", "log_connections": "on",
                "log_line_prefix": "@%p|%d|%a|%e|", "log_min_error_statement": "error"}
    LINE = re.compile(r"@(?P<pid>\d+)\|(?P<database>[^|]*)\|(?P<application>[^|]*)\|(?P<code>\w{5})\|(?P<level>\w+):  (?P<text>.*)", re.S)
    CALL = re.compile(r"(?:statement|execute (?P<name>[^:]*)): (?P<text>.*)|(?P<fastpath>fastpath function call: .*)", re.S)
    PARSE = re.compile(r"duration: [\d.]+ ms  parse (?P<name>[^:]*): (?P<text>.*)", re.S)

    def __init__(self, environment, logs):
        self.environment = environment
        self.log = logs / "postgres.log"
        for name, value in self.SETTINGS.items():
            self.ask(f"ALTER SYSTEM SET {name} = '{value}'")
        self.ask("SELECT pg_reload_conf()")
        self.marks = itertools.count()
        until(lambda: "@" in self.sentinel(), "the settings of PostgreSQL's log")

    def ask(self, statement):
        subprocess.run(["psql", "-qXAt", "-d", "postgres", "-c", statement], env=self.environment, check=True,
                       stdout=subprocess.DEVNULL)

    def sentinel(self):
        mark = f"sentinel {next(self.marks)} {os.getpid()}"
        self.ask(f"SELECT '{mark}'")
        until(lambda: mark in self.read(), mark)
        return next(line for line in self.read().splitlines() if mark in line)

    def read(self):
        return self.log.read_text(errors="replace")

    def begin(self):
        self.ask("DROP DATABASE IF EXISTS trader WITH (FORCE)")
        self.ask("CREATE DATABASE trader")

    def start(self):
        """What `before` prepared is not the program's."""
        self.sentinel()
        self.offset = len(self.read())

    def end(self):
        self.sentinel()
        calls = []
        for entry in re.split(r"\n(?!\t)", self.read()[self.offset:]):
            line = self.LINE.match(entry.replace("\n\t", "\n"))
            if line and line["database"] != "postgres" and WATCHER not in (line["application"], line["text"][-len(WATCHER):]):
                self.take(calls, line)
        return calls

    def take(self, calls, line):
        text = line["text"]
        if text.startswith("connection authorized:"):
            calls.append({"kind": "connect", "database": line["database"], "pid": line["pid"]})
        elif line["level"] == "LOG" and (call := self.CALL.match(text)):
            calls.append(self.call(line, "query", call["text"] or ""))
        elif line["level"] == "LOG" and (parse := self.PARSE.match(text)) and parse["name"] != "<unnamed>":
            calls.append(self.call(line, "prepare", parse["text"]))
        elif line["level"] == "STATEMENT" and line["code"] != "00000":
            self.fail(calls, line)

    def fail(self, calls, line):
        """An error names its statement: the one that was logged before, or, where it was never run, a new one."""
        mine = [call for call in calls if call["pid"] == line["pid"]]
        if mine and mine[-1]["kind"] == "query" and mine[-1]["text"] == line["text"] and not mine[-1]["error"]:
            mine[-1]["error"] = line["code"]
        else:
            calls.append(self.call(line, "query", line["text"], line["code"]))

    @staticmethod
    def call(line, kind, text, error=None):
        return {"kind": kind, "database": line["database"], "pid": line["pid"], "text": text, "error": error,
                "own": text.startswith(LIBPQS_OWN)}


class Redis:
    """MONITOR, on a connection of its own."""

    LINE = re.compile(r'[\d.]+ \[(?P<database>\d+) (?P<from>[^\]]+)\] (?P<words>.*)')
    WORD = re.compile(r'"((?:[^"\\]|\\.)*)"')

    def __init__(self, environment, _logs):
        address = (environment["REDIS_HOST"], int(environment["REDIS_PORT"]))
        self.control = socket.create_connection(address)
        self.answers = self.control.makefile("r", errors="replace", newline="\r\n")
        self.lines = []
        self.marks = itertools.count()
        monitor = socket.create_connection(address)
        monitor.sendall(b"MONITOR\r\n")
        threading.Thread(target=self.listen, args=(monitor.makefile("r", errors="replace", newline="\r\n"),),
                         daemon=True).start()

    def listen(self, stream):
        for line in stream:
            self.lines.append(line.strip()[1:])

    def sentinel(self):
        mark = f"sentinel-{next(self.marks)}"
        self.control.sendall(f"ECHO {mark}\r\n".encode())
        until(lambda: any(mark in line for line in list(self.lines)), mark)

    def connections(self):
        self.control.sendall(b"INFO stats\r\n")
        for line in self.answers:
            if line.startswith("total_connections_received:"):
                return int(line.split(":")[1])

    def begin(self):
        self.control.sendall(b"FLUSHALL\r\n")

    def start(self):
        self.sentinel()
        self.offset = len(self.lines)
        self.connected = self.connections()

    def end(self):
        self.sentinel()
        connected = self.connections() - self.connected
        calls = [{"kind": "connect"} for _ in range(connected)]
        own = "%s:%d" % self.control.getsockname()
        for line in self.lines[self.offset:]:
            found = self.LINE.match(line)
            if found and found["from"] != own and found["from"] != "lua":
                words = self.WORD.findall(found["words"])
                calls.append({"kind": "command", "database": found["database"], "name": words[0], "words": words})
        return calls


WITNESSES = {"web": Web, "postgres": Postgres, "redis": Redis}
