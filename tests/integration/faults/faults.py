"""Every system call that the library makes fails in turn: the program is as without us, and the loss is counted.

  faults.py [--full] [FIRST [LAST]]    --full: also with ENOSYS (an old kernel) and EPERM (a seccomp filter) for all of them

The library takes memory, files, processes and locks by system calls and by nothing else (tests/lint says so), so these are all
its failures. In the exporter every allocation fails in turn: it dies, and what it had not delivered is delivered by the next.
"""
import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

here = Path(__file__).resolve().parent
sys.path.insert(0, str(here.parent / "robust"))
from lab import LIBRARY, DROPS_OF_SPANS, Lab, build, build_once, program as robust_program, root  # noqa: E402

PROGRAMS = build / "tests/integration/faults"
# connection, statements, as work.c says; by process
MAIN, CHILD = 4 * 301, 301
NUMBERS = {}


def name_of(number):
    """A system call's name, from the headers of this machine."""
    if not NUMBERS:
        text = subprocess.run(["gcc", "-E", "-dM", "-include", "sys/syscall.h", "-x", "c", "/dev/null"], check=True,
                              capture_output=True, text=True).stdout
        for line in text.splitlines():
            words = line.split()
            if len(words) == 3 and words[1].startswith("__NR_") and words[2].isdigit():
                NUMBERS[int(words[2])] = words[1][5:]
    return NUMBERS.get(number, str(number))


class Campaign:
    def __init__(self, lab):
        self.lab = lab
        self.report = lab.directory / "report"
        self.plain = lab.run([PROGRAMS / "work"])
        self.receiver_from = 0

    def run(self, which, error, **environment):
        """The program with one failure; how many calls the library made and which one failed."""
        service = f"fault-{which}-{error}"
        traced = self.lab.traced(service, **environment)
        del traced["LD_PRELOAD"]
        command = [PROGRAMS / "inject", LIBRARY, str(which), str(error), self.report, PROGRAMS / "work"]
        result = self.lab.run(command, traced)
        n_calls, failed = (int(word) for word in self.report.read_text().split())
        what = f"{name_of(failed)} (call {which} of {n_calls}) failing with {errno.errorcode.get(error, 'its own error')}"
        for part in ("stdout", "stderr", "returncode"):
            before, after = getattr(self.plain, part), getattr(result, part)
            self.lab.check(before == after, f"{what}: {part} {after!r}, without us {before!r}")
        return service, what, n_calls

    def dropped(self, service):
        status = self.lab.status() or {"processes": []}
        return sum(p["dropped"].get(reason, 0) for p in status["processes"] if p["service"] == service
                   for reason in DROPS_OF_SPANS)

    def check_losses(self, service, what):
        """Of each process all spans arrived, or what did not is counted, or it recorded nothing at all."""
        # The library goes to the next standard box where the given one cannot be had; the exporter serves it, too.
        boxes = [self.lab.box, *Path("/dev/shm").glob("otelshim-*")]
        self.lab.wait_for(lambda: not any(self.lab.files(box) for box in boxes), 10, f"empty boxes after {what}")
        spans = [s for s in self.lab.spans(service) if s["kind"] == "client"]
        ids = {s["id"] for s in spans}
        self.lab.check(len(ids) == len(spans), f"{what}: spans came twice")
        by_process = {}
        for span in spans:
            pid = span["resource"].get("service.instance.id")
            by_process[pid] = by_process.get(pid, 0) + 1
        counts = sorted(by_process.values(), reverse=True)
        self.lab.check(len(counts) <= 2, f"{what}: {len(counts)} processes")
        wanted = {0: 0, 1: MAIN if counts and counts[0] > CHILD else CHILD, 2: MAIN + CHILD}[len(counts)]
        dropped = self.dropped(service)
        self.lab.check(sum(counts) + dropped >= wanted,
                       f"{what}: {wanted - sum(counts)} spans did not arrive, {dropped} are counted as dropped")
        return len(counts)


