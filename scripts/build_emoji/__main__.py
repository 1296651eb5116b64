"""Command line: ``python -m scripts.build_emoji --npm DIR --out probes/data/emoji``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from scripts.build_emoji.build import build
from scripts.build_emoji.sources import SourceError


def main() -> int:
    """Build the data set; returns 2 and prints one line if a source file is not the pinned one."""
    parser = argparse.ArgumentParser(prog="python -m scripts.build_emoji", description=__doc__)
    parser.add_argument("--npm", type=Path, required=True, help="node_modules folder with the emoji sets")
    parser.add_argument("--out", type=Path, required=True, help="folder for the parquet files")
    options = parser.parse_args()
    try:
        rows = build(options.npm, options.out)
    except SourceError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(rows.groupby(["split", "vendor"]).size().unstack(fill_value=0).to_string())
    return 0


if __name__ == "__main__":
    sys.exit(main())
