"""Images inside parquet files, read a row group at a time: the files may be larger than the memory."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from clipmodel.errors import UserError
from probes.datasets.demographic_dataset import UnreadableImageError


class ParquetImages:
    """The column of encoded images of some parquet files, their rows counted through.

    Parameters
    ----------
    files
        The parquet files.
    column
        The column: bytes, or as the Hugging Face hub writes it, a structure with the field "bytes".

    Raises
    ------
    UserError
        A file is damaged.
    """

    def __init__(self, files: Sequence[Path], column: str) -> None:
        self._column = column
        self._groups: list[tuple[Path, int]] = []
        sizes = [0]
        for file in files:
            metadata = read_metadata(file)
            self._groups += [(file, group) for group in range(metadata.num_row_groups)]
            sizes += [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
        self._starts = np.cumsum(sizes)
        self._lock = threading.Lock()  # images are read in threads, mostly in the order of the rows
        # One row group at a time: rows are read mostly in order, and a group can hold gigabytes.
        self._held: tuple[int, pa.ChunkedArray] | None = None

    def __len__(self) -> int:
        return int(self._starts[-1])

    def read(self, row: int) -> bytes:
        """The encoded image of a row; raises UnreadableImageError where there is none."""
        number = int(np.searchsorted(self._starts, row, side="right")) - 1
        with self._lock:
            if self._held is None or self._held[0] != number:
                self._held = (number, self._read_group(number))
            value = self._held[1][row - int(self._starts[number])].as_py()
        content = value.get("bytes") if isinstance(value, dict) else value
        if not isinstance(content, bytes) or not content:
            raise UnreadableImageError("the row has no image")
        return content

    def _read_group(self, number: int) -> pa.ChunkedArray:
        file, group = self._groups[number]
        try:
            with pq.ParquetFile(file) as opened:
                return opened.read_row_group(group, columns=[self._column]).column(0)
        except (OSError, pa.ArrowException) as error:
            raise UnreadableImageError("the file cannot be read") from error


def read_metadata(file: Path) -> pq.FileMetaData:
    """The footer of a parquet file; raises UserError where it is damaged."""
    try:
        return pq.read_metadata(file)
    except (OSError, pa.ArrowInvalid) as error:
        raise UserError(f"{file}: not a parquet file, or damaged", remedy="download it again") from error
