"""What gates and run stand on: bench programs built once, a private drop box, exporters, instruction counts."""
import fcntl
import json
import os
import re
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

here = Path(__file__).resolve().parent
root = here.parents[1]
build = Path(os.environ.get("BUILD", root / "build")).resolve()
PROGRAMS = build / "bench-programs"
LIBRARY = build / "libotelshim.so"
OTELSHIM = build / "otelshim"
F_OFD_GETLK = 36
SPANS_DROPPED = ["no_chunk", "no_thread_slot", "no_operation", "nested", "too_deep", "no_memory"]
FILE_NAME = re.compile(r"\d+-\d+-\d+$")


def enter_own_world():
    """As root: a /dev/shm of our own, because every exporter serves the standard drop boxes, too."""
    if not LIBRARY.exists() or not OTELSHIM.exists():
        sys.exit(f"{Path(sys.argv[0]).name}: no {LIBRARY.name} and {OTELSHIM.name} in {build} (make builds them; BUILD=…)")
    if os.getuid() != 0 or os.environ.get("BENCH_OWN_WORLD") or subprocess.run(["unshare", "-m", "true"],
                                                                              stderr=subprocess.DEVNULL).returncode:
        return
    mount = 'mount -t tmpfs -o mode=1777 tmpfs /dev/shm && exec "$@"'
    os.execvpe("unshare", ["unshare", "-m", "sh", "-c", mount, "sh", sys.executable, *sys.argv],
               {**os.environ, "BENCH_OWN_WORLD": "1"})


def flags_of(*libraries):
    return subprocess.run(["pkg-config", "--cflags", "--libs", *libraries], check=True, capture_output=True,
                          text=True).stdout.split()


def build_program(name, *options):
    """tests/bench/<name>.c as a program; the path."""
    source, target = here / f"{name}.c", PROGRAMS / name
    return build_file(target, source, [*options, "-lpthread"])


def build_file(target, source, options):
    newest = max(f.stat().st_mtime for f in (source, *here.glob("*.h")))
    if not target.exists() or target.stat().st_mtime < newest:
        target.parent.mkdir(parents=True, exist_ok=True)
        warnings = ["-std=gnu17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-O2", "-g"]
        subprocess.run(["gcc", *warnings, "-o", target, source, *options], check=True, cwd=root)
    return target


def stub_directory():
    """Directory of the libpq whose calls return at once."""
    return str(build_file(PROGRAMS / "stub/libpq.so.5", here / "stub_libpq.c",
                          ["-fPIC", "-shared", "-Wl,-soname,libpq.so.5", *flags_of("libpq")[:-1]]).parent)


class Ground:
    """A private drop box, HOME and state; everything started here ends with it."""

    def __init__(self):
        memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.temporary = tempfile.TemporaryDirectory(prefix="otelshim-bench-", ignore_cleanup_errors=True)
        self.shared = tempfile.TemporaryDirectory(prefix="bench-", dir=memory, ignore_cleanup_errors=True)
        self.directory = Path(self.temporary.name)
        self.box = Path(self.shared.name) / "box"
        self.box.mkdir(mode=0o700)
        self.processes = []
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(self.directory), "LANG": "C.UTF-8",
                            "TMPDIR": str(self.directory), "XDG_STATE_HOME": str(self.directory / "state")}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
                process.wait()
        self.temporary.cleanup()
        self.shared.cleanup()

    def traced(self, **more):
        """Environment of a program under the shim that starts no exporter of its own, and whose spans go nowhere."""
        return {**self.environment, "LD_PRELOAD": str(LIBRARY), "OTELSHIM_DIR": str(self.box),
                "OTELSHIM_EXPORTER": "none", "OTEL_TRACES_EXPORTER": "none", "OTEL_SERVICE_NAME": "bench", **more}

    @staticmethod
    def without(traced):
        """The same environment, as large, so that the stack lies alike, without the library."""
        return {"NO_PRELOAD" if name == "LD_PRELOAD" else name: value for name, value in traced.items()}

    def stub(self, environment):
        return {**environment, "LD_LIBRARY_PATH": stub_directory()}

    def spawn(self, command, environment=None, **options):
        options = {"stdin": subprocess.DEVNULL, **options}
        process = subprocess.Popen([str(c) for c in command], env=environment or self.environment, cwd=self.directory,
                                   **options)
        self.processes.append(process)
        return process

    def run(self, command, environment=None, cpu=None):
        """stdout of a program that must succeed."""
        command = [str(c) for c in command]
        if cpu is not None:
            command = ["taskset", "-c", str(cpu), *command]
        done = subprocess.run(command, env=environment or self.environment, cwd=self.directory, capture_output=True,
                              text=True, stdin=subprocess.DEVNULL, timeout=600)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}: exit status {done.returncode}: {done.stderr}")
        return done.stdout

    # ---- the exporter ----

    def start_exporter(self, cpu=None, **environment):
        pinned = ["taskset", "-c", str(cpu)] if cpu is not None else []
        with open(self.directory / "exporter.log", "a") as log:
            exporter = self.spawn([*pinned, OTELSHIM, "export", "--dir", self.box], {**self.environment, **environment},
                                  stdout=subprocess.DEVNULL, stderr=log)
        self.wait_for(lambda: self.is_served() or exporter.poll() is not None, 120, "an exporter")
        return exporter

    def is_served(self):
        """As the library asks: an open-file-description lock on <box>/lock."""
        try:
            fd = os.open(self.box / "lock", os.O_RDONLY)
        except OSError:
            return False
        try:
            lock = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
            return struct.unpack("hhqqi4x", fcntl.fcntl(fd, F_OFD_GETLK, lock))[0] != fcntl.F_UNLCK
        finally:
            os.close(fd)

    def stop(self, process):
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        self.processes.remove(process)

    def status(self):
        text = self.run([OTELSHIM, "status", "-o", "json"], {**self.environment, "OTELSHIM_DIR": str(self.box)})
        return next((e for e in json.loads(text)["exporters"] if e["directory"] == str(self.box)), None)

    def files(self):
        return [f for f in self.box.iterdir() if FILE_NAME.match(f.name)]

    def wait_until_drained(self, seconds=60):
        self.wait_for(lambda: not self.files(), seconds, "an empty drop box")

    @staticmethod
    def wait_for(condition, seconds, what):
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise RuntimeError(f"waited {seconds} s in vain for {what}")
            time.sleep(0.01)


