"""Results that take long to get, a line per subject in a file of benchmarks/results: the last run of each."""

from __future__ import annotations

import resource
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.interleaved_timing import RESULTS, machine

WHERE = "machine"


def peak_mib() -> float:
    """The most memory that this process has held."""
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def record(
    line: Sequence[str], *, header: Sequence[str], name: str, title: str, folder: Path = RESULTS
) -> None:
    """Write a line, with date and machine, in place of the one that begins alike; the others stay."""
    file, head = folder / f"{name}.md", [*header, WHERE]
    kept = {}
    if file.is_file():
        for row in file.read_text(encoding="utf-8").splitlines():
            cells = [cell.strip() for cell in row.strip("|").split("|")]
            if len(cells) == len(head) and cells[0] not in (head[0], "---"):
                kept[cells[0]] = cells
    kept[line[0]] = [*line, machine()]
    rows = [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *kept.values())]
    folder.mkdir(exist_ok=True)
    text = [f"# {title}", "", f"`python -m benchmarks.{name}`", "", *rows, ""]
    file.write_text("\n".join(text), encoding="utf-8")
