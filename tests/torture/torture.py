#!/usr/bin/env python3
"""Programs that die in every way, without and with the library: they must die alike, and leave one report.

  torture.py [--full] [--rounds N] [--within SECONDS] [--list] [--native] [--table] [--aarch64 BUILD] [-j N] [CASE…]

CASE: cases whose name (NUMBER/NAME) contains one of the words. --full: racy ones 200 times (in the first round). --rounds: the whole list
again and again; it fails where that takes longer than --within. --native: only see that the programs die as
the rows say, without the library. --table: the table of README.md. --aarch64: the C cases again, cross-built in BUILD, under qemu-user (`make test-aarch64`).
"""
import sys
from pathlib import Path

here = Path(__file__).resolve().parent
sys.path.insert(0, str(here))
sys.path.insert(1, str(here.parent / "integration/robust"))

import emulation  # noqa: E402
import row  # noqa: E402
import runner  # noqa: E402

if "--aarch64" in sys.argv:
    at = sys.argv.index("--aarch64")
    emulation.begin(sys.argv[at + 1])
    del sys.argv[at:at + 2]
CHAPTERS = ["everyday", "symbol_files", "cplusplus", "handlers", "threads", "memory", "environment", "lives", "stores", "runtimes"]
for chapter in emulation.CHAPTERS if emulation.folder else CHAPTERS:
    if (here / f"{chapter}.py").exists():
        __import__(chapter)


def main():
    if "--table" in sys.argv:
        sys.stdout.write(row.table())
        return 0
    if "--native" in sys.argv:
        sys.argv.remove("--native")
        row.is_native = True
    return runner.main(here, __doc__)


if __name__ == "__main__":
    sys.exit(main())