def instructions(ground, command, environment):
    """All that callgrind collected of one run."""
    out = ground.directory / "callgrind"
    done = subprocess.run(["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", *[str(c) for c in command]],
                          env=environment, cwd=ground.directory, capture_output=True, text=True)
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode or not found:
        raise RuntimeError(f"callgrind: exit status {done.returncode}: {done.stderr[-2000:]}")
    return int(found[1])


def instructions_per_span(ground, few=4000, many=14000, **more):
    """What a span costs the program: two lengths, their difference; less the same loop without the shim. Nothing
    takes the records away meanwhile: both lengths fit the pool. `more` settings."""
    loop = build_program("loop_span", f"-L{stub_directory()}", "-l:libpq.so.5", *flags_of("libpq")[:-1])
    costs = []
    for environment in ground.traced(**more), ground.environment:
        counts = [instructions(ground, [loop, n, 1], ground.stub(environment)) for n in (few, many)]
        costs.append((counts[1] - counts[0]) / (many - few))
    return costs[0] - costs[1]


PATHS = ["redis_pipeline", "redis_async", "libpq_async", "libpq_pipeline", "curl_multi", "curl_easy"]
# Of otelshim.h, as loop_api calls them; syslog(3) besides.
API = ["span", "span_attributes", "span_set", "span_error", "trace_id", "server_headers", "counter_add", "counter_add_attributes", "histogram_record", "log",
       "event", "report_error", "trade", "syslog"]
BLOCK = 496  # calls of loop_paths, timed together
HEADER = {"BENCH_HEADER": "1"}  # the program sends a header as long as a traceparent: what is added besides is ours


def paths_program():
    return build_program("loop_paths", f"-L{stub_directory()}", "-l:libpq.so.5", "-lcurl", "-lhiredis",
                         *flags_of("libpq")[:-1])


def instructions_of_path(ground, path, few=4 * BLOCK, many=12 * BLOCK):
    """(without the shim, what it adds) for a call of loop_paths; libcurl's own work for one more header is in the former."""
    costs = []
    for environment in {**ground.environment, **HEADER}, ground.traced():
        counts = [instructions(ground, [paths_program(), path, n], ground.stub(environment)) for n in (few, many)]
        costs.append((counts[1] - counts[0]) / (many - few))
    return costs[0], costs[1] - costs[0]


def times_of_code(ground, command, environment):
    """{address: how often it ran} of the shim's code."""
    out = ground.directory / "callgrind-code"
    subprocess.run(["valgrind", "--tool=callgrind", "--dump-instr=yes", "--compress-strings=no", "--compress-pos=no",
                    f"--callgrind-out-file={out}", *[str(c) for c in command]], check=True, env=environment,
                   cwd=ground.directory, capture_output=True)
    times, is_ours, is_inclusive = Counter(), False, False
    for line in out.read_text().splitlines():
        if line.startswith("ob="):
            is_ours = line.endswith("/" + LIBRARY.name)
        elif line.startswith("0x") and is_ours and not is_inclusive:  # address, line, times
            address, _, n = line.split()
            times[int(address, 16)] += int(n)
        is_inclusive = line.startswith("calls=")  # what the called function took, on the next line
    return times


def code_of_path(ground, path, few=2 * BLOCK, many=4 * BLOCK):
    """(cache lines, pages) of the shim's code that at least every second call of the path runs through."""
    before, after = [times_of_code(ground, [paths_program(), path, n], ground.stub(ground.traced())) for n in (few, many)]
    often = [address for address, n in after.items() if n - before[address] >= (many - few) / 2]
    return len({address // 64 for address in often}), len({address // 4096 for address in often})


def api_program():
    """Linked with a syslog(3) that does nothing."""
    stub = build_file(PROGRAMS / "stub/libsyslog_stub.so", here / "stub_syslog.c",
                      ["-fPIC", "-shared", "-Wl,-soname,libsyslog_stub.so"])
    return build_program("loop_api", f"-L{stub.parent}", "-l:libsyslog_stub.so", f"-Wl,-rpath,{stub.parent}")


def instructions_of_api(ground, call, few=500, many=1500):
    """(without the shim, with it) for one call of otelshim.h, without the loop around it."""
    costs = []
    for environment in ground.environment, ground.traced():
        counts = [[instructions(ground, [api_program(), name, n], environment) for n in (few, many)] for name in (call, "nothing")]
        costs.append((counts[0][1] - counts[0][0] - counts[1][1] + counts[1][0]) / (many - few))
    return costs
