#!/usr/bin/env python3
"""Hosts, exporters and collectors that die, refuse, run out, or were built otherwise.

  robust.py [--full] [--list] [-j N] [CASE…]      cases whose name contains one of the words; --full: all rounds

Prints `ok robust/NAME` or `not ok robust/NAME` with what was found, and `N passed, N failed` last.
"""
import sys

import kills  # noqa: F401  (each registers its cases)
import hosts  # noqa: F401
import worlds  # noqa: F401
import exporters  # noqa: F401
import scope  # noqa: F401
import lab
import runner

if __name__ == "__main__":
    sys.exit(runner.main(lab.here, __doc__))
