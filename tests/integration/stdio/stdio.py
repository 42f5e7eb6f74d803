"""What programs write to standard output and error: the same with and without the library, and every byte as a piece."""
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import box

here = Path(__file__).resolve().parent
build = Path(os.environ.get("BUILD", here.parents[2] / "build")).resolve()
LIBRARY, WRITES = build / "libotelshim.so", build / "tests/integration/stdio/writes"
EXITED = 1
TIMEOUT_S = 120


class Bench:
    """A drop box that no exporter serves, and what is wrong."""

    def __init__(self, name):
        self.memory = tempfile.TemporaryDirectory(prefix=f"stdio-{name}-", dir="/dev/shm")
        self.directory = Path(self.memory.name)
        self.problems, self.n_runs = [], 0

    def check(self, is_fine, problem):
        if not is_fine:
            self.problems.append(problem)

    def environment(self, is_traced, streams, more):
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.directory), "LANG": "C.UTF-8", **more}
        if is_traced:
            self.n_runs += 1
            self.box = self.directory / f"box{self.n_runs}"
            self.box.mkdir(mode=0o700)
            environment.update(LD_PRELOAD=str(LIBRARY), OTELSHIM_DIR=str(self.box), OTELSHIM_EXPORTER="none")
            if streams is not None:
                environment["OTELSHIM_STDIO"] = streams
        return environment

    def run(self, command, streams="true", is_traced=True, to=None, **more):
        """(status, output, error). `to`: what opens the two streams; else pipes."""
        environment = self.environment(is_traced, streams, more)
        if to is None:
            done = subprocess.run([str(word) for word in command], env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT_S)
            return done.returncode, done.stdout, done.stderr
        return to(command, environment)

    def compare(self, command, streams="true", same=lambda run: run, **more):
        """As without the library; returns what came and the processes that recorded something."""
        without, traced = self.run(command, is_traced=False, **more), self.run(command, streams, **more)
        self.check(same(without) == same(traced), f"{command[1:]}: {str(without)[:300]} is {str(traced)[:300]} with the library")
        return traced, box.read(self.box)

    def whole(self, command, streams="true", **more):
        """One process, all of whose bytes are there, in order."""
        (_, *written), processes = self.compare(command, streams, **more)
        self.check(len(processes) == 1, f"{command[1:]}: {len(processes)} processes recorded something")
        for process in processes:
            self.check(process.state & EXITED, f"{command[1:]}: no clean exit")
            self.check(not process.dropped, f"{command[1:]}: dropped {process.dropped}")
            for stream in (1, 2):
                is_asked = streams == "true" or streams == ("stdout", "stderr")[stream - 1]
                wanted = written[stream - 1] if is_asked else b""
                self.check(process.bytes_of(stream) == wanted,
                           f"{command[1:]}: {wanted[:200]!r} was written to {stream}, {process.bytes_of(stream)[:200]!r} recorded")
                self.check(process.numbers_of(stream) == list(range(1, len(process.pieces[stream]) + 1)),
                           f"{command[1:]}: pieces {process.numbers_of(stream)[:20]}")
        return processes


def to_files(command, environment):
    """Standard output buffered until the end, as a pipe, and both at the same place."""
    with tempfile.TemporaryFile() as file:
        status = subprocess.run([str(word) for word in command], env=environment, stdin=subprocess.DEVNULL, stdout=file, stderr=file, timeout=TIMEOUT_S).returncode
        file.seek(0)
        return status, file.read()


def page_of_output(command, environment):
    """A pipe of 4,096 bytes that does not block and is read when all is over."""
    end, output = os.pipe()
    fcntl.fcntl(output, fcntl.F_SETPIPE_SZ, 4096)
    os.set_blocking(output, False)
    done = subprocess.run([str(word) for word in command], env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.PIPE, timeout=TIMEOUT_S)
    os.close(output)
    with open(end, "rb") as pipe:
        return done.returncode, pipe.read(), done.stderr


def closed_output(command, environment):
    done = subprocess.run(["sh", "-c", 'exec "$@" >&-', "sh", *[str(word) for word in command]], env=environment, stdin=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, timeout=TIMEOUT_S)
    return done.returncode, b"", done.stderr


# ---- the cases ----

