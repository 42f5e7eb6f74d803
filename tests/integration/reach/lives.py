"""How a program lives: prefork servers, daemons, thousands of short processes, set-uid, no environment, another directory."""
import os
import re
import shutil
import statistics
import subprocess
import time

from building import link_stub, make, program
from case import Skip, case
from lab import LIBRARY, OTELSHIM, root
from loading import check_parts


@case("prefork")
def prefork(lab):
    lab.use_stub()
    lab.start_exporter()
    lab.compare([program("server", *link_stub()), "prefork", "-"], lab.traced("prefork"))
    check_parts(lab, "prefork", range(13), 50)
    pids = {s["resource"]["process.pid"] for s in lab.calls("prefork")}
    lab.check(len(pids) == 13, f"{len(pids)} processes of 13")


@case("daemon")
def daemon(lab):
    """Forks twice, closes every descriptor: the next number it is given is as without us."""
    lab.use_stub()
    lab.start_exporter()
    for service in ("plain", "daemon"):
        done = lab.directory / f"{service}.done"
        environment = lab.traced(service) if service == "daemon" else lab.environment
        result = lab.run([program("server", *link_stub()), "daemon", str(done)], environment)
        lab.check(result.stdout == b"started 0\n" and result.returncode == 0, f"{service}: {result}")
        lab.wait_for(done.exists, 10, f"{service}'s daemon")
    check_parts(lab, "daemon", [1, 2], 50)


