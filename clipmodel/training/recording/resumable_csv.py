"""The tables a run writes as it goes; a resumed run continues them from its checkpoint."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from clipmodel.atomic_files import replace_file

STEP = "step"


class ResumableCsv:
    """A CSV file whose lines belong to steps, each line on the disk's way as soon as it is added.

    Parameters
    ----------
    path
        The file; made where it is missing.
    columns
        The first is "step". Lines of an earlier run with other columns keep what the two share.
    step
        The step the run begins from: lines of later steps are dropped, since they will be done again, and so
        is a line that was torn by a kill.
    """

    def __init__(self, path: Path, columns: Sequence[str], *, step: int) -> None:
        if columns[0] != STEP:
            raise ValueError(f"the first column must be {STEP!r}, got {columns[0]!r}")
        text = _table(columns, [row for row in _whole_lines(path) if int(row[STEP]) <= step])
        replace_file(path, lambda file: file.write(text.encode()))
        # newline="": the csv module writes its own line ends, and text mode would double them on Windows.
        self._file = path.open("a", newline="", encoding="utf-8")
        self._writer = csv.DictWriter(self._file, columns, restval="")

    def add(self, row: Mapping[str, object]) -> None:
        """Write a line; after it, a kill of this process loses nothing."""
        self._writer.writerow(row)
        self._file.flush()

    def sync(self) -> None:
        """Have the lines on the disk, so that a power cut loses nothing either."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()


def _whole_lines(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        return []
    text = path.read_text(encoding="utf-8")
    whole = text[: text.rfind("\n") + 1]
    rows = csv.DictReader(io.StringIO(whole, newline=""), restval="")
    return [row for row in rows if (row.get(STEP) or "").isdecimal()]


def _table(columns: Sequence[str], rows: Sequence[Mapping[str, str]]) -> str:
    buffer = io.StringIO(newline="")
    writer = csv.DictWriter(buffer, columns, restval="", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()
