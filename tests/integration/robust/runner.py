"""What robust.py and reach/reach.py have in common: cases are run side by side, each in a lab of its own."""
import concurrent.futures
import subprocess
import sys
import time
import traceback

import case
import lab as laboratory


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


def show(name, problems, log, seconds, skipped):
    note = f" # skipped: {skipped}" if skipped else ""
    print(("not ok " if problems else "ok ") + f"{name} ({seconds:.1f} s){note}", flush=True)
    for problem in problems[:40]:
        for line in str(problem).splitlines():
            print("    " + line)
    if len(problems) > 40:
        print(f"    … and {len(problems) - 40} more")
    if log:
        print("    " + log.replace("\n", "\n    "), flush=True)


def of_folder(folder):
    """A case registers itself when its file is imported, be it for a function."""
    return [e for e in case.entries if laboratory.Path(sys.modules[e.function.__module__].__file__).parent == folder]


def go_through(folder, entries, is_full, n_jobs, end_s=float("inf")):
    """(passed, failed, skipped, not begun since it was later than end_s)"""
    counts = [0, 0, 0, 0]

    def begin(entry):
        return run(entry, is_full) if time.monotonic() < end_s else None

    with concurrent.futures.ThreadPoolExecutor(n_jobs) as pool:
        running = {pool.submit(begin, entry): entry for entry in entries}
        for done in concurrent.futures.as_completed(running):
            if not done.result():
                counts[3] += 1
                continue
            problems, log, seconds, skipped = done.result()
            counts[1 if problems else 2 if skipped else 0] += 1
            show(f"{folder.name}/{running[done].name}", problems, log, seconds, skipped)
    return tuple(counts)


def main(folder, usage):
    """`folder`: whose cases and programs; it begins the names that are printed."""
    words, is_full, n_jobs, n_rounds, within_s = [], False, 3, 1, float("inf")
    arguments = iter(sys.argv[1:])
    for argument in arguments:
        if argument == "--full":
            is_full = True
        elif argument == "--list":
            print("\n".join(entry.name for entry in of_folder(folder)))
            return 0
        elif argument.startswith("-j"):
            n_jobs = int(argument[2:] or next(arguments))
        elif argument == "--rounds":
            n_rounds = int(next(arguments))
        elif argument == "--within":
            within_s = float(next(arguments))
        elif argument.startswith("-"):
            print(usage)
            return 2
        else:
            words.append(argument.removeprefix(folder.name + "/").removeprefix("/"))
    entries = [e for e in of_folder(folder) if not words or any(word in e.name for word in words)]
    targets = [str(laboratory.build / "tests/integration" / folder.name / c.stem) for c in sorted(folder.glob("*.c"))]
    if not all(laboratory.Path(t).exists() for t in targets):
        subprocess.run(["make", "-s", f"BUILD={laboratory.build}", *targets], check=True, cwd=laboratory.root)
    end_s = time.monotonic() + within_s
    n_passed = n_failed = n_skipped = 0
    for i in range(n_rounds):
        passed, failed, skipped, left = go_through(folder, entries, is_full and i == 0, n_jobs, end_s)
        n_passed, n_failed, n_skipped = n_passed + passed, n_failed + failed, n_skipped + skipped
        if n_rounds > 1:
            print(f"round {i + 1}: {passed} passed, {failed} failed", flush=True)
        if left:
            print(f"not ok {folder.name}/rounds: {i} of {n_rounds} within {within_s:.0f} s", flush=True)
            n_failed += 1
            break
    print(f"{n_passed} passed, {n_failed} failed, {n_skipped} skipped")
    return 1 if n_failed or not entries else 0
