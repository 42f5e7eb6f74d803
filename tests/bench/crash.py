"""What a death costs: time in the handler, time held, time until the report is on disk; and what a recovered fault costs."""
import subprocess
import time

from costs import CLIENT_CPU, EXPORTER_CPU, alternate, quartiles, row, say
from ground import LIBRARY, PROGRAMS, Ground, build_file, build_program, here, root

FUNCTIONS = 500  # of one copy of the ballast


def ballast():
    """C source whose DWARF is some 0.8 MB: structs, inlined calls, locals."""
    lines = ["volatile int always;"]
    for i in range(FUNCTIONS):
        fields = " ".join(f"int field_{i}_{k}; struct s{max(i - 1, 0)} *p_{i}_{k};" for k in range(12))
        lines += [f"struct s{i} {{ {fields} }};",
                  f"static inline __attribute__((always_inline)) int in{i}(struct s{i} *a, int x)",
                  f"{{ int local = a->field_{i}_3 * x; for (int j = 0; j < local; j++) {{ int t = j * local; always += t; }} return local; }}",
                  f"int f{i}(struct s{i} *a, int x, int y); int f{i}(struct s{i} *a, int x, int y)",
                  f"{{ int r = in{i}(a, x); if (r > y) r += in{i}(a, y); return r * 3; }}"]
    return "\n".join(lines) + "\n"


def with_dwarf(mega_bytes):
    """crash_once linked with as many renamed copies of the ballast as it takes."""
    target = PROGRAMS / f"crash_{mega_bytes}"
    if target.exists():
        return target
    parts = PROGRAMS / "ballast"
    parts.mkdir(parents=True, exist_ok=True)
    (parts / "ballast.c").write_text(ballast())
    subprocess.run(["gcc", "-O1", "-g", "-c", "-o", "ballast.o", "ballast.c"], check=True, cwd=parts)
    sizes = subprocess.run(["size", "-A", "ballast.o"], check=True, cwd=parts, capture_output=True, text=True).stdout
    one = sum(int(line.split()[1]) for line in sizes.splitlines() if line.startswith(".debug"))
    copies = []
    for i in range((mega_bytes << 20) // one + 1):
        copies.append(f"part{i}.o")
        if not (parts / copies[-1]).exists():
            subprocess.run(["objcopy", f"--prefix-symbols=p{i}_", "ballast.o", copies[-1]], check=True, cwd=parts)
    subprocess.run(["gcc", "-std=gnu17", "-D_GNU_SOURCE", "-O2", "-g", "-o", target, here / "crash_once.c", *copies], check=True, cwd=parts)
    return target


def cost_us(ground, preload, n, program, **more):
    """(median, 99th percentile, longest) from the program's fault to its parent's knowledge."""
    environment = ground.traced(CRASH_NOTE=str(ground.directory / "note"), OTEL_LOGS_EXPORTER="none", OTELSHIM_CRASH_MAX_REPORTS="100000", **more)
    del environment["LD_PRELOAD"]
    command = ["/bin/sh", "-c", 'OTELSHIM_MAIN=$$ exec "$0"', program] if more else [program]
    return tuple(map(float, ground.run([build_program("crash_cost"), preload, n, *command], environment, CLIENT_CPU).split()))


def held_once(ground, program, **more):
    """One crash, alone: without and with the library."""
    crashes = ground.directory / "state/otelshim/crashes"
    both = cost_us(ground, "-", 1, program, **more), cost_us(ground, LIBRARY, 1, program, **more)
    ground.wait_for(lambda: not list(crashes.glob("*.case")), 60, "the report")
    return both


def added(pairs):
    return [after[0] - before[0] for before, after in pairs]


def crash_hold(n_pairs):
    """The dying process: what the library adds between the fault and the death."""
    program = build_program("crash_once")
    with Ground() as ground:
        say("crashes without an exporter")
        pairs = alternate(n_pairs, lambda: cost_us(ground, "-", 40, program), lambda: cost_us(ground, LIBRARY, 40, program))
        row("crash: handler in the host, nobody waited for", quartiles(added(pairs), "{:.0f}") + " us", "")
    with Ground() as ground:
        say("crashes with an exporter, one after the other")
        ground.start_exporter(EXPORTER_CPU)
        known = [held_once(ground, program, CRASH_AFTER_MS="30") for _ in range(2 * n_pairs)]
        row("crash: host held, the exporter knows it", quartiles(added(known), "{:.0f}") + " us", "<= 1 ms")
        new = [held_once(ground, program) for _ in range(2 * n_pairs)]
        row("… its crash is the first that is heard of it", quartiles(added(new), "{:.0f}") + " us", "<= 1 ms")
        row("… longest of all", f"{max(with_it[2] for _, with_it in known + new) / 1e3:.1f} ms", "<= 200 ms")
        ground.wait_until_drained()


def crash_report(n_pairs):
    """From the fault until the report, with names and lines, is on disk."""
    for what, program, target in (("small", build_program("crash_once"), ""), ("20 MB of DWARF", with_dwarf(20), "<= 500 ms warm"),
                                  ("200 MB of DWARF", with_dwarf(200), "")):
        say(f"reports, {what}")
        with Ground() as ground:
            ground.start_exporter(EXPORTER_CPU)
            crashes = ground.directory / "state/otelshim/crashes"
            times = []
            for i in range(min(n_pairs, 7)):
                from_s = time.monotonic()
                hold = cost_us(ground, LIBRARY, 1, program)[0]
                while len(list(crashes.glob("*.json"))) <= i and time.monotonic() - from_s < 30:
                    time.sleep(0.001)
                times.append((time.monotonic() - from_s) * 1e3)
                ground.wait_for(lambda: not list(crashes.glob("*.case")), 60, "the whole report")
            ground.wait_until_drained()
            row(f"crash → report on disk, {what}: first / then", f"{times[0]:.0f} ms / {quartiles(times[1:], '{:.0f}')} ms (held {hold:.0f} us)", target)


def recovered_faults(n_pairs):
    """Faults that the program handles itself, as a write barrier. The least of many short turns: nothing disturbs all of them."""
    program = build_file(PROGRAMS / "handlers", root / "tests/torture/programs/handlers.c", [])
    with Ground() as ground:
        ground.start_exporter(EXPORTER_CPU)

        def ns(environment):
            out = ground.run([program, "recovered", 30000], {**environment, "TORTURE_BENCH": "1", "TORTURE_QUIET": "1"}, CLIENT_CPU)
            return float(out.split()[0])

        turns = alternate(3 * n_pairs, lambda: ns(ground.environment), lambda: ns(ground.traced()))
        ground.wait_until_drained()
    plain, shimmed = map(min, zip(*turns))
    row("recovered faults per second without / with", f"{1e9 / plain:,.0f} / {1e9 / shimmed:,.0f}", "")
    row("… added to one: least / of pairs", f"{shimmed - plain:.0f} / {quartiles([b - a for a, b in turns], '{:.0f}')} ns", "< 1 us")
