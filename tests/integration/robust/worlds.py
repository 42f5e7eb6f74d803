"""Case 6: worlds that refuse things. The program is as without us; what could be recorded arrives."""
import os
import shutil
import subprocess

from case import Skip, case
from kills import dropped_of, number_of
from lab import LIBRARY, OTELSHIM, program

ALL = {(0, i) for i in range(1, 603)} | {(1, i) for i in range(1, 301)}
FIRST = {(0, i) for i in range(1, 301)}


def as_root():
    if os.geteuid() != 0:
        raise Skip("needs root")


def unshare(lab, *options):
    command = ["unshare", *options, "--"]
    if lab.run([*command, "true"]).returncode != 0:
        raise Skip("unshare " + " ".join(options) + " is refused here")
    return command


def world(lab, mode, *arguments, environment=None, wanted=ALL, prefix=(), plain=None, what=None):
    """Both runs equal; `wanted` arrives (or is counted as dropped)."""
    service = what or mode
    shimmed = lab.traced(service, **(environment or {}))
    lab.compare([*prefix, program("world"), mode, *arguments], shimmed, {**lab.environment, **(plain or {})}, service)
    if not lab.exporters:
        return
    lab.wait_until_drained()
    if wanted is not None:
        arrived(lab, service, wanted)


def arrived(lab, service, wanted):
    report = [p for p in lab.status()["processes"] if p["service"] == service]
    dropped = report[0]["dropped"] if report else {}
    n_dropped = dropped_of(report[0]) if report else 0
    seen = [number_of(s) for s in lab.calls(service)]
    missing = wanted - set(seen)
    lab.check(len(missing) <= n_dropped, f"{service}: {len(missing)} of {len(wanted)} spans missing, dropped {dropped}, "
              f"as {sorted(missing)[:5]}")
    lab.check(len(seen) == len(set(seen)), f"{service}: spans came twice")
    late = [s for s in lab.spans(service) if "otelshim.ended_by" in s["attributes"]]
    lab.check(not late, f"{service}: {len(late)} spans ended by the death of a program that ended well")


@case("worlds/descriptors")
def descriptors(lab):
    lab.use_stub()
    lab.start_exporter()
    world(lab, "late-close-all")
    world(lab, "late-descriptors")
    world(lab, "early-nofile", wanted=set())
    world(lab, "late-nofile")


@case("worlds/limits")
def limits(lab):
    lab.use_stub()
    lab.start_exporter()
    world(lab, "early-fsize-1", wanted=set())
    world(lab, "early-fsize-0", wanted=set())
    world(lab, "late-fsize-0", "1300000")  # long enough for bells and a probe
    for limit in ("1", "unlimited"):
        command = ["sh", "-c", f"ulimit -f {limit}; exec {program('world')} late-nothing"]
        lab.compare(command, lab.traced(f"ulimit-{limit}"), what=f"ulimit -f {limit}")
    lab.wait_until_drained()
    arrived(lab, "ulimit-unlimited", ALL)
    lab.check(not lab.spans("ulimit-1"), "under ulimit -f 1 something was written")


@case("worlds/mlockall")
def mlockall(lab):
    lab.use_stub()
    lab.start_exporter()
    world(lab, "early-mlock")
    world(lab, "late-mlock")
    world(lab, "late-mlock-little")
    world(lab, "early-mlock-little")
    if os.geteuid() == 0:  # CAP_IPC_LOCK has no limit: without it, locked memory is scarce
        drop = ["setpriv", "--bounding-set", "-ipc_lock", "--inh-caps", "-ipc_lock"]
        world(lab, "early-mlock-little", prefix=drop, wanted=set(), what="early-without-cap")
        world(lab, "late-mlock-little", prefix=drop, wanted=FIRST, what="late-without-cap")


@case("worlds/subreaper")
def subreaper(lab):
    """It adopts orphans: no exporter is started there, and no child is seen."""
    lab.use_stub()
    world(lab, "early-subreaper", environment={"OTELSHIM_EXPORTER": str(OTELSHIM)})
    lab.check(not lab.auto_started(), "a child subreaper started an exporter")
    lab.check(len(lab.files()) == 1, f"files {lab.files()}")
    lab.start_exporter()
    lab.wait_until_drained()
    arrived(lab, "early-subreaper", ALL)