@case("short_processes")
def short_processes(lab):
    """Hundreds in a row (--full: 10,000): what one costs, and that nothing is left."""
    lab.use_stub()
    lab.start_exporter()
    n = 10000 if lab.is_full else 300
    timer = make("start_cost", root / "tests/bench/start_cost.c")
    calls = make("linking/now", "-Wl,-z,now", root / "tests/integration/robust/calls.c", *link_stub(), "-lpthread")
    stub = f"LD_LIBRARY_PATH={lab.environment['LD_LIBRARY_PATH']}"
    settings = [f"{k}={v}" for k, v in lab.traced("short").items()]

    def cost_us(environment, command, times):
        result = lab.run([timer, str(times), *environment, *command], timeout=3600)
        # ld.so says it on standard error where the library is being replaced just then: such a program is not traced
        lab.check(result.returncode == 0 and not result.stderr, f"{command}: {result}")
        return float(result.stdout.split()[-1])

    for what, command in (("true", ["/bin/true"]), ("one call", [calls, "1"])):
        pairs = [(cost_us([stub], command, n // 10), cost_us(settings, command, n // 10)) for _ in range(10)]
        ratio = statistics.median(b / a for a, b in pairs)
        plain = statistics.median(a for a, _ in pairs)
        added = statistics.median(b - a for a, b in pairs)
        print(f"    {what}: {plain:.0f} us, {added:+.0f} us with the shim, ratio {ratio:.2f} ({n} processes)", flush=True)
    lab.wait_until_drained(60)
    lab.check(len(lab.calls("short")) == n, f"{len(lab.calls('short'))} calls of {n}")
    left = [f.name for f in lab.box.iterdir() if f.name not in ("lock", "control", "doorbell")]
    lab.check(not left, f"left behind: {left[:5]}")
    status = lab.run(["ps", "-o", "stat=", "--ppid", str(lab.exporters[0].pid)]).stdout
    lab.check(b"Z" not in status, f"children of the exporter: {status}")
    used = lambda: int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{lab.exporters[0].pid}/status").read())[1])
    descriptors = len(os.listdir(f"/proc/{lab.exporters[0].pid}/fd"))
    most = used()
    lab.until(lambda: used() < 32 << 10, 5)  # it gives back what the files needed that waited together
    print(f"    exporter: {most} KiB, then {used()} KiB, {descriptors} descriptors", flush=True)
    lab.check(used() < 32 << 10 and descriptors < 64, f"exporter: {used()} KiB, {descriptors} descriptors")


@case("no_environment")
def no_environment(lab):
    """`env -i`: nothing of ours is in there, so nothing happens, and nothing is put back."""
    lab.use_stub()
    calls = make("linking/rpath", root / "tests/integration/robust/calls.c", *link_stub(),
                 f"-Wl,-rpath,{lab.environment['LD_LIBRARY_PATH']}", "-lpthread")
    lab.compare(["env", "-i", calls, "5"], lab.traced())
    lab.compare(["env", "-i", "/usr/bin/env"], lab.traced())
    lab.check(not lab.files(), f"{lab.files()}")


@case("every_program")
def every_program(lab):
    """/etc/ld.so.preload, as an operator may choose, in a mount namespace: `env -i` is traced; set-uid programs stay as they are."""
    if os.geteuid() != 0:
        raise Skip("needs root")
    lab.use_stub()
    lab.start_exporter()
    calls = make("linking/rpath", root / "tests/integration/robust/calls.c", *link_stub(),
                 f"-Wl,-rpath,{lab.environment['LD_LIBRARY_PATH']}", "-lpthread")
    (lab.directory / "preload").write_text(f"{LIBRARY}\n")
    (lab.directory / "etc").mkdir()
    script = f"""mount -t tmpfs tmpfs {lab.directory}/etc && cd {lab.directory}/etc && mkdir upper work &&
        cp {lab.directory}/preload upper/ld.so.preload &&
        mount -t overlay overlay -o lowerdir=/etc,upperdir=$PWD/upper,workdir=$PWD/work /etc && cd / && exec "$@\""""
    prefix = ["unshare", "-m", "sh", "-c", script, "sh"]
    if lab.run([*prefix, "true"]).returncode != 0:
        raise Skip("no overlay can be mounted on /etc here")
    traced = {k: v for k, v in lab.traced("every").items() if k != "LD_PRELOAD"}
    settings = [f"{k}={v}" for k, v in traced.items() if k.startswith("OTEL")]
    plain = lab.run(["env", "-i", calls, "5", "2"])
    result = lab.run([*prefix, "env", "-i", *settings, calls, "5", "2"])
    lab.check((plain.stdout, plain.stderr, plain.returncode) == (result.stdout, result.stderr, result.returncode),
              f"{plain}, with ld.so.preload {result}")
    check_parts(lab, "every", [0, 1])
    set_uid = lab.directory / "set-uid"
    shutil.copy(calls, set_uid)
    shutil.chown(set_uid, "nobody")
    set_uid.chmod(0o4755)
    before = lab.files()
    result = lab.run([*prefix, str(set_uid), "5", "2"], {**traced, "OTEL_SERVICE_NAME": "set-uid"})
    lab.check((plain.stdout, plain.stderr, plain.returncode) == (result.stdout, result.stderr, result.returncode),
              f"set-uid: {plain}, with ld.so.preload {result}")
    time.sleep(0.3)
    lab.check(lab.files() == before and not lab.calls("set-uid"), "a set-uid program was recorded")


@case("other_directory")
def other_directory(lab):
    """LD_PRELOAD=./libotelshim.so, and a program that goes elsewhere before its first call: the exporter is found beside the library."""
    lab.use_stub()
    moved = make("moved", "moved.c", *link_stub())
    here = lab.directory / "installed"
    here.mkdir()
    for path in (LIBRARY, OTELSHIM):
        (here / path.name).symlink_to(path)
    environment = {k: v for k, v in lab.traced("moved", LD_PRELOAD="./libotelshim.so").items() if k != "OTELSHIM_EXPORTER"}
    result = subprocess.run([moved], env=environment, cwd=here, capture_output=True, timeout=180)
    lab.check(result.returncode == 0 and not result.stderr, f"{result}")
    lab.wait_for(lab.auto_started, 5, "an exporter")
    check_parts(lab, "moved", [1])
