"""Seconds and memory of the default audit: once with nothing cached, then with the embeddings kept.

`python -m benchmarks.default_audit` runs `clip-audit run` in processes of their own, with their own cache,
and checks that all of them write the same audit.json.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def audit(out: Path, cache: Path) -> tuple[float, float, float]:
    """Wall seconds, CPU seconds and peak MiB of one run."""
    command = [sys.executable, "-m", "audit.cli", "run", "--out", str(out), "--cache", str(cache)]
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"the audit failed with exit code {process.returncode}")
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--warm", type=int, default=3, help="runs with the embeddings kept")
    options = parser.parse_args()
    print("| run | seconds | CPU seconds | peak MiB |\n|---|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        written = set()
        for number in range(1 + options.warm):
            out = Path(folder) / f"run-{number}"
            wall, cpu, peak = audit(out, Path(folder) / "cache")
            written.add((out / "audit.json").read_bytes())
            name = f"warm, {number}" if number else "cold"
            print(f"| {name} | {wall:.1f} | {cpu:.1f} | {peak:,.0f} |", flush=True)
    if len(written) > 1:
        raise SystemExit("the runs wrote different audit.json")


if __name__ == "__main__":
    main()
