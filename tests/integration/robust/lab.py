"""What every case stands on: a private drop box, exporters that are started and killed, a receiver, programs run twice."""
import difflib
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

here = Path(__file__).resolve().parent
root = here.parents[2]
build = Path(os.environ.get("BUILD", root / "build")).resolve()
sys.path.insert(0, str(here.parent))
from receiver import Receiver  # noqa: E402  (needs the venv)

LIBRARY = build / "libotelshim.so"
OTELSHIM = build / "otelshim"
PROGRAMS = build / "tests/integration/robust"
FILE_NAME = re.compile(r"\d+-\d+-\d+$")
DROPS_OF_SPANS = ["no_chunk", "no_thread_slot", "no_operation", "nested", "too_deep", "no_memory", "file_late"]
PATIENCE = 6  # deadlines are for quiet machines: who waits for what must come loses nothing by waiting longer on others
building = threading.Lock()


def program(name):
    return str(PROGRAMS / name)


def build_once(target, *command):
    """A file that the Makefile does not build: stub libraries, musl programs."""
    path = PROGRAMS / target
    with building:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            subprocess.run([*command, "-o", path], check=True, cwd=root)
    return path


def stub_directory():
    """Directory of a libpq that needs no server."""
    flags = subprocess.run(["pkg-config", "--cflags", "libpq"], check=True, capture_output=True, text=True).stdout.split()
    stub = here / "stub/libpq.c"
    renamed = ["-DPQexec=bare_PQexec", "-DPQconnectdb=bare_PQconnectdb", "-DPQfinish=bare_PQfinish"]
    bare = build_once("stub/bare.o", "gcc", "-O2", "-fPIC", "-c", *flags, *renamed, root / "tests/bench/stub_libpq.c")
    library = build_once("stub/libpq.so.5", "gcc", "-O2", "-fPIC", "-shared", "-Wl,-soname,libpq.so.5", *flags, stub, bare)
    return str(library.parent)


class LaterReceiver(Receiver):
    """Decodes when it is asked, and what has come until then, so that a burst is taken as fast as it comes."""

    def __init__(self):
        self.waiting = []
        super().__init__()

    def take(self, *request):
        self.waiting.append(request)

    def decode(self):
        for _ in range(len(self.waiting)):
            super().take(*self.waiting.pop(0))


