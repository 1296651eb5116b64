"""`python -m benchmarks.fuzz KIND --cases N`."""

from __future__ import annotations

import sys

from benchmarks.fuzz import main

if __name__ == "__main__":
    sys.exit(main())
