"""Annotations as distinct combinations of values: one number per row instead of one string per value.

What a probe selects, and how it divides images into groups, depends on their attribute values alone. So it is
decided once for each combination of values that occurs, and looked up for each row.

Shapes: N rows, K distinct combinations.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from probes.datasets.demographic_dataset import ID, REASON, DemographicDataset

# 16 million counts of 8 bytes: 128 MB at most.
DENSE = 1 << 24  # products of numbers of values up to which combinations are counted in an array
MISSING_CODE = 0  # of a row without a value; values count from 1


@dataclass(frozen=True)
class Combinations:
    """The distinct combinations of some columns.

    Attributes
    ----------
    frame
        K rows: the values of each combination, NaN where there is none.
    n
        [K] rows that have it.
    code
        [N] the combination of each row.
    """

    frame: pd.DataFrame
    n: NDArray[np.int64]
    code: NDArray[np.int32]

    def dataset(self, original: DemographicDataset) -> CombinationDataset:
        """A data set with one row per combination, which stands for `n` images of the original."""
        return CombinationDataset(self, original)


class CombinedDataset(DemographicDataset):
    """A data set of so many rows that probes are planned by the combinations of their attribute values."""

    @cached_property
    @abstractmethod
    def combinations(self) -> Combinations:
        """Each distinct combination of attribute values once, and the combination of each row."""

    def levels(self, attribute: str) -> list[str]:
        return self.combinations.dataset(self).levels(attribute)


class CombinationDataset(DemographicDataset):
    """One row per combination of attribute values; each stands for `multiplicity` images."""

    def __init__(self, combinations: Combinations, original: DemographicDataset) -> None:
        frame = combinations.frame.assign(**{ID: [str(i) for i in range(len(combinations.frame))]})
        card = original.card
        self.attributes = list(original.attributes)
        self.frame, self.card, self.orders = frame, card, dict(original.orders)
        self.dropped = original.dropped[[REASON, *self.attributes]]
        self.derived = dict(original.derived)
        self.multiplicity = combinations.n
        self._copies = None

    def read_bytes(self, row: int) -> bytes:
        raise TypeError("combinations of values have no images")


def combine_columns(batches: Callable[[], Iterable[pa.RecordBatch]], names: Sequence[str]) -> Combinations:
    """The combinations of some columns of a table that is read twice, a batch at a time.

    Parameters
    ----------
    batches
        Starts to read; each batch has the columns in the order of `names`.
    names
        The columns: strings, dictionaries of strings, or booleans.
    """
    seen: list[dict[object, None]] = [{} for _ in names]
    # The values first, then the codes: a dictionary that grew while codes are given would change their
    # meaning.
    total = 0
    for batch in batches():
        total += batch.num_rows
        for own, column in zip(seen, batch.columns, strict=True):
            own.update(dict.fromkeys(value for value in column.unique().to_pylist() if value is not None))
    values = [list(own) for own in seen]
    sizes = [len(own) + 1 for own in values]
    combined = np.zeros(total, np.int64)
    at = 0
    for batch in batches():
        # A view: the codes of each column are added in place, in mixed radix.
        part = combined[at : at + batch.num_rows]
        for column, known, size in zip(batch.columns, values, sizes, strict=True):
            part *= size
            part += _codes(column, known)
        at += batch.num_rows
    # As floats: the product of many numbers of values could overflow 64 bits.
    distinct, code, n = _distinct(combined, int(np.prod([float(size) for size in sizes])))
    # Decoded from the last column to the first, the reverse of the encoding.
    frame, rest = {}, distinct
    for name, known, size in reversed(list(zip(names, values, sizes, strict=True))):
        frame[name] = np.array([np.nan, *known], object)[rest % size]
        rest = rest // size
    ordered = pd.DataFrame({name: frame[name] for name in names}, index=range(len(distinct)))
    return Combinations(ordered, n, code)


def _codes(column: pa.Array, values: Sequence[object]) -> NDArray[np.int64]:
    """The number of each row's value among `values`, from 1; 0 where it has none."""
    plain = column.dictionary_decode() if isinstance(column, pa.DictionaryArray) else column
    found = pc.index_in(plain, value_set=pa.array(values, plain.type), skip_nulls=True)
    codes: NDArray[np.int64] = found.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64) + 1
    return codes


def _distinct(
    combined: NDArray[np.int64], n_possible: int
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int64]]:
    """Distinct numbers as they first occur, the place of each row's number among them, and their counts."""
    if n_possible > DENSE:
        distinct, first, code, n = np.unique(
            combined, return_index=True, return_inverse=True, return_counts=True
        )
        order = np.argsort(first)
        place = np.empty(len(order), np.int32)
        place[order] = np.arange(len(order), dtype=np.int32)
        return distinct[order], place[code], n[order].astype(np.int64)
    counts = np.bincount(combined, minlength=n_possible)
    first = np.zeros(n_possible, np.int64)
    first[combined[::-1]] = np.arange(len(combined) - 1, -1, -1)  # the last assignment stays
    present = np.flatnonzero(counts)
    distinct = present[np.argsort(first[present])]
    place = np.zeros(n_possible, np.int32)
    place[distinct] = np.arange(len(distinct), dtype=np.int32)
    return distinct, place[combined], counts[distinct].astype(np.int64)