class Lab:
    """One case's world. `problems` is what it found."""

    def __init__(self, name, is_full):
        self.name, self.is_full = name, is_full
        self.problems = []
        self.temporary = tempfile.TemporaryDirectory(prefix="otelshim-robust-", ignore_cleanup_errors=True)
        self.directory = Path(self.temporary.name)
        self.directory.chmod(0o755)
        memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # as in life: a disk may stall a first span
        self.shared = tempfile.TemporaryDirectory(prefix="robust-", dir=memory, ignore_cleanup_errors=True)
        self.box = Path(self.shared.name) / "box"
        self.box.mkdir(mode=0o700)
        self.state = self.directory / "state"
        self.receiver = LaterReceiver()
        self.endpoints = {self.receiver.url}
        self.exporters, self.programs, self.servers = [], [], None
        self.environment = {
            "PATH": os.environ["PATH"], "HOME": str(self.directory), "LANG": "C.UTF-8", "TMPDIR": str(self.directory),
            "XDG_STATE_HOME": str(self.state)}

    # ---- what was found ----

    def check(self, is_fine, text):
        if not is_fine:
            self.problems.append(text)
        return is_fine

    # ---- programs ----

    def traced(self, service="robust", **more):
        """Environment of a program under the shim that starts no exporter of its own."""
        return {**self.environment, "LD_PRELOAD": str(LIBRARY), "OTELSHIM_DIR": str(self.box), "OTELSHIM_EXPORTER": "none",
                "OTEL_EXPORTER_OTLP_ENDPOINT": self.receiver.url, "OTEL_BSP_SCHEDULE_DELAY": "50",
                "OTEL_SERVICE_NAME": service, **more}

    def use_stub(self):
        self.environment["LD_LIBRARY_PATH"] = stub_directory()

    def run(self, command, environment=None, **options):
        return subprocess.run(command, env=environment or self.environment, cwd=self.directory,
                              timeout=options.pop("timeout", 60 * PATIENCE), stdin=subprocess.DEVNULL, capture_output=True, **options)

    def spawn(self, command, environment=None, **options):
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **options}
        process = subprocess.Popen(command, env=environment or self.environment, cwd=self.directory, **options)
        self.programs.append(process)
        return process

    def compare(self, command, environment=None, plain_environment=None, what=None):
        """Runs it without and with the shim: output and exit status must be equal. The shimmed run's result."""
        plain = self.run(command, plain_environment)
        shimmed = self.run(command, environment or self.traced())
        what = what or Path(command[0]).name
        for stream in ("stdout", "stderr"):
            before, after = (re.sub(r"after \d+ ms", "after N ms", getattr(r, stream).decode(errors="replace")).splitlines()  # curl's
                             for r in (plain, shimmed))
            self.problems += difflib.unified_diff(before, after, f"{what}: {stream} without", "with the shim", lineterm="")
        self.check(plain.returncode == shimmed.returncode,
                   f"{what}: exit status {plain.returncode} without, {shimmed.returncode} with the shim")
        return shimmed

    # ---- exporters ----

    def start_exporter(self, *options, wait=True, **environment):
        log = open(self.directory / "exporter.log", "a")
        exporter = subprocess.Popen([OTELSHIM, "export", "--dir", self.box, *options],
                                    env={**self.environment, "OTELSHIM_LOG": "debug", **environment},
                                    cwd=self.directory, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log)
        log.close()
        self.exporters.append(exporter)
        if wait:
            self.wait_for(lambda: self.is_served() or exporter.poll() is not None, 10, "an exporter that serves the box")
        return exporter

    def is_served(self, box=None):
        """As the library asks: an open-file-description lock on <box>/lock."""
        import fcntl
        import struct
        try:
            fd = os.open((box or self.box) / "lock", os.O_RDONLY)
        except OSError:
            return False
        try:
            F_OFD_GETLK = 36
            lock = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
            return struct.unpack("hhqqi4x", fcntl.fcntl(fd, F_OFD_GETLK, lock))[0] != fcntl.F_UNLCK
        finally:
            os.close(fd)

    def stop_exporter(self, exporter, how=signal.SIGTERM):
        exporter.send_signal(how)
        return exporter.wait(20 * PATIENCE)

    def serve(self, **more):
        """An exporter whose own settings lead to the receiver."""
        return self.start_exporter(OTEL_EXPORTER_OTLP_ENDPOINT=self.receiver.url, **more)

    def deliver(self, **more):
        """What is in the spool is sent by one whose own settings lead there."""
        self.start_exporter("--leave-after", "0", wait=False, OTEL_EXPORTER_OTLP_ENDPOINT=self.receiver.url, **more).wait(40 * PATIENCE)

    def status(self, box=None):
        """The report of the exporter that serves the box, None without one."""
        box = str(box or self.box)
        answer = self.run([OTELSHIM, "status", "-o", "json"], {**self.environment, "OTELSHIM_DIR": box})
        for exporter in json.loads(answer.stdout)["exporters"]:
            if exporter["directory"] == box:
                return exporter
        return None

    # ---- waiting ----

    @staticmethod
    def until(condition, seconds, patience=PATIENCE):
        deadline = time.monotonic() + seconds * patience
        while not condition():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        return True

    def wait_for(self, condition, seconds, what):
        """What must come: `what` may be a function that makes the text when it is needed."""
        if self.until(condition, seconds):
            return True
        return self.check(False, f"waited {seconds * PATIENCE} s in vain for {what() if callable(what) else what}")

    def files(self, box=None):
        try:
            return [f.name for f in (box or self.box).iterdir() if FILE_NAME.match(f.name)]
        except OSError:
            return []

    def spooled(self):
        """Batches for this case's receivers: a program of another case may have been served, whose receiver is gone."""
        hashes = {hashlib.sha256(f"{url}/v1/{name}".encode()).hexdigest()[:16]
                  for url in self.endpoints for name in ("traces", "metrics")}
        return [f for f in self.state.glob("otelshim/spool/*/*")
                if re.match(r"[0-9a-f]{16}\.", f.name) and f.parent.name[:16] in hashes]

    def wait_until_drained(self, seconds=20):
        """The exporter removes the file of a dead process once all of it was delivered or spooled; then the spool."""
        return self.wait_for(lambda: not self.files() and not self.spooled(), seconds,
                             lambda: f"an empty box and spool ({self.files()} {self.spooled()})")

    # ---- what arrived ----

    def spans(self, service=None):
        self.receiver.decode()
        with self.receiver.lock:
            return [s for s in self.receiver.spans
                    if service is None or s["resource"].get("service.name") == service]

    def calls(self, service=None):
        return [s for s in self.spans(service) if "db.query.text" in s["attributes"]]

    def check_tree(self, spans, what):
        """No id twice, every parent there."""
        ids = [s["id"] for s in spans]
        known = set(ids)
        repeated = [s for s in spans if ids.count(s["id"]) > 1] if len(known) < len(ids) < 10000 else []
        self.check(len(known) == len(ids), f"{what}: {len(ids) - len(known)} span ids came twice, as {repeated[:4]}")
        orphans = [s["name"] for s in spans if s["parent"] and s["parent"] not in known]
        self.check(not orphans, f"{what}: {len(orphans)} spans have a parent that did not arrive, as {orphans[:3]}")

    # ---- the end ----

    def start_servers(self, *names):
        self.servers = self.directory / "servers"
        subprocess.run([root / "tests/servers/start", self.servers, *names], check=True, stdout=subprocess.DEVNULL)
        for line in (self.servers / "env").read_text().splitlines():
            name, _, value = line.partition("=")
            self.environment[name] = value.strip("'\"")

    def close(self):
        report = None
        for process in self.programs + self.exporters:
            if process.poll() is None:
                process.kill()
                process.wait(10 * PATIENCE)
        for pid in self.auto_started():
            os.kill(pid, signal.SIGKILL)
        if self.servers:
            subprocess.run([root / "tests/servers/stop", self.servers], check=False, stdout=subprocess.DEVNULL)
        self.receiver.close()
        if self.problems:
            logs = [self.directory / "exporter.log", self.state / "otelshim/export.log"]
            report = "".join(f"{log.name}:\n" + "".join(log.open(errors="replace").readlines()[-60:])
                             for log in logs if log.exists())
        self.temporary.cleanup()
        self.shared.cleanup()
        return report

    def auto_started(self):
        """Exporters that the library started for this box."""
        found = []
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and (entry / "exe").readlink() == OTELSHIM and \
                        f"OTELSHIM_DIR={self.box}".encode() in (entry / "environ").read_bytes().split(b"\0") and \
                        b"--auto" in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                pass
        return found
