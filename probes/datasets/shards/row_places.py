"""Where the rows of a table stand: the line of a CSV file, the row of a parquet file, of one or of many."""

from __future__ import annotations

from bisect import bisect_right
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["PartRows", "compact_index", "located"]

ROW = "row"  # what an index counts that does not say so


class PartRows:
    """The places of the rows of several files, which an index counts through from 0.

    It is the name of that index, as "line" names an index of the lines of one file, so that it stays with
    the rows wherever they go.

    Attributes
    ----------
    n_rows
        Rows that were added.
    """

    def __init__(self) -> None:
        self.n_rows = 0
        self._starts: list[int] = []
        self._pieces: list[tuple[Path, pd.Index]] = []

    def add(self, file: Path, labels: pd.Index) -> pd.RangeIndex:
        """The index of the next rows.

        Parameters
        ----------
        file
            Which they are of.
        labels
            Their lines or rows in it; the name of the index says which.
        """
        self._starts.append(start := self.n_rows)
        self._pieces.append((file, compact_index(labels.to_numpy(np.int64), labels.name)))
        self.n_rows += len(labels)
        return pd.RangeIndex(start, self.n_rows, name=self)

    def place(self, row: int) -> str:
        """Where a row stands: "answers/part-1.csv, line 5"."""
        number = bisect_right(self._starts, row) - 1
        file, labels = self._pieces[number]
        return located(file, labels, row - self._starts[number])


def located(file: Path | str, index: pd.Index, position: int) -> str:
    """The file and the place in it of a row: "people.csv, line 5".

    Parameters
    ----------
    file
        The file or folder of the table; of a folder, the part is named.
    index
        [N] the index of its rows.
    position
        The row, from 0.
    """
    label = index[position]
    if isinstance(index.name, PartRows):
        return index.name.place(int(label))
    return f"{file}, {index.name or ROW} {label}"


def compact_index(labels: NDArray[np.int64], name: object) -> pd.Index:
    """Labels [N] as an index, which takes no memory where they are successive numbers."""
    if len(labels) and (np.diff(labels) == 1).all():
        return pd.RangeIndex(labels[0], labels[-1] + 1, name=name)
    return pd.Index(labels, name=name)