def stdio(bench):
    for case in ("say", "wide", "perror", "raw"):
        bench.whole([WRITES, case])
    for streams in ("stdout", "stderr", "STDERR"):
        bench.whole([WRITES, "say"], streams.lower() if streams == "STDERR" else streams)


def in_order(bench):
    """Both streams at one file: what goes where in it depends on when libc writes."""
    for case in ("say", "late", "raw"):
        bench.compare([WRITES, case], to=to_files)


def at_the_end(bench):
    """Behind main(), and behind every destructor."""
    for argument in ([], ["destructor"]):
        processes = bench.whole([WRITES, "late", *argument])
        bench.check(any(b"in main\nin atexit\n" in p.bytes_of(1) for p in processes), "its last words are not there")
    bench.whole([WRITES, "quick"])


def off(bench):
    for streams in (None, "false", "yes"):
        _, processes = bench.compare([WRITES, "say"], streams)
        bench.check(not processes, f"OTELSHIM_STDIO={streams}: something was recorded")


def partly(bench):
    """Only what was taken."""
    bench.whole([WRITES, "partly"], to=page_of_output)


def led_elsewhere(bench):
    bench.whole([WRITES, "led_elsewhere"])


def closed(bench):
    _, processes = bench.compare([WRITES, "closed"], to=closed_output)
    bench.check([p.bytes_of(2) for p in processes] == [b"descriptor 1\n"], "standard error is not there")
    bench.check(all(not p.pieces[1] for p in processes), "what was no standard output was recorded")


def children(bench):
    (_, output, errors), processes = bench.compare([WRITES, "children"])
    for stream, written in ((1, output), (2, errors)):
        recorded = b"".join(p.bytes_of(stream) for p in processes)
        bench.check(sorted(recorded.splitlines()) == sorted(written.splitlines()), f"stream {stream} of the children is not what they wrote")
    for process in processes:
        for stream in (1, 2):
            bench.check(process.numbers_of(stream) == list(range(1, len(process.pieces[stream]) + 1)), f"a child's pieces: {process.numbers_of(stream)}")
    bench.check(len(processes) >= 4, f"{len(processes)} processes recorded something")


def threads(bench):
    """Lines that threads write at once: the same ones, each whole."""
    (_, output, errors), processes = bench.compare([WRITES, "threads"], same=lambda run: (run[0], *(sorted(text.splitlines()) for text in run[1:])))
    bench.check(len(processes) == 1, f"{len(processes)} processes recorded something")
    bench.check([p.bytes_of(1) for p in processes] == [output], "standard output is not what was written, in order: libc holds its lock")
    bench.check([sorted(p.bytes_of(2).splitlines()) for p in processes] == [sorted(errors.splitlines())], "standard error is not what was written")


def handler(bench):
    bench.whole([WRITES, "handler"])


def opened(bench):
    library = bench.directory / "library"
    for i in range(2):
        subprocess.run(["gcc", "-shared", "-fPIC", f"-Wl,-z,{('lazy', 'now')[i]}", "-o", f"{library}{i}.so", here / "library/speaker.c"], check=True)
    bench.whole([WRITES, "opened", library])


def bound(bench):
    """Ways of linking: what a call of write(2) goes through."""
    for i, flags in enumerate((["-Wl,-z,lazy"], ["-Wl,-z,now"], ["-fno-plt"], ["-no-pie", "-Wl,-z,lazy"], ["-no-pie", "-Wl,-z,now,-z,relro"], ["-Wl,-z,norelro"])):
        program = bench.directory / f"writes{i}"
        subprocess.run(["gcc", "-O2", "-D_GNU_SOURCE", *flags, "-o", program, here / "writes.c", "-lpthread", "-ldl"], check=True)
        bench.whole([program, "raw"])
        bench.whole([program, "perror"])


def sandbox(bench):
    """Whoever may only write is not killed for what we do besides."""
    for case in ("strict", "filtered"):
        (status, *_), processes = bench.compare([WRITES, case])
        bench.check(status == 9, f"{case}: status {status}")
        bench.check([p.bytes_of(1) for p in processes] == [b"before\n"], f"{case}: what was written before the sandbox")


