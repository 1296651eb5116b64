"""The rows of a file of predictions, read some at a time and kept compactly, and the data set they make."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from clipmodel.array_types import AnyIntegers
from probes.datasets.annotation_tables import REPAIRS, as_strings, repairs, repeated_rows_dropped
from probes.datasets.combinations import Combinations, CombinedDataset, combine_columns
from probes.datasets.demographic_dataset import ID, VISIBLE_PREFIX
from probes.datasets.formats.embeddings import EmbeddedDataset
from probes.datasets.formats.parquet_frame import words
from probes.datasets.formats.scores import numbers_of
from probes.datasets.formats.spilled_rows import Spill
from probes.datasets.formats.table_batches import BATCH_ROWS, TableBatches
from probes.datasets.shards.row_places import compact_index
from probes.datasets.shards.table_shards import TableShards

__all__ = ["PredictionRows", "PredictionsDataset", "read_prediction_rows"]


@dataclass(frozen=True, kw_only=True)
class PredictionRows:
    """What is kept of a file.

    Attributes
    ----------
    frame
        N rows of strings, NaN where there is none: every column but those of scores. The index says where a
        row stands.
    spill
        The scores of every row of the file; None without any.
    places
        [N] the row of the spill of each row of the frame.
    distinct
        Whether no two rows have one path.
    """

    frame: pd.DataFrame
    spill: Spill | None
    places: AnyIntegers
    distinct: bool


def read_prediction_rows(
    batches: TableBatches | TableShards, *, scores: Sequence[str], path: str | None
) -> PredictionRows:
    """Read a table once; once more for the rows that share a path, if some do.

    Parameters
    ----------
    batches
        The file, or the parts in a folder.
    scores, path
        Its columns of scores, and that of paths.

    Raises
    ------
    UserError
        A score is no number.

    Warns
    -----
    UserWarning
        For each kind of repair.
    """
    kept = _Kept(columns=[name for name in batches.columns if name not in scores], path=path)
    spill = Spill(len(scores)) if scores else None
    for table in batches:
        if spill is not None:
            spill.add(numbers_of(batches.file, table[list(scores)]))
        kept.add(table)
    # Hashes go before strings are put together: each takes its room only for a time.
    shared = kept.shared_paths()
    frame = kept.frame()
    gone = _repeated(batches, shared) if shared.any() else np.zeros(0, np.int64)
    sentences = [*batches.repairs, *([repeated_rows_dropped(len(gone))] if len(gone) else [])]
    for sentence in sentences:
        warnings.warn(f"{batches.file}: {sentence}", stacklevel=2)
    if len(gone):
        frame = frame.drop(frame.index[gone])
    frame.attrs[REPAIRS] = (*repairs(frame), *sentences)
    # 32 bits while they suffice: a probe and its images hold places of their own.
    places: AnyIntegers = np.arange(kept.n_rows, dtype=np.int32 if kept.n_rows < 1 << 31 else np.int64)
    places = np.delete(places, gone) if len(gone) else places
    return PredictionRows(frame=frame, spill=spill, places=places, distinct=not shared.any())


@dataclass(kw_only=True)
class _Kept:
    """Columns of strings while they grow."""

    columns: list[str]
    path: str | None
    n_rows: int = 0
    chunks: dict[str, list[pa.Array]] = field(default_factory=dict)
    labels: list[pd.Index] = field(default_factory=list)
    hashes: list[NDArray[np.int64]] = field(default_factory=list)

    def add(self, table: pd.DataFrame) -> None:
        self.n_rows += len(table)
        self.labels.append(compact_index(table.index.to_numpy(np.int64), table.index.name))
        for name in self.columns:
            chunk = pa.array(table[name], pa.string(), from_pandas=True)
            self.chunks.setdefault(name, []).append(chunk)
            if name == self.path:
                # 64 bits of each path tell which few must be compared, without a table of all of them.
                own = map(hash, chunk.to_pylist())
                self.hashes.append(np.fromiter(own, np.int64, len(chunk)))

    def frame(self) -> pd.DataFrame:
        """The rows; strings lie in Arrow arrays."""
        # Batches that follow each other are one range again.
        index, self.labels = self.labels[0].append(self.labels[1:]), []
        columns = {}
        for name in self.columns:
            whole = pa.chunked_array(self.chunks.pop(name), pa.string())
            columns[name] = words(whole).set_axis(index)
        return pd.DataFrame(columns, index=index)

    def shared_paths(self) -> NDArray[np.bool_]:
        """[N] whether a row may share its path with another one."""
        if not self.hashes:
            return np.zeros(self.n_rows, bool)
        ordered = np.concatenate(self.hashes)
        ordered.sort()
        several = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
        parts, self.hashes = self.hashes, []
        if not len(several):
            return np.zeros(self.n_rows, bool)
        return np.concatenate([np.isin(part, several) for part in parts])


def _repeated(batches: TableBatches | TableShards, shared: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The places of rows that repeat an earlier one in every column, among those that share a path."""
    found, at = [], 0
    for table in batches:
        own = shared[at : at + len(table)]
        if own.any():
            chosen = as_strings(table[own], file=batches.file)
            found.append(chosen.set_index(at + np.flatnonzero(own)))
        at += len(table)
    candidates = pd.concat(found)
    return candidates.index[candidates.duplicated()].to_numpy(np.int64)


class PredictionsDataset(EmbeddedDataset, CombinedDataset):
    """The data set of a file of predictions; probes are planned by combinations of attribute values."""

    @cached_property
    def combinations(self) -> Combinations:
        """Each distinct combination of attribute values once, and the combination of each row."""
        visible = [name for a in self.attributes if (name := VISIBLE_PREFIX + a) in self.frame]
        names = [*self.attributes, *visible]
        return combine_columns(lambda: self._batches(names), names)

    def _batches(self, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
        for start in range(0, len(self.frame), BATCH_ROWS):
            part = self.frame[list(names)].iloc[start : start + BATCH_ROWS]
            columns = [
                pa.array(column, pa.bool_() if column.dtype == bool else pa.string(), from_pandas=True)
                for column in (part[name].to_numpy() for name in names)
            ]
            yield pa.RecordBatch.from_arrays(columns, names=list(names))

    def add_memberships(self, names: Sequence[str]) -> None:
        super().add_memberships(names)
        self.__dict__.pop("combinations", None)  # what was read before lacks the new columns

    def _hash_column(self, digest: hashlib._Hash, name: str) -> None:
        """As of any data set; the names of images, which all differ, a piece at a time."""
        if name != ID:
            super()._hash_column(digest, name)
            return
        column = self.frame[ID]
        digest.update(name.encode())
        for start in range(0, len(column), BATCH_ROWS):
            words = map(str, column.iloc[start : start + BATCH_ROWS].to_list())
            digest.update("".join(f"\x1f{word}" for word in words).encode())
        digest.update(b"\x1e")
        for start in range(0, len(column), BATCH_ROWS):
            digest.update(np.arange(start, min(start + BATCH_ROWS, len(column)), dtype="<i8").tobytes())
