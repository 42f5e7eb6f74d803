"""telegram_http: how tests/fakes/telegram is spoken to: requests of the Bot API in all their forms, webhooks, and answers that are none."""
import email.parser
import email.policy
import hashlib
import json
import re
import socket
import ssl
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from telegram_bot import Answer, bad, check_token


def read_parameters(headers, body, query):
    """(parameters, files) of a request in any of the forms that the server takes."""
    params, files = dict(urllib.parse.parse_qsl(query, keep_blank_values=True)), {}
    kind = headers.get("Content-Type", "")
    try:
        if kind.startswith("application/json"):
            more = json.loads(body or b"{}")
            if not isinstance(more, dict):
                raise ValueError("not an object")
            params.update(more)
        elif kind.startswith("application/x-www-form-urlencoded"):
            params.update(urllib.parse.parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=bool(body)))
        elif kind.startswith("multipart/form-data"):
            whole = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(f"Content-Type: {kind}\r\n\r\n".encode() + body)
            if not whole.is_multipart():
                raise ValueError("not multipart")
            for part in whole.iter_parts():
                name, content = part.get_param("name", header="content-disposition"), part.get_payload(decode=True)
                if part.get_filename() is None:
                    params[name] = content
                    if name not in ("text", "caption"):
                        params[name] = content.decode()
                else:
                    files[name] = {"name": part.get_filename(), "bytes": len(content), "type": part.get_content_type(),
                                   "sha256": hashlib.sha256(content).hexdigest(), "begin": content[:2000].decode("utf-8", "replace")}
    except ValueError as error:
        raise bad(f"can't parse the request: {error}") from None
    return params, files


# ---- webhooks ----------------------------------------------------------------------------------------------

def check_hook(kind, headers, body):
    """(status, body) as Slack or Discord answer."""
    try:
        document = json.loads(body)
    except ValueError:
        document = None
    if not headers.get("Content-Type", "").startswith("application/json") or not isinstance(document, dict):
        return (400, "invalid_payload") if kind == "slack" else (400, '{"message": "400: Bad Request", "code": 0}')
    if kind == "slack":
        return (200, "ok") if isinstance(document.get("text"), str) and document["text"].strip() else (400, "no_text")
    if kind == "discord":
        content = document.get("content")
        if not isinstance(content, str) or not content.strip():
            return 400, '{"message": "Cannot send an empty message", "code": 50006}'
        if len(content) > 2000:
            return 400, '{"content": ["Must be 2000 or fewer in length."]}'
        return 204, ""
    return 200, ""


# ---- HTTP --------------------------------------------------------------------------------------------------