def crash(bench):
    """After our destructor a crash is no clean exit."""
    library = bench.directory / "early.so"
    source = bench.directory / "early.c"
    source.write_text("#include <stdlib.h>\n#include <stdio.h>\n__attribute__((destructor)) static void end(void) { puts(\"end\"); fflush(stdout); abort(); }\n")
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, source], check=True)
    program = bench.directory / "crasher"
    subprocess.run(["gcc", "-D_GNU_SOURCE", "-o", program, here / "writes.c", "-lpthread", "-ldl", "-Wl,--no-as-needed", library], check=True)
    (status, *_), processes = bench.compare([program, "crash"])
    bench.check(status == -6, f"status {status}")
    bench.check(not any(p.state & EXITED for p in processes[-1:]), "told as a clean exit")
    bench.check(b"".join(p.bytes_of(1) for p in processes) == b"last words\nend\n", "its last words are not there")


def musl(bench):
    """Its stdio cannot be seen, which is counted; write(2) can."""
    source, program = bench.directory / "musl.c", bench.directory / "musl"
    source.write_text("#include <stdio.h>\n#include <unistd.h>\nint main(void) { puts(\"stdio\"); fflush(stdout); return write(1, \"write\\n\", 6) != 6; }\n")
    subprocess.run(["musl-gcc", "-o", program, source], check=True)
    _, processes = bench.compare([program])
    bench.check([p.bytes_of(1) for p in processes] == [b"write\n"], "write(2) was not seen")
    bench.check([p.dropped for p in processes] == [{box.NO_STDIO: 1}], "that stdio is not seen was not counted")


def full(bench):
    """More than the pool holds: what is lost is counted, and leaves a gap."""
    command = ["head", "-c", 2000000, "/dev/zero"]
    _, processes = bench.compare(command, OTELSHIM_BUFFER_SIZE="64K")
    bench.check(processes and processes[0].dropped.get(box.NO_CHUNK_LOG, 0) > 0, "nothing was counted as dropped")


def cxx(bench):
    program = bench.directory / "streams"
    subprocess.run(["g++", "-o", program, here / "languages/streams.cc"], check=True)
    bench.whole([program])
    bench.whole([program, "untied"])


def interpreter(program, script):
    def case(bench):
        bench.whole([shutil.which(program, path="/usr/bin:/bin") or program, here / "languages" / script])
    return case


def shell(bench):
    """What a shell writes into a file, a pipe, a variable is not its standard output; that of the programs it starts is theirs."""
    (_, _, errors), processes = bench.compare(["bash", here / "languages/script.sh"])
    recorded = sorted(line for p in processes for line in p.bytes_of(1).splitlines())
    wanted = sorted(b"echo 1 2 3 / captured subshell dash".split())
    bench.check(recorded == wanted, f"{recorded} is recorded, {wanted} was written")
    bench.check({line for p in processes for line in p.bytes_of(2).splitlines()} == set(errors.splitlines()), "standard error")


def rust(bench):
    program = bench.directory / "lines"
    subprocess.run(["rustc", "-o", program, here / "languages/lines.rs"], check=True)
    bench.whole([program])


def java(bench):
    bench.whole(["/usr/bin/java", "-Xshare:auto", "-XX:TieredStopAtLevel=1", here / "languages/Lines.java"])


CASES = {"stdio": stdio, "in_order": in_order, "at_the_end": at_the_end, "off": off, "partly": partly, "led_elsewhere": led_elsewhere, "closed": closed, "children": children, "threads": threads,
         "handler": handler, "opened": opened, "bound": bound, "sandbox": sandbox, "crash": crash, "musl": musl, "full": full, "cxx": cxx, "shell": shell,
         "python": interpreter("python3", "script.py"), "perl": interpreter("perl", "script.pl"), "node": interpreter("node", "script.js"),
         "ruby": interpreter("ruby", "script.rb"), "rust": rust, "java": java}


def main():
    n_failed = 0
    for name in sys.argv[1:] or list(CASES):
        bench = Bench(name)
        CASES[name](bench)
        bench.memory.cleanup()
        for problem in bench.problems:
            print(f"    {problem[:1500]}")
        print(f"{'not ok' if bench.problems else 'ok'} {name}", flush=True)
        n_failed += bool(bench.problems)
    return n_failed > 0


if __name__ == "__main__":
    sys.exit(main())
