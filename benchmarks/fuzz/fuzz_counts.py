"""The counts of fuzzing in benchmarks/results/fuzz.md, a line a kind: the last run of each."""

from __future__ import annotations

import resource
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.interleaved_timing import RESULTS, machine

HEADER = (
    "kind", "cases", "seed", "read", "refused", "uncaught", "slowest case, s", "peak MiB", "seconds",
)  # fmt: skip
WHERE = "machine"


def peak_mib() -> float:
    """The most memory that this process has held."""
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def record(line: Sequence[str], *, file: Path = RESULTS / "fuzz.md") -> None:
    """Write a line in place of the one of the same kind; the others stay."""
    kept = {}
    if file.is_file():
        for row in file.read_text(encoding="utf-8").splitlines():
            cells = [cell.strip() for cell in row.strip("|").split("|")]
            if len(cells) == len(HEADER) + 1 and cells[0] not in (HEADER[0], "---"):
                kept[cells[0]] = cells
    kept[line[0]] = [*line, machine()]
    head = (*HEADER, WHERE)
    rows = [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *kept.values())]
    text = [
        "# Damaged and odd inputs",
        "",
        "`python -m benchmarks.fuzz KIND --cases N --record`",
        "",
        *rows,
        "",
    ]
    file.parent.mkdir(exist_ok=True)
    file.write_text("\n".join(text), encoding="utf-8")