class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address, handler, bot, tls=None):
        self.bot, self.tls = bot, tls
        self.open_sockets, self.n_connections = set(), 0
        super().__init__(address, handler)

    def get_request(self):
        plain, address = super().get_request()
        self.n_connections += 1
        if self.tls:
            plain.settimeout(60)
            plain = self.tls.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)
        self.open_sockets.add(plain)
        return plain, address

    def shutdown_request(self, request):
        self.open_sockets.discard(request)
        super().shutdown_request(request)

    def close_all(self):
        self.server_close()
        for one in list(self.open_sockets):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def handle_error(self, request, client_address):
        """Clients that go away, and that do not trust us, are what some tests are about."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server_version = "nginx/1.18.0"
    sys_version = ""

    def setup(self):
        if isinstance(self.request, ssl.SSLSocket):
            self.request.do_handshake()
        self.connection_number = self.server.n_connections
        super().setup()

    def log_message(self, *arguments):
        pass

    def send(self, status, body, kind="application/json", headers=()):
        body = body if isinstance(body, bytes) else body.encode()
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body if status != 204 else b"")
        self.wfile.flush()

    def leave(self):
        self.close_connection = True
        self.wfile.flush()

    def answer(self, answer):
        body = {"ok": False, "error_code": answer.status, "description": answer.description}
        headers = []
        if answer.parameters:
            body["parameters"] = answer.parameters
            if "retry_after" in answer.parameters:
                headers = [("Retry-After", str(answer.parameters["retry_after"]))]
        self.send(answer.status, json.dumps(body), headers=headers)

    def misbehave(self, what):
        if what == "hang":
            while self.server.bot.down == "hang" or what == "hang":
                time.sleep(0.05)
                if self.request not in self.server.open_sockets:
                    break
                if not self.server.bot.down and self.is_gone():
                    break
        elif what == "half":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"ok\":true,\"res")
        elif what == "garbage":
            self.send(200, "{\"ok\": tru\xff", headers=[("X-Fake", "garbage")])
            return
        elif what in ("html", "502"):
            self.send(502, "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>nginx/1.18.0</body></html>", "text/html")
            return
        elif what == "huge":
            self.send(200, b'{"ok":true,"result":"' + b"x" * (5 << 20) + b'"}')
            return
        self.leave()

    def is_gone(self):
        try:
            self.request.settimeout(0.05)
            return self.request.recv(1) == b""
        except (TimeoutError, OSError):
            return False

    def obey(self, rule):
        """True: the rule has answered."""
        if rule.get("slow"):
            time.sleep(rule["slow"] / 1000)
        if "migrate_to" in rule:
            raise Answer(400, "Bad Request: group chat was upgraded to a supergroup chat", {"migrate_to_chat_id": rule["migrate_to"]})
        if "status" in rule:
            parameters = dict(rule.get("parameters", {}))
            description = rule.get("description", "Internal Server Error")
            if "retry_after" in rule:
                parameters["retry_after"] = rule["retry_after"]
                description = f"Too Many Requests: retry after {rule['retry_after']}"
            raise Answer(rule["status"], description, parameters, rule.get("hold", 0))
        return rule.get("misbehave")

    def bot_request(self, token, method, query, body):
        """It is in the log before it is answered: who has the answer may ask for the log."""
        bot = self.server.bot
        params, files = {}, {}

        def note(status, description=None, message=None):
            shown = {name: value.decode("utf-8", "replace") if isinstance(value, bytes) else value for name, value in params.items()}
            bot.note(method=method, params=shown, files=files, status=status, description=description,
                     text=message and message["text"], entities=message and message["entities"],
                     message_id=message and message["message_id"], connection=self.connection_number)

        try:
            check_token(bot, token)
            params, files = read_parameters(self.headers, body, query)
            what = self.obey(bot.rule_for(method, params.get("chat_id", "")))
            if what and what != "lost":
                note(0, what)
                self.misbehave(what)
                return
            result, message = bot.call(method, params, files)
        except Answer as answer:
            if answer.hold:
                time.sleep(answer.hold)
            note(answer.status, answer.description)
            self.answer(answer)
            return
        note(200, what, message)
        if what:
            self.leave()
        else:
            self.send(200, json.dumps({"ok": True, "result": result}))

    def hook_request(self, path, body):
        bot = self.server.bot
        kind = path.split("/")[2] if path.count("/") > 1 else "json"
        rule = bot.rule_for("hook", kind)
        status, answer, headers = (*check_hook(kind, self.headers, body), [])
        if rule.get("slow"):
            time.sleep(rule["slow"] / 1000)
        if "status" in rule:
            status, answer = rule["status"], rule.get("description", "")
            if "retry_after" in rule:
                headers = [("Retry-After", str(rule["retry_after"]))]
        try:
            document = json.loads(body)
        except ValueError:
            document = None
        bot.note(method="hook", path=path, params=document, files={}, status=status, description=answer, text=None, entities=None,
                 message_id=None, connection=self.connection_number, raw=None if document else body.decode("utf-8", "replace"))
        if rule.get("misbehave"):
            self.misbehave(rule["misbehave"])
        else:
            self.send(status, answer, "text/plain" if kind == "slack" else "application/json", headers)

    def handle_one(self):
        body = self.read_body()
        bot = self.server.bot
        if bot.down:
            bot.note(method=None, params={}, files={}, status=0, description=f"down: {bot.down}", text=None, entities=None,
                     message_id=None, connection=self.connection_number)
            self.misbehave(bot.down)
            return
        path, _, query = self.path.partition("?")
        found = re.fullmatch(r"/bot([^/]+)/([A-Za-z]+)", path)
        if found:
            self.bot_request(urllib.parse.unquote(found[1]), found[2], query, body)
        elif path.startswith("/hook/"):
            self.hook_request(path, body)
        else:
            bot.note(method=None, params={}, files={}, status=404, description="Not Found", text=None, entities=None, message_id=None,
                     connection=self.connection_number)
            self.answer(Answer(404, "Not Found"))

    def read_body(self):
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            body = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    do_GET = do_POST = handle_one