@case("worlds/pid_1")
def pid_1(lab):
    lab.use_stub()
    options = ["-pf", "--mount-proc"] if os.geteuid() == 0 else ["-Urpf", "--mount-proc"]
    prefix = unshare(lab, *options)
    world(lab, "late-nothing", prefix=prefix, environment={"OTELSHIM_EXPORTER": str(OTELSHIM)}, what="init")
    lab.check(not lab.auto_started(), "pid 1 started an exporter")
    lab.check([f for f in lab.files() if f.startswith("1-")], f"no file of pid 1: {lab.files()}")
    lab.start_exporter()
    lab.wait_until_drained()
    arrived(lab, "init", ALL)
    world(lab, "late-nothing", prefix=prefix, what="init-served")


@case("worlds/file_systems")
def file_systems(lab):
    """Full, tiny, read-only drop boxes, in a mount namespace of its own; the exporter is in there, too."""
    lab.use_stub()
    prefix = unshare(lab, "-m") if os.geteuid() == 0 else unshare(lab, "-Urm")
    box = lab.directory / "mounted"
    box.mkdir()
    script = f"""mount -t tmpfs -o mode=700,size=$1 tmpfs {box} || exit 99
        {OTELSHIM} export --dir {box} 2>>{lab.directory}/exporter.log & exporter=$!
        until [ -e {box}/control ]; do sleep 0.02; done
        LD_PRELOAD=$4 {program('world')} $2; status=$?
        for i in $(seq 500); do ls {box} | grep -q '^[0-9]' || break; sleep 0.02; done
        OTELSHIM_DIR={box} {OTELSHIM} status -o json >{lab.directory}/$3.json
        kill $exporter; wait $exporter; exit $status"""
    # how many of the 902 calls at least
    for size, mode, at_least in [("64k", "late-nothing", 0), ("200k", "late-nothing", 0), ("400k", "late-nothing", 0),
                                 ("700k", "late-nothing", 0), ("2m", "late-nothing", 902), ("20m", "late-nothing", 902),
                                 ("20m", "late-fill", 300), ("2m", "late-fill", 300), ("4m", "early-fill", 0)]:
        service = f"{mode}-{size}"
        environment = lab.traced(service, OTELSHIM_DIR=str(box), WORLD_FILL=str(box))
        preload = environment.pop("LD_PRELOAD")
        command = [*prefix, "sh", "-c", script, "sh", size, mode, service]
        plain = {**environment, "OTELSHIM_EXPORTER": "none"}
        before = lab.run([*command, ""], plain)
        after = lab.run([*command, preload], environment)
        lab.check((before.stdout, before.returncode) == (after.stdout, after.returncode),
                  f"{service}: {before.stdout} {before.returncode}, with the shim {after.stdout} {after.returncode} {after.stderr}")
        if lab.spooled():  # by an exporter that saw more than half of a small pool in use
            exporter = lab.start_exporter(OTEL_EXPORTER_OTLP_ENDPOINT=lab.receiver.url)
            lab.wait_until_drained()
            lab.stop_exporter(exporter)
        n = len({number_of(s) for s in lab.calls(service)})
        lab.check(n >= at_least, f"{service}: {n} calls arrived, at least {at_least} had room")
        if n < 902 and n > 0:
            import json
            exporters = json.loads((lab.directory / f"{service}.json").read_text())["exporters"]
            mine = [p for e in exporters for p in e["processes"] if p["service"] == service]
            lab.check(mine and n + dropped_of(mine[0]) >= 902, f"{service}: {n} arrived, counted as dropped: {mine}")
    read_only(lab, prefix)


