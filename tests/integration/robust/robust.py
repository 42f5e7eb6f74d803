#!/usr/bin/env python3
"""Hosts, exporters and collectors that die, refuse, run out, or were built otherwise.

  robust.py [--full] [--list] [-j N] [CASE…]      cases whose name contains one of the words; --full: all rounds

Prints `ok robust/NAME` or `not ok robust/NAME` with what was found, and `N passed, N failed` last.
"""
import concurrent.futures
import subprocess
import sys
import time
import traceback

import lab as laboratory
import case
import kills  # noqa: F401  (each registers its cases)
import hosts  # noqa: F401
import worlds  # noqa: F401
import exporters  # noqa: F401
import scope  # noqa: F401


def run(entry, is_full):
    """(problems, what the exporter's log says, seconds)"""
    from_s = time.monotonic()
    lab = laboratory.Lab(entry.name, is_full)
    try:
        entry.function(lab)
    except case.Skip as reason:
        lab.problems = []
        return [], None, time.monotonic() - from_s, str(reason)
    except Exception:
        lab.problems.append(traceback.format_exc())
    finally:
        log = lab.close()
    return lab.problems, log, time.monotonic() - from_s, None


def show(entry, problems, log, seconds, skipped):
    note = f" # skipped: {skipped}" if skipped else ""
    print(("not ok " if problems else "ok ") + f"robust/{entry.name} ({seconds:.1f} s){note}", flush=True)
    for problem in problems[:40]:
        for line in str(problem).splitlines():
            print("    " + line)
    if len(problems) > 40:
        print(f"    … and {len(problems) - 40} more")
    if log:
        print("    " + log.replace("\n", "\n    "), flush=True)


def main():
    words, is_full, n_jobs = [], False, 3
    arguments = iter(sys.argv[1:])
    for argument in arguments:
        if argument == "--full":
            is_full = True
        elif argument.startswith("-j"):
            n_jobs = int(argument[2:] or next(arguments))
        elif argument.startswith("-"):
            print(__doc__)
            return 2
        elif argument == "--list":
            print("\n".join(entry.name for entry in case.entries))
            return 0
        else:
            words.append(argument.removeprefix("robust/"))
    entries = [e for e in case.entries if not words or any(word in e.name for word in words)]
    targets = [laboratory.program(c.stem) for c in sorted(laboratory.here.glob("*.c"))]
    if not all(laboratory.Path(t).exists() for t in targets):
        subprocess.run(["make", "-s", f"BUILD={laboratory.build}", *targets], check=True, cwd=laboratory.root)
    n_failed = 0
    with concurrent.futures.ThreadPoolExecutor(n_jobs) as pool:
        running = {pool.submit(run, entry, is_full): entry for entry in entries}
        for done in concurrent.futures.as_completed(running):
            problems, log, seconds, skipped = done.result()
            n_failed += bool(problems)
            show(running[done], problems, log, seconds, skipped)
    print(f"{len(entries) - n_failed} passed, {n_failed} failed")
    return 1 if n_failed or not entries else 0


if __name__ == "__main__":
    sys.exit(main())
