"""Compares what the servers were asked (witness.py) with the spans that arrived."""
import re
from collections import Counter
from urllib.parse import urlsplit

MAX_SHOWN = 6
SECRET = "hunter2"  # is among the values that the cases send: no span may show it
SILENT = ("DESCRIBE", "CLOSE")  # calls that no setting of PostgreSQL writes down
N_WORDS = 12
NOT_SQL_WORDS = re.compile(r"""--[^\n]*|/\*.*?\*/|\$(\w*)\$.*?\$\1\$|[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'""", re.S)


def words_of(text):
    """The first words of a statement, without literals and comments; what stands for a literal is no word."""
    words = re.findall(r"[A-Za-z_]\w*", NOT_SQL_WORDS.sub(" ", text))
    return " ".join([word for word in words if word.upper() not in ("TRUE", "FALSE", "NULL")][:N_WORDS])


def difference(seen, wanted, what):
    for key, count in sorted((wanted - seen).items(), key=str):
        yield f"the server saw {what} {key} {count} times more than there are spans"
    for key, count in sorted((seen - wanted).items(), key=str):
        yield f"{count} spans of {what} {key} that the server never saw"


def attributes(span, required):
    """Attributes that must be there: with a value, or None for any."""
    for name, value in required.items():
        has = span["attributes"].get(name)
        if has is None or (value is not None and has != value):
            yield f"{span['name']!r}: {name} is {has!r}" + (f", not {value!r}" if value is not None else "")
    if span["kind"] != "client":
        yield f"{span['name']!r}: kind {span['kind']}"


def failed(span, code):
    """Status and error.type of a call that failed with `code`, or of one that did not (None)."""
    has = span["attributes"].get("error.type")
    if (has, span["status"]) != ((code, "ERROR") if code else (None, "UNSET")):
        yield f"{span['name']!r}: status {span['status']}, error.type {has!r}, not {code!r}"


class Web:
    def __init__(self, environment, _program):
        self.port = int(environment["WEB_PORT"])

    @staticmethod
    def mine(span):
        return "http.request.method" in span["attributes"]

    def judge(self, calls, spans):
        by_id = {span["id"]: span for span in spans}
        hops = {}
        for call in calls:
            if call["span"] not in by_id:
                yield f"{call['method']} {call['path']} came with traceparent {call['span']}: no such span"
            hops.setdefault(call["span"], []).append(call)
        for span in spans:
            if span["id"] not in hops:
                yield f"a span {span['name']!r} {span['attributes'].get('url.full')} that the server never saw"
            else:
                yield from self.request(span, hops[span["id"]])

    def request(self, span, hops):
        """Redirects are one span: the URL is the first one's, the status the last one's."""
        first, last = hops[0], hops[-1]
        status = last["status"]
        yield from attributes(span, {
            "http.request.method": first["method"], "server.address": "127.0.0.1", "server.port": self.port, "url.full": None})
        url = urlsplit(span["attributes"].get("url.full", ""))
        path = url.path + ("?" + url.query if url.query else "")
        if path != first["path"].replace(SECRET, "REDACTED"):
            yield f"{span['name']!r}: url.full has {path!r}, the server saw {first['path']!r}"
        if span["name"] != first["method"]:
            yield f"{span['name']!r} is called so, not {first['method']!r}"
        if is_left(span):
            return
        yield from attributes(span, {
            "http.response.status_code": status, "network.peer.address": "127.0.0.1", "network.peer.port": self.port,
            "network.protocol.version": last["protocol"]})
        for key, size in (("http.request.body.size", first["sent"]), ("http.response.body.size", last["received"])):
            if size and first is last and status < 400 and span["attributes"].get(key) != size:
                yield f"{span['name']!r}: {key} is {span['attributes'].get(key)}, the server counted {size}"
        yield from failed(span, str(status) if status >= 400 else None)


