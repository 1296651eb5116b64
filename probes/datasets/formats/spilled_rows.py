"""Rows of numbers that lie in a temporary file, or are made on demand, in place of an array of all of them.

Shapes: N rows that were asked for, C numbers a row.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import IO

import numpy as np
from numpy.typing import NDArray

from clipmodel.array_types import AnyIntegers
from clipmodel.errors import UserError

__all__ = ["OneHotRows", "Spill", "SpilledRows"]

BLOCK_ROWS = 8192  # rows that are read at a time


class Spill:
    """A temporary file of rows of float64 that grows; it has no name, so nothing is left behind by a kill.

    Parameters
    ----------
    width
        C.
    """

    def __init__(self, width: int) -> None:
        self.width, self.n_rows = width, 0
        self._lock = threading.Lock()
        self._file: IO[bytes] = tempfile.TemporaryFile(prefix="clip-audit-scores-")  # noqa: SIM115 - kept open

    def add(self, rows: NDArray[np.float64]) -> None:
        """Append rows [n, C].

        Raises
        ------
        UserError
            The disk is full.
        """
        try:
            self._file.write(np.ascontiguousarray(rows, np.float64).tobytes())
            self._file.flush()
        except OSError as error:
            raise UserError(
                f"{tempfile.gettempdir()}: the scores do not fit ({error.strerror})",
                remedy="name a folder with more room in TMPDIR",
            ) from error
        self.n_rows += len(rows)

    def read(self, first: int, n: int) -> NDArray[np.float64]:
        """[n, C] rows from the place `first` on; threads may read at the same time."""
        size = 8 * self.width
        with self._lock:
            self._file.seek(first * size)
            data = self._file.read(n * size)
        return np.frombuffer(data, np.float64).reshape(n, self.width)


@dataclass(frozen=True)
class SpilledRows:
    """N rows of a spill, changed by a function of rows as they are read.

    Attributes
    ----------
    spill
        Where they lie.
    changed
        [n, C] -> [n, C].
    rows
        [N] their places.
    """

    spill: Spill
    changed: Callable[[NDArray[np.float64]], NDArray[np.float64]]
    rows: AnyIntegers

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, part: slice) -> NDArray[np.float64]:
        """[n, C] of a slice."""
        rows = self.rows[part]
        found = np.empty((len(rows), self.spill.width))
        numbers = rows // BLOCK_ROWS
        for number in np.unique(numbers).tolist():
            at = np.flatnonzero(numbers == number)
            places = rows[at]
            first = int(places.min())
            block = self.spill.read(first, int(places.max()) - first + 1)
            found[at] = block[places - first]
        return self.changed(found)

    def take(self, rows: AnyIntegers) -> SpilledRows:
        """Some of the rows, by their positions [n]."""
        return replace(self, rows=self.rows[rows])


@dataclass(frozen=True)
class OneHotRows:
    """N unit vectors of `width` dimensions, by their axes [N]."""

    axes: AnyIntegers
    width: int

    def __len__(self) -> int:
        return len(self.axes)

    def __getitem__(self, part: slice) -> NDArray[np.float64]:
        """[n, C] of a slice."""
        return np.eye(self.width)[self.axes[part]]

    def take(self, rows: AnyIntegers) -> OneHotRows:
        """Some of the rows, by their positions [n]."""
        return replace(self, axes=self.axes[rows])