def read_only(lab, prefix):
    script = f"""mount --bind -o ro {lab.box} {lab.box} && mount -o remount,bind,ro {lab.box} || exit 99
        LD_PRELOAD=$1 exec {program('world')} late-nothing"""
    environment = lab.traced("read-only")
    preload = environment.pop("LD_PRELOAD")
    before = lab.run([*prefix, "sh", "-c", script, "sh", ""])
    after = lab.run([*prefix, "sh", "-c", script, "sh", preload], environment)
    lab.check((before.stdout, before.stderr, before.returncode) == (after.stdout, after.stderr, after.returncode),
              f"read-only box: {before}, with the shim {after}")
    lab.check(before.returncode == 3, f"read-only box: {before}")
    lab.check(not lab.files(), "a file in a read-only box")


@case("worlds/no_exporter")
def no_exporter(lab):
    """Nothing to start, or something that is no exporter."""
    lab.use_stub()
    text = lab.directory / "text"
    text.write_text("no program\n")
    script = lab.directory / "script"
    script.write_text(f"#!/bin/sh\necho ran >>{lab.directory}/ran\nexit 1\n")
    script.chmod(0o755)
    for i, path in enumerate(["/nonexistent/otelshim", "none", "relative", str(lab.directory), str(text), str(script),
                              "/bin/false"]):
        world(lab, "late-nothing", environment={"OTELSHIM_EXPORTER": path}, what=f"exporter-{i}")
    lab.wait_for(lambda: (lab.directory / "ran").exists(), 5, "the script that was to be started")
    alone = lab.directory / "alone"
    alone.mkdir()
    shutil.copy(LIBRARY, alone)
    world(lab, "late-nothing", environment={"LD_PRELOAD": str(alone / "libotelshim.so"), "OTELSHIM_EXPORTER": ""},
          what="alone")
    lab.check(len(lab.files()) == 8, f"files {lab.files()}")
    lab.start_exporter()
    lab.wait_until_drained()
    for i in range(7):
        arrived(lab, f"exporter-{i}", ALL)
    arrived(lab, "alone", ALL)


@case("worlds/boxes")
def boxes(lab):
    """Drop boxes that cannot be used: inert, silent."""
    lab.use_stub()
    good = lab.directory / "good"
    good.mkdir(mode=0o700)
    link = lab.directory / "link"
    link.symlink_to(good)
    file = lab.directory / "file"
    file.write_text("")
    open_to_all = lab.directory / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    for what, path in {"file": file, "open": open_to_all, "below a file": file / "x", "relative": "box", "long": "/" + "x" * 5000,
                       "proc": "/proc/otelshim", "link": link}.items():
        lab.compare([program("world"), "late-nothing"], lab.traced(OTELSHIM_DIR=str(path), OTEL_TRACES_EXPORTER="none"), what=what)
    for directory in (good, open_to_all):
        lab.check(not list(directory.iterdir()), f"{directory}: {list(directory.iterdir())}")


@case("worlds/seccomp")
def seccomp(lab):
    lab.use_stub()
    lab.start_exporter()
    for mode in ("late-enosys", "late-eperm"):
        world(lab, mode, "1300000")
    for mode in ("early-enosys", "early-eperm"):
        world(lab, mode, "1300000", wanted=None)


@case("worlds/chroot")
def chroot(lab):
    as_root()
    lab.use_stub()
    lab.start_exporter()
    empty = lab.directory / "empty"
    empty.mkdir()
    root = {"WORLD_ROOT": str(empty)}
    world(lab, "late-chroot", "1300000", environment=root, plain=root)
    world(lab, "early-chroot", environment=root, plain=root, wanted=set())


@case("worlds/privileges")
def privileges(lab):
    """What was recorded before the drop arrives; what comes after goes to the new user's box, or nowhere."""
    as_root()
    lab.use_stub()
    lab.start_exporter()
    for mode in ("late-setuid", "late-seteuid", "early-setuid"):
        world(lab, mode, "1300000", wanted=set() if mode[0] == "e" else FIRST)
    for entry in lab.run(["find", "/dev/shm", "-maxdepth", "2", "-user", "65534", "-name", "[0-9]*-[0-9]*-*"]).stdout.split():
        subprocess.run(["rm", "-f", entry], check=False)
