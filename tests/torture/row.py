"""One row of a chapter is one case: the program, how it ends without the library, what the report has."""
import collections
import os

import building
import emulation
import report
import trial
from case import Skip, case

Row = collections.namedtuple("Row", "number name what has")
rows = []
is_native = False  # only see that the programs die as the rows say
N_RACY = 200


def row(number, name, what, **more):
    """A case: see add_row(). For another processor it may be left out, or ask otherwise."""
    adapted = emulation.adapt(f"{number}/{name}", more)
    if adapted is not None:
        add_row(number, name, what, **adapted)


def add_row(number, name, what, *, program=None, dies, deed=None, flags=(), arguments=(), reports=1, expect=None, also=None, racy=False,
            options=(), environment=None, watched=False, detect=False, volatile=(), may_differ=(), needs=None, prepare=None, runs_for=None,
            seconds=20, has=None, command=None):
    """
    dies      how the run without the library ends: "SIGSEGV" (with a core), "exit 1"; a tuple: one of these
    expect    what report.check_report() asks of the report (`reports` of them: 0, 1, 2 or a range)
    also      function(lab, runs, reports) for what only this case asks
    prepare   function(lab): variables of the program and of the exporter, or None
    needs     function: why it cannot be done here, or None
    """
    rows.append(Row(number, name, what, has if has is not None else describe(reports, expect)))
    endings = (dies,) if isinstance(dies, str) else dies

    def once(lab):
        path = building.make(program, *flags) if program else None
        words = [*command(lab, path)] if command else [path, deed or name, *arguments]
        limits = [*options, *(["watched"] if watched else [])]
        plain = trial.Run(lab, "without", words, {**lab.environment, **(environment or {})}, options, seconds, runs_for)
        lab.check(plain.ending in endings, f"the program ended by {plain.ending!r} by itself, not {dies!r}: {plain.stream('stderr')[-300:]}")
        if is_native:
            return
        variables, preload = trial.traced(lab, {**({"TORTURE_SLEEP_MS": "600"} if watched else {}), **(environment or {})}, detect)
        shimmed = trial.Run(lab, "with", words, variables, [*limits, *preload], seconds, runs_for)
        if emulation.folder:
            lab.start_exporter()
        trial.check_same(lab, plain, shimmed, volatile, may_differ)
        lab.check(shimmed.ending in endings, f"with the library: {shimmed.ending!r}")
        judge(lab, plain, shimmed, reports, expect, also)

    def entry(lab):
        reason = needs() if needs else None
        if reason:
            raise Skip(reason)
        lab.environment.update((prepare(lab) if prepare else None) or {})
        if not is_native and not emulation.folder:
            lab.start_exporter()
        for i in range(N_RACY if racy and lab.is_full else 1):
            once(lab)
            if lab.problems:
                lab.problems.append(f"in round {i + 1}")
                return
            if racy and lab.is_full:
                forget(lab)

    entry.__module__ = "row"
    case(f"{number}/{name}")(entry)


def judge(lab, plain, shimmed, reports, expect, also):
    wanted = range(reports, reports + 1) if isinstance(reports, int) else reports
    found = report.wait_for_reports(lab, wanted.start)
    lab.check(len(found) in wanted, f"{len(found)} reports, not {reports}: {[str(r) for r in found]}")
    if plain.ms and shimmed.ms:
        lab.check(shimmed.ms - plain.ms < max(6000, plain.ms), f"held: {plain.ms:.0f} ms without, {shimmed.ms:.0f} ms with the library")
    if found and expect:
        report.check_report(lab, found[0], **expect)
    if also:
        also(lab, (plain, shimmed), found)
    report.check_secrets(lab)


def forget(lab):
    """Between two rounds of a racy case."""
    import shutil
    for name in ("without", "with"):
        shutil.rmtree(lab.directory / f"run-{name}")
    for file in report.directory(lab).iterdir():
        file.unlink(missing_ok=True)


def describe(reports, expect):
    """What the report has, for the table."""
    if reports == 0:
        return "no report"
    expect = expect or {}
    parts = [expect.get("signal", ""), expect.get("code", "")]
    parts += [f"“{t}”" for key in ("reason", "message") for t in ([expect[key]] if isinstance(expect.get(key), str) else expect.get(key, []))]
    names = [*expect.get("top", ()), *expect.get("frames", ())]
    parts += [" ← ".join(f"`{n}`" for n in names)] if names else []
    return ", ".join(p for p in parts if p) or "a report"


def table():
    """Of README.md."""
    lines = ["| case | what | the report has |", "|---|---|---|"]
    for each in sorted(rows, key=lambda r: r.number):
        lines.append(f"| {each.number}/{each.name} | {each.what} | {each.has.replace('|', '¦')} |")
    return "\n".join(lines) + "\n"


def as_root():
    return None if os.geteuid() == 0 else "needs root"


def has_tool(tool):
    import shutil
    return lambda: None if shutil.which(tool) else f"no {tool}"

