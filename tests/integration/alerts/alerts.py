#!/usr/bin/env python3
"""Alerts, from the call that fails, the line that is logged or the program that dies, to the message in the chat.

  alerts.py [--full] [--list] [-j N] [CASE…]      cases whose name contains one of the words; --full: more of everything

Prints `ok alerts/NAME` or `not ok alerts/NAME` with what was found, and `N passed, N failed` last.
"""
import sys
from pathlib import Path

here = Path(__file__).resolve().parent
sys.path.insert(0, str(here.parent / "robust"))

import runner  # noqa: E402

import delivery  # noqa: E402,F401  (each registers its cases)
import sources  # noqa: E402,F401
import stacks  # noqa: E402,F401

if __name__ == "__main__":
    sys.exit(runner.main(here, __doc__))