def shim_campaign(lab, first, last, errors):
    """Returns how many failures were tried."""
    campaign = Campaign(lab)
    lab.start_exporter()
    n_tried = n_inert = 0
    for error in errors:
        which, n_calls = first, 1 << 30
        while which <= min(n_calls, last):
            service, what, n_calls = campaign.run(which, error)
            n_inert += campaign.check_losses(service, what) < 2
            which += 1
            n_tried += 1
    print(f"    {n_tried} system calls failed in turn; in {n_inert} of these runs a process recorded nothing")
    lab.check(n_tried > 40 or first > 1, f"only {n_tried} system calls of the library were seen")
    # Where nothing fails, nothing is missing: the measure above can see a loss.
    service, what, _ = campaign.run(0, 0)
    lab.check(campaign.check_losses(service, what) == 2, "a process recorded nothing though nothing failed")


def start_campaign(lab):
    """The same where the library starts the exporter: where it cannot, the file waits for one that somebody else starts."""
    campaign = Campaign(lab)
    n_calls, which, n_helped, n_tried = 1 << 30, 1, 0, 0
    while which <= n_calls:
        lab.box = lab.box.with_name(f"start-{which}")
        lab.box.mkdir(mode=0o700)
        service, what, n_calls = campaign.run(which, 0, OTELSHIM_EXPORTER=str(build / "otelshim"))
        if not lab.until(lambda: not lab.files(), 1, patience=1):
            n_helped += 1
            lab.start_exporter()
        lab.wait_for(lambda: not lab.files(), 10, f"an empty box after {what}")
        lab.until(lambda: lab.spans(service), 2)
        lab.check(lab.spans(service), f"{what}: no span arrived")
        for pid in lab.auto_started():
            os.kill(pid, signal.SIGTERM)
        for exporter in lab.exporters:
            if exporter.poll() is None:
                lab.stop_exporter(exporter)
        which += 1 if lab.is_full else 4
        n_tried += 1
    print(f"    {n_tried} system calls failed in turn; in {n_helped} of these runs no exporter was started")


def exporter_campaign(lab):
    """Allocation after allocation fails in an exporter; it ends, and the next one has what it had not delivered."""
    lab.environment["FAULTS_AT"] = "0"
    wanted = {f"SELECT id FROM s_0_{i} WHERE id = ?" for i in range(1, 41)}
    n_died = 0
    failures = [*range(1, 60, 3), *range(60, 1200, 30 if lab.is_full else 120)]
    for which in failures:
        service = f"allocation-{which}"
        exporter = lab.start_exporter(wait=False, LD_PRELOAD=str(PROGRAMS / "allocation.so"), FAULTS_AT=str(which))
        lab.until(lambda: lab.is_served() or exporter.poll() is not None, 5)
        lab.compare([robust_program("calls"), "40"], lab.traced(service), what=f"calls while allocation {which} fails")
        lab.until(lambda: not lab.files() or exporter.poll() is not None, 5)
        if exporter.poll() is not None:
            n_died += 1
            lab.check(exporter.returncode != 0, f"allocation {which}: the exporter says all is well")
            exporter = lab.start_exporter()
        lab.wait_until_drained()
        arrived = {s["attributes"]["db.query.text"] for s in lab.calls(service)}
        lab.check(arrived == wanted, f"allocation {which}: {len(wanted - arrived)} spans did not arrive")
        lab.stop_exporter(exporter)
    print(f"    {len(failures)} allocations of the exporter failed; it ended in {n_died} of these runs")
    lab.check(n_died > 10, "the exporter hardly noticed: do its allocations fail at all?")


def main():
    arguments = [a for a in sys.argv[1:] if a != "--full"]
    is_full = len(arguments) + 1 < len(sys.argv)
    first = int(arguments[0]) if arguments else 1
    last = int(arguments[1]) if len(arguments) > 1 else 1 << 30
    errors = [0, errno.ENOSYS, errno.EPERM] if is_full else [0]
    n_failed = 0
    cases = {
        "faults/library": lambda lab: shim_campaign(lab, first, last, errors),
        "faults/start": start_campaign,
        "faults/exporter": exporter_campaign,
    }
    build_once("../faults/allocation.so", "gcc", "-O2", "-fPIC", "-shared", root / "tests/integration/faults/preload/allocation.c")
    for name, case in cases.items():
        lab = Lab(name, is_full)
        lab.use_stub()
        try:
            case(lab)
        finally:
            report = lab.close()
        print(("not ok " if lab.problems else "ok ") + name, flush=True)
        for problem in lab.problems[:40]:
            print("    " + str(problem))
        if report:
            print(report)
        n_failed += bool(lab.problems)
    return 1 if n_failed else 0


if __name__ == "__main__":
    sys.exit(main())
