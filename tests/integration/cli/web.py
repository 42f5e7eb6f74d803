"""web: GET /status/N answers N, /slow/MS waits so long, everything else 200, with five bytes; on a free port of 127.0.0.1.

  web.py PORT_FILE [SEEN_FILE]    PORT_FILE: the port, written once it listens
                                  SEEN_FILE: one line a request, before its answer: "PATH TRACEPARENT", "-" without one
"""
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

seen = open(sys.argv[2], "a", buffering=1) if len(sys.argv) > 2 else None
lock = threading.Lock()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one write: no waiting for acknowledgements

    def do_GET(self):
        if self.path.startswith("/slow/"):
            time.sleep(int(self.path[6:]) / 1000)
        if seen:
            with lock:
                print(self.path, self.headers.get("traceparent", "-"), file=seen)
        status = int(self.path[8:]) if self.path.startswith("/status/") else 200
        self.send_response(status)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
with open(sys.argv[1], "w") as file:
    file.write(str(server.server_port))
server.serve_forever()
