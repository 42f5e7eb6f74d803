"""What the cases stand on: chats behind a Bot API of our own, and a server that fails in every way."""
import contextlib
import json
import os
import signal
import socket
import struct
import subprocess
import threading
import time
import urllib.request

import lab as laboratory

CALLS = str(laboratory.build / "tests/integration/alerts/calls")
SAID = str(laboratory.build / "tests/integration/api/calls")
TOKEN = "4711:AAHfake-token-of-the-tests_0123456789"
CHAT = "4711"


class Telegram:
    """tests/fakes/telegram, of this case alone."""

    def __init__(self, lab, *options):
        self.lab = lab
        self.ports, self.ca = lab.directory / "telegram.ports", lab.directory / "telegram.pem"
        self.process = lab.spawn([laboratory.root / "tests/fakes/telegram", "--port-file", self.ports, "--ca", self.ca, *options],
                                 stderr=subprocess.STDOUT, stdout=open(lab.directory / "telegram.log", "w"))
        if not lab.until(lambda: self.ports.exists() and len(self.ports.read_text().split()) == 2, 20):
            raise RuntimeError("the Bot API does not start: " + (lab.directory / "telegram.log").read_text())
        self.port, self.control = map(int, self.ports.read_text().split())

    def environment(self, **more):
        return {"OTELSHIM_TELEGRAM_TOKEN": TOKEN, "OTELSHIM_TELEGRAM_CHATS": CHAT,
                "OTELSHIM_TELEGRAM_API_URL": f"https://127.0.0.1:{self.port}", "OTELSHIM_TELEGRAM_CERTIFICATE": str(self.ca), **more}

    def ask(self, path, body=None):
        request = urllib.request.Request(f"http://127.0.0.1:{self.control}{path}",
                                         data=None if body is None else json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.loads(answer.read())

    def messages(self, chat=CHAT):
        return self.ask(f"/messages?chat={chat}")

    def texts(self, chat=CHAT):
        return [message["text"] for message in self.messages(chat)]


class Bad:
    """An HTTP server on loopback: /status/N answers; /swallow reads the request and never answers; /reset reads it and resets; /close reads it
    and closes; /deaf never reads; /garbage answers what is no HTTP; /half answers half; /slow/MS; /mood answers self.mood."""

    def __init__(self):
        self.requests, self.mood, self.lock = [], 200, threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=200)
        self.port = self.listener.getsockname()[1]
        self.open, self.is_over = [], False
        threading.Thread(target=self.serve, daemon=True).start()

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"

    def serve(self):
        while not self.is_over:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.open.append(connection)
            threading.Thread(target=self.talk, args=(connection,), daemon=True).start()

    def talk(self, connection):
        with contextlib.suppress(OSError, ValueError, IndexError):
            while self.one(connection):
                pass
        connection.close()

    def read(self, connection):
        head = b""
        while b"\r\n\r\n" not in head:
            some = connection.recv(65536)
            if not some:
                return None, None
            head += some
            if head[0] == 0x16:  # a TLS handshake
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                return None, None
        head, _, body = head.partition(b"\r\n\r\n")
        length = next((int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0)
        path = head.split(b" ")[1].decode()
        if path.startswith("/deaf"):
            time.sleep(30)
        while len(body) < length:
            some = connection.recv(65536)
            if not some:
                return None, None
            body += some
        return head.decode(), body

    def one(self, connection):
        head, body = self.read(connection)
        if head is None:
            return False
        with self.lock:
            self.requests.append((head, body, time.time()))
        method, path = head.split(" ")[:2]
        path = path.partition("?")[0]
        word, number = (path.strip("/") + "/").split("/")[:2]
        if word == "swallow":
            time.sleep(30)
            return False
        if word == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        if word == "close":
            return False
        if word == "garbage":
            connection.sendall(b"\0\0\0\x07 what is that?\r\n\r\n")
            return False
        if word == "half":
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
            return False
        if word == "slow":
            time.sleep(int(number) / 1000)
        status = int(number) if word == "status" else self.mood if word == "mood" else 200
        connection.sendall(f"HTTP/1.1 {status} Whatever\r\nContent-Length: 2\r\nX-Request-ID: r-7\r\n\r\nok".encode())
        return True

    def close(self):
        self.is_over = True
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for connection in self.open:
            with contextlib.suppress(OSError):
                connection.close()


class Town:
    """A lab with a chat, a bad server, and an exporter."""

    def __init__(self, lab, *options, exporter=True, **environment):
        self.lab = lab
        self.telegram = Telegram(lab, *options)
        self.bad = Bad()
        self.environment = self.telegram.environment(TZ="UTC", **environment)
        self.exporter = self.start_exporter() if exporter else None

    def start_exporter(self, *options, **more):
        """As the library starts one: with the program's environment, so that it knows the token of one that is gone already."""
        return self.lab.start_exporter(*options, **{**self.environment, "OTEL_EXPORTER_OTLP_ENDPOINT": self.lab.receiver.url, **more})

    def traced(self, **more):
        return self.lab.traced("trader", OTEL_RESOURCE_ATTRIBUTES="service.version=1.4.2,deployment.environment.name=test",
                               **{**self.environment, **more})

    def run(self, *words, timeout=60, **more):
        return self.lab.run([CALLS, *map(str, words)], self.traced(**more), timeout=timeout)

    def spawn(self, *words, **more):
        return self.lab.spawn([CALLS, *map(str, words)], self.traced(**more))

    def wait_for_text(self, *parts, seconds=15, chat=CHAT):
        """The first message that has all these parts; None and a problem where none comes."""
        found = []

        def look():
            found[:] = [m for m in self.telegram.messages(chat) if all(part in m["text"] for part in parts)]
            return found

        if not self.lab.until(look, seconds):
            self.lab.check(False, f"no message with {parts}; there are {self.telegram.texts(chat)}")
            return None
        return found[0]

    def flush(self):
        """What was recorded is read, and what is to be told is told."""
        box = str(self.lab.box)
        ask = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        ask.settimeout(180)
        with ask:
            ask.connect(box + "/control")
            ask.sendall(b"flush\n")
            answer = b""
            while some := ask.recv(1000):
                answer += some
        return answer.decode()

    def settle(self, seconds=20):
        self.lab.wait_for(lambda: not self.lab.files(), seconds, "the box to be empty")
        self.lab.check("delivered" in self.flush(), "flush")

    def close(self):
        self.bad.close()


@contextlib.contextmanager
def town(lab, *options, **more):
    made = Town(lab, *options, **more)
    try:
        yield made
    finally:
        made.close()


def kill(process):
    os.kill(process.pid, signal.SIGKILL)
    process.wait(60)
