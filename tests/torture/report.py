"""The reports that a lab's exporter wrote, and what a case expects of one."""
import json
import os
import re

import building
from trial import SECRET


class Report:
    def __init__(self, path):
        self.path = path
        self.json = json.loads(path.read_text())
        text = path.with_suffix(".txt")
        self.text = text.read_text(errors="replace") if text.exists() else ""
        self.frames = self.json.get("frames") or []

    def functions(self):
        return [f.get("function") or f"{(f.get('module') or '?').rsplit('/', 1)[-1]}+{f.get('offset')}" for f in self.frames]

    def place(self, i):
        frame = self.frames[i]
        return (frame.get("file") or "").rsplit("/", 1)[-1], frame.get("line")

    def __str__(self):
        j = self.json
        top = "; ".join(self.functions()[:6])
        return f"{j.get('signal')} {j.get('code')} {j.get('address')}: {j.get('reason')} [{j.get('message')}] {top} ended {j.get('ended')}"


def directory(lab):
    return lab.state / "otelshim/crashes"


def read_reports(lab, pid=None):
    found = []
    for path in sorted(directory(lab).glob("*.json")):
        try:
            report = Report(path)
        except (OSError, ValueError):
            continue  # being written
        if pid is None or report.json.get("pid") == pid:
            found.append(report)
    return found


def is_quiet(lab, n):
    """n reports, no case that is worked on, and the box is empty: nothing more can come."""
    return len(read_reports(lab)) >= n and not lab.files() and not list(directory(lab).glob("*.case"))


def wait_for_reports(lab, n, seconds=float(os.environ.get("TORTURE_PATIENCE_S", "15"))):
    lab.until(lambda: is_quiet(lab, n), seconds)
    return read_reports(lab)


def names_match(wanted, function):
    """`wanted` is a name, of whatever arguments and clones, or a pattern between slashes."""
    if wanted.startswith("/"):
        return re.search(wanted.strip("/"), function) is not None
    return re.fullmatch(rf"(.*::)?{re.escape(wanted)}(\(.*|\.[a-z]+.*)?", function) is not None


def check_frames(lab, report, top=(), frames=(), at=None, own=True):
    functions = report.functions()
    begin = functions
    if top:
        first = next((i for i, f in enumerate(functions) if names_match(top[0], f)), None)
        limit = 0 if own else 12
        if not lab.check(first is not None and first <= limit, f"{top[0]} is not frame {limit}: {functions[:16]}"):
            return
        begin = functions[first:]
        lab.check(len(begin) >= len(top) and all(map(names_match, top, begin)), f"not {top} in a row: {begin[:len(top) + 2]}")
    rest = iter(functions)
    for wanted in frames:
        lab.check(any(names_match(wanted, function) for function in rest), f"{wanted} is not among, or not in order: {functions[:24]}")
    for function, marker in (at or {}).items():
        places = [report.place(i) for i, f in enumerate(functions) if names_match(function, f)]
        lab.check(building.line_of(marker) in places, f"{function} at {places}, not {building.line_of(marker)}")


def check_text(lab, name, wanted, text):
    for pattern in [wanted] if isinstance(wanted, str) else wanted or []:
        lab.check(re.search(pattern, str(text or ""), re.I | re.S), f"{name} does not say {pattern!r}: {text!r}")


def check_report(lab, report, *, signal="any", code=None, address="any", reason=None, message=None, text=None, top=(), frames=(), at=None,
                 own=True, threads=None, ended=None, is_bare=False):
    """`own`: the first of `top` is frame 0. `is_bare`: nobody could capture anything but the death."""
    j = report.json
    n = len(lab.problems)
    lab.check(signal in ("any", j.get("signal")), f"signal {j.get('signal')!r}, not {signal!r}")
    if code:
        lab.check(j.get("code") == code, f"code {j.get('code')!r}, not {code!r}")
    if address != "any":
        said = j.get("address")
        said = int(said, 0) if isinstance(said, str) else said
        lab.check(said == address, f"address {said!r}, not {address!r}")
    check_text(lab, "reason", reason, j.get("reason"))
    check_text(lab, "message", message, f"{j.get('exception')}: {j.get('message')}")
    check_text(lab, "text", text, report.text)
    check_frames(lab, report, top, frames, at, own)
    if ended:
        said = j.get("ended") or {}
        lab.check(said.get("by") == ended[0] and (len(ended) < 2 or said.get("status") == ended[1]), f"ended {said}, not {ended}")
    if threads:
        lab.check(len(j.get("threads") or []) >= threads, f"{len(j.get('threads') or [])} threads of {threads}")
    check_always(lab, report, is_bare)
    if len(lab.problems) > n:
        lab.problems.append(f"the report: {report}")


def check_always(lab, report, is_bare):
    """What every report has."""
    j = report.json
    for name in ("schema", "id", "time", "pid", "fingerprint", "reason", "exe", "argv") + (() if is_bare else ("tid", "registers")):
        lab.check(j.get(name), f"no {name} in the report")
    lab.check(is_bare or report.frames, "no frames")
    lab.check(report.text.strip(), "no text form")
    lab.check("libotelshim" not in json.dumps(report.frames[:3]), f"frames of the library itself: {report.functions()[:4]}")


def check_secrets(lab):
    files = [f for pattern in ("*.json", "*.txt") for f in directory(lab).glob(pattern)]
    for file in files:
        lab.check(SECRET not in file.read_text(errors="replace"), f"a secret is in {file.name}")
    sent = json.dumps([lab.spans(), lab.receiver.logs], default=str)
    lab.check(SECRET not in sent, "a secret was sent")
