#!/usr/bin/env python3
"""Programs that load the libraries in odd ways, call from odd places, and live odd lives. They are as without us, and seen.

  reach.py [--full] [--list] [-j N] [CASE…]      cases whose name contains one of the words; --full: all rounds

Prints `ok reach/NAME` or `not ok reach/NAME` with what was found, and `N passed, N failed` last.
"""
import sys
from pathlib import Path

here = Path(__file__).resolve().parent
sys.path.insert(0, str(here.parent / "robust"))

import runner  # noqa: E402

import loading  # noqa: E402,F401  (each registers its cases)
import places  # noqa: E402,F401
import lives  # noqa: E402,F401

if __name__ == "__main__":
    sys.exit(runner.main(here, __doc__))
