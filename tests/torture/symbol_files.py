"""Names and lines that are elsewhere, or nowhere: cases 3-6."""
import shutil
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import building
from row import as_root, row

NAMES = ["static_function", "exported_function", "crash", "main"]
LINES = {"static_function": "static_function", "exported_function": "exported_function"}
FULL = {"signal": "SIGSEGV", "address": 0, "top": NAMES, "at": LINES}
lock = threading.Lock()


def call(*words):
    subprocess.run([str(word) for word in words], check=True)


def build_id(path):
    notes = subprocess.run(["readelf", "-n", path], check=True, capture_output=True, text=True).stdout
    return notes.split("Build ID: ")[1].split()[0]


def split(name):
    """A stripped program of that name, and its debug file."""
    with lock:
        path = building.out / f"split/{name}/program"
        debug = path.with_suffix(".debug")
        if not building.is_fresh(debug, [building.here / "programs/symbols.c"]):
            path.with_suffix(".linked").unlink(missing_ok=True)
            path.with_suffix(".mini.xz").unlink(missing_ok=True)
            path.parent.mkdir(parents=True, exist_ok=True)
            building.compile_to(path, building.here / "programs/symbols.c", ["-O1", f'-DNAME="{name}"', "-rdynamic", "-Wl,--build-id"])
            call("objcopy", "--only-keep-debug", path, debug)
            call("strip", "--strip-all", path)
    return path, debug


def link(path, debug):
    """True: it was not linked yet."""
    done = path.with_suffix(".linked")
    if done.exists():
        return False
    call("objcopy", f"--add-gnu-debuglink={debug}", path)
    done.touch()
    return True


def with_debuglink(lab, _):
    path, debug = split("debuglink")
    link(path, debug)
    return [path, "crash"]


def with_wrong_debuglink(lab, _):
    """The file that the link names is another program's."""
    path, debug = split("wronglink")
    if link(path, debug):
        call("objcopy", "--only-keep-debug", building.make("everyday", "-O0"), debug)
    return [path, "crash"]


def with_build_id(lab, _):
    path, debug = split("buildid")
    number = build_id(path)
    target = Path(f"/usr/lib/debug/.build-id/{number[:2]}/{number[2:]}.debug")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(debug, target)
    lab.programs.append(Removed(target))
    return [path, "crash"]


class Removed:
    """A file outside of the lab, removed when the lab closes its programs."""

    def __init__(self, path):
        self.path = path

    def poll(self):
        self.path.unlink(missing_ok=True)
        return 0


def with_debugdata(lab, _):
    path, debug = split("debugdata")
    with lock:
        packed = path.with_suffix(".mini.xz")
        if not packed.exists():
            mini = path.with_suffix(".mini")
            call("objcopy", "-S", "--keep-symbol=static_function", "--keep-symbol=crash", "--keep-symbol=main", debug, mini)
            call("xz", "-k", mini)
            call("objcopy", f"--add-section=.gnu_debugdata={packed}", path)
    return [path, "crash"]


def bare(lab, _):
    return [split("bare")[0], "crash"]


def stub_server(lab, is_hanging):
    """A debuginfod on loopback that knows one program, or never answers."""
    path, debug = split("debuginfod")
    wanted = f"/buildid/{build_id(path)}/debuginfo"

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            if is_hanging:
                threading.Event().wait(30)
                return
            body = debug.read_bytes() if self.path == wanted else b""
            self.send_response(200 if body else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    cache = lab.directory / "debuginfod"
    return {"DEBUGINFOD_URLS": f"http://127.0.0.1:{server.server_address[1]}", "DEBUGINFOD_CACHE_PATH": str(cache), "DEBUGINFOD_TIMEOUT": "2"}


def check_nameless(lab, runs, found):
    """What is needed to name it later; and what is said of the nearest symbol is marked."""
    if not found:
        return
    first = found[0].frames[0]
    lab.check(first.get("module") and first.get("build_id") and first.get("offset"), f"{first}")
    lab.check(not first.get("line"), f"a line from nowhere: {first}")
    lab.check(not first.get("function") or first.get("approximate") or first.get("guess"), f"not marked as approximate: {first}")


def symbols(number, name, what, command, expect, **more):
    row(number, name, what, program="symbols", flags=["-O1"], deed="crash", dies="SIGSEGV, core", command=command, expect=expect, **more)


symbols(3, "debuglink", "stripped, with .gnu_debuglink", with_debuglink, FULL)
symbols(3, "build_id", "stripped, debug file by its build id", with_build_id, FULL, needs=as_root)
symbols(3, "wrong_debuglink", "the linked debug file is another program's: not used", with_wrong_debuglink, {"signal": "SIGSEGV", "address": 0}, also=check_nameless)
symbols(4, "debugdata", "stripped, .gnu_debugdata: static names, no lines", with_debugdata, {"signal": "SIGSEGV", "address": 0, "top": NAMES})
symbols(5, "bare", "stripped: module, offset, build id; nearest exported name marked", bare, {"signal": "SIGSEGV", "address": 0}, also=check_nameless)
symbols(6, "debuginfod", "debug file on a debuginfod", lambda lab, path: [split("debuginfod")[0], "crash"], FULL, prepare=lambda lab: stub_server(lab, False))
symbols(6, "debuginfod_hangs", "a debuginfod that never answers", lambda lab, path: [split("debuginfod")[0], "crash"], {"signal": "SIGSEGV", "address": 0},
        prepare=lambda lab: stub_server(lab, True), also=check_nameless)
