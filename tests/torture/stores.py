"""Reports where the disk takes none, or no more. Case 101."""
import contextlib
import os
import signal
import subprocess
import time

import building
import report
import trial
from case import Skip
from lab import OTELSHIM
from lives import CRASH, PLAIN, crash_one, environment_program, torture


@contextlib.contextmanager
def disk(lab, path, options, size="size=64k", fill_bytes=None):
    """A file system of its own at `path`, full or read-only."""
    if os.geteuid() != 0:
        raise Skip("needs root")
    path.mkdir(parents=True, exist_ok=True)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", path], check=False).returncode:
        raise Skip("nothing can be mounted here")
    try:
        if fill_bytes:
            (path / "filling").write_bytes(b"x" * fill_bytes)
        subprocess.run(["mount", "-o", f"remount,{options}", path], check=True)
        yield path
    finally:
        subprocess.run(["umount", "-l", path], check=False)


def stored_elsewhere(lab, what, options, fill_bytes=None, expect=PLAIN, size="size=64k", may_stay=False):
    """
    The program dies as ever, and its report is beside the drop box's files. `may_stay`: where the case is small (a busy machine: a part
    of it could not be had), it fits, and so may what can be said without names.
    """
    beside = lab.box / "crashes"
    with disk(lab, report.directory(lab), options, size, fill_bytes) as store:
        lab.start_exporter()
        plain = trial.Run(lab, "without", [environment_program(), "plain"], lab.environment)
        run = crash_one(lab, "with")
        trial.check_same(lab, plain, run)
        places = [beside, store] if may_stay else [beside]
        is_there = lambda suffix: [f for place in places for f in place.glob(suffix)]  # noqa: E731
        lab.until(lambda: is_there("*.json") and not is_there("*.case") and not lab.files(), 15)
        found = [report.Report(path) for path in is_there("*.json")]
        if may_stay and list(store.glob("*.json")):
            expect = CRASH
            print(f"    {what}: there was room for a report without names", flush=True)
        left = [f.name for f in store.iterdir() if f.name != "filling" and not (may_stay and f.suffix in (".json", ".txt"))]
        lab.check(len(found) == 1 and not left, f"{what}: {len(found)} reports beside the drop box, {left} in the store")
        for each in found:
            report.check_report(lab, each, **expect)
        shown = lab.run([OTELSHIM, "crashes", "list"], {**lab.environment, "OTELSHIM_DIR": str(lab.box)})
        lab.check(b"environment" in shown.stdout, f"otelshim crashes list: {shown.stdout} {shown.stderr}")
        lab.check(lab.exporters[0].poll() is None, "the exporter ended")


@torture(101, "store_full", "the disk of the reports is full", "as usual, beside the drop box's files")
def store_full(lab):
    stored_elsewhere(lab, "full", "rw", fill_bytes=16 * 4096)


@torture(101, "store_nearly_full", "it has room for the first half of the case alone", "as usual, there")
def store_nearly_full(lab):
    stored_elsewhere(lab, "nearly full", "rw", fill_bytes=12 * 4096, may_stay=True)


@torture(101, "store_no_inodes", "it has room for the case, and none for the report", "what can be said without names, there")
def store_no_inodes(lab):
    stored_elsewhere(lab, "no inodes", "rw", size="size=1m,nr_inodes=3", expect=CRASH)


@torture(101, "store_read_only", "it is read-only", "as usual, there")
def store_read_only(lab):
    stored_elsewhere(lab, "read-only", "ro")


@torture(101, "box_full", "there is no room for a file of the process", "none; the death is as ever")
def box_full(lab):
    with disk(lab, lab.box, "rw", "size=256k,mode=700"):
        lab.start_exporter()
        plain = trial.Run(lab, "without", [environment_program(), "plain"], lab.environment)
        run = crash_one(lab, "with")
        trial.check_same(lab, plain, run)
        lab.check(run.ms - plain.ms < 1000, f"held {run.ms - plain.ms:.0f} ms")
        lab.check(not report.read_reports(lab) and not lab.files(), f"{report.read_reports(lab)} {lab.files()}")
        lab.check(lab.exporters[0].poll() is None, "the exporter ended")


# ---- two places ----------------------------------------------------------------------------------------------------


def logs(lab):
    lab.receiver.decode()
    return lab.receiver.logs


def reported_once(lab, where, n, pids=None):
    """Each is in one of the two directories, once, and was sent once."""
    where = [w for w in where if w.is_dir()]
    lab.until(lambda: sum(len(list(w.glob("*.json"))) for w in where) >= n and not any(list(w.glob("*.case")) for w in where) and not lab.files(), 30)
    found = [report.Report(path) for w in where for path in sorted(w.glob("*.json"))]
    lab.check(sorted(r.json["pid"] for r in found) == sorted(pids), f"{len(found)} reports of {n}")
    left = [f"{w.name}/{f.name}" for w in where for f in w.iterdir() if f.suffix not in (".json", ".txt") and f.name != "filling"]
    lab.check(not left, f"left: {left}")
    lab.until(lambda: len(logs(lab)) >= n, 10)
    return found


@torture(101, "store_fills_up", "it fills up while the reports of twelve crashes wait: what is there is finished there", "all, here or beside, each sent once")
def store_fills_up(lab):
    with disk(lab, report.directory(lab), "rw", "size=64k") as store:
        exporter = lab.start_exporter()
        variables = lab.traced("torture", TORTURE_QUIET="1")
        running = [lab.spawn([environment_program(), "plain"], variables) for _ in range(12)]
        pids = [process.pid for process in running]
        for process in running:
            lab.check(process.wait(30) == -signal.SIGSEGV, f"{process.returncode}")
        where = [store, lab.box / "crashes"]
        reported_once(lab, where, 12, pids)
        lab.check(all(list(w.glob("*.json")) for w in where), f"all are in one place: this shows nothing {sum(f.stat().st_blocks for f in store.iterdir())}")
        lab.stop_exporter(exporter)
        lab.start_exporter()
        time.sleep(5)  # it adopts what it finds after three seconds
        reported_once(lab, where, 12, pids)
        lab.check(len(logs(lab)) == 12, f"{len(logs(lab))} log records of 12 crashes")


@torture(101, "store_left_beside", "a case that an exporter left there when it was killed", "as usual, there")
def store_left_beside(lab):
    beside = lab.box / "crashes"
    with disk(lab, report.directory(lab), "ro"):
        exporter = lab.start_exporter()
        process = lab.spawn([environment_program(), "plain"], lab.traced("torture", TORTURE_QUIET="1"))
        lab.until(lambda: list(beside.glob("*.case")), 20)
        kept = []
        for path in beside.glob("*.case"):
            with contextlib.suppress(OSError):
                kept.append((path, path.read_bytes()))
        lab.until(lambda: list(beside.glob("*.json")) and not list(beside.glob("*.case")) and not lab.files(), 20)
        lab.stop_exporter(exporter)
        if not lab.check(len(kept) == 1, f"{len(kept)} cases"):
            return
        for path in beside.iterdir():
            path.unlink()
        kept[0][0].write_bytes(kept[0][1])
        os.utime(kept[0][0], (time.time() - 60,) * 2)
        lab.start_exporter()
        for each in reported_once(lab, [beside], 1, [process.pid]):
            report.check_report(lab, each, **PLAIN)