class Postgres:
    def __init__(self, environment, program):
        self.port = int(environment["PGPORT"])
        self.n_silent = program["silent"]

    @staticmethod
    def mine(span):
        return span["attributes"].get("db.system.name") == "postgresql"

    def judge(self, calls, spans):
        wanted, seen = Counter(), Counter()
        for call in calls:
            if call["kind"] == "connect":
                wanted["connect", call["database"]] += 1
            elif not call["own"]:
                kind = "failed" if call["error"] else call["kind"]  # which call it was the server does not say
                wanted[kind, call["database"], words_of(call["text"]), call["error"] or ""] += 1
        silent = [span for span in spans if span["attributes"].get("db.operation.name") in SILENT]
        if len(silent) != self.n_silent:
            yield f"{len(silent)} spans of calls that PostgreSQL does not log, not {self.n_silent}"
        for span in spans:
            key = self.key(span)
            if key and span not in silent:
                seen[key] += 1
            yield from self.required(span)
        yield from difference(seen, wanted, "statement")

    @staticmethod
    def key(span):
        has = span["attributes"]
        text, database = has.get("db.query.text", ""), has.get("db.namespace")
        if span["name"] == "postgresql connect":
            return None if span["status"] == "ERROR" else ("connect", database)
        if has.get("error.type") == "PIPELINE_ABORTED":
            return None  # the server threw it away without a word
        is_prepare = span["name"].startswith("PREPARE ") and not text.upper().lstrip().startswith("PREPARE")
        error = has.get("db.response.status_code", "")
        kind = "failed" if error else "prepare" if is_prepare else "query"
        return kind, database, words_of(text), error

    def required(self, span):
        has = span["attributes"]
        required = {"db.namespace": None, "server.address": None}
        if not str(has.get("server.address")).startswith("/"):
            required["server.port"] = self.port
        if span["name"] != "postgresql connect" and has.get("db.query.text"):
            required |= {"db.query.summary": None}
            summary = has.get("db.query.summary")
            if span["name"] not in (summary, f"PREPARE {summary}"):
                yield f"{span['name']!r} is called so, not {summary!r}"
        yield from attributes(span, required)
        yield from failed(span, has.get("db.response.status_code") or has.get("error.type"))


class Redis:
    def __init__(self, environment, _program):
        self.port = int(environment["REDIS_PORT"])

    @staticmethod
    def mine(span):
        return span["attributes"].get("db.system.name") == "redis"

    def judge(self, calls, spans):
        wanted, seen = Counter(), Counter()
        yield from self.texts([call["words"] for call in calls if call["kind"] != "connect"], spans)
        for call in calls:
            wanted[("connect", "") if call["kind"] == "connect" else self.key(call["name"], call["database"])] += 1
        for span in spans:
            has = span["attributes"]
            is_connect = span["name"] == "redis connect"
            seen[("connect", "") if is_connect else self.key(has.get("db.operation.name"), has.get("db.namespace"))] += 1
            yield from self.required(span, is_connect)
        yield from difference(seen, wanted, "command")

    @staticmethod
    def texts(commands, spans):
        """Every text is one of the commands that arrived, word by word, or `?` in a word's place."""
        for span in spans:
            words = str(span["attributes"].get("db.query.text", "")).split()
            fits = [command for command in commands if len(command) == len(words)
                    and all(word in ("?", sent) for word, sent in zip(words, command))]
            if fits:
                commands.remove(fits[0])
            elif words:
                yield f"{span['name']!r}: no such command arrived: {span['attributes']['db.query.text']!r}"

    @staticmethod
    def key(name, database):
        """SELECT belongs to the old database or to the new one: MONITOR says the new one."""
        return name, "" if str(name).upper() == "SELECT" else database

    def required(self, span, is_connect):
        has = span["attributes"]
        required = {"server.address": None, "db.namespace": None}
        if not str(has.get("server.address")).startswith("/"):
            required["server.port"] = self.port
        if not is_connect:
            required |= {"db.operation.name": span["name"], "db.query.text": None}
            if not str(has.get("db.query.text")).startswith(span["name"]):
                yield f"{span['name']!r}: db.query.text is {has.get('db.query.text')!r}"
        yield from attributes(span, required)
        yield from failed(span, has.get("db.response.status_code") or has.get("error.type"))


JUDGES = {"web": Web, "postgres": Postgres, "redis": Redis}


def is_left(span):
    """Its call was left by a longjmp, or its handle thrown away: nobody knows how it ended."""
    return "otelshim.abandoned" in span["attributes"]


def whole(spans, n_left):
    """What holds for all spans of a run, whoever made them."""
    ids = {span["id"] for span in spans}
    if len(ids) != len(spans):
        yield f"{len(spans) - len(ids)} span ids came twice"
    for span in spans:
        if span["parent"] and span["parent"] not in ids:
            yield f"{span['name']!r}: its parent never arrived"
        if SECRET in str(span):
            yield f"{span['name']!r} shows a value: {span['attributes']}"
    left = [span["name"] for span in spans if is_left(span)]
    if len(left) != n_left:
        yield f"{len(left)} spans were left open, not {n_left}: {', '.join(left[:MAX_SHOWN])}"


def verdict(judges, calls, spans, n_left=0):
    """Problems, at most MAX_SHOWN and how many more."""
    problems = list(whole(spans, n_left))
    clients = [span for span in spans if span["kind"] == "client"]
    for name, judge in judges.items():
        problems += judge.judge(calls[name], [span for span in clients if judge.mine(span)])
    foreign = [span for span in clients if not any(judge.mine(span) for judge in judges.values())]
    problems += [f"a span {span['name']!r} of no server here" for span in foreign]
    if len(problems) > MAX_SHOWN:
        problems[MAX_SHOWN:] = [f"… and {len(problems) - MAX_SHOWN} more"]
    return problems
