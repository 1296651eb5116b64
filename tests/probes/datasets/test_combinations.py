"""Combinations of values against pandas, and selections by them against selections by rows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from probes.datasets import combinations
from probes.datasets.combinations import combine_columns


def batches_of(frame: pd.DataFrame, size: int) -> Iterator[pa.RecordBatch]:
    columns = {name: pa.array(frame[name], from_pandas=True) for name in frame}
    columns["a"] = columns["a"].dictionary_encode()
    yield from pa.table(columns).to_batches(max_chunksize=size)


def test_by_hand() -> None:
    """Four rows, three combinations in the order in which they occur; a missing value is one of its own."""
    frame = pd.DataFrame({"a": ["x", None, "x", "x"], "b": [True, True, True, False]})
    found = combine_columns(lambda: batches_of(frame, 3), ["a", "b"])
    assert found.code.tolist() == [0, 1, 0, 2]
    assert found.n.tolist() == [2, 1, 1]
    assert found.frame["b"].tolist() == [True, True, False]
    assert found.frame["a"].isna().tolist() == [False, True, False]


@pytest.mark.parametrize("dense", [True, False])
def test_rows_come_back_from_their_combination(dense: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not dense:
        monkeypatch.setattr(combinations, "DENSE", 1)
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({name: rng.choice(["p", "q", "r", None], 500) for name in ("a", "b", "c")})
    found = combine_columns(lambda: batches_of(frame, 64), ["a", "b", "c"])
    again = found.frame.iloc[found.code].reset_index(drop=True)
    for name in frame:
        assert again[name].fillna("-").tolist() == frame[name].fillna("-").tolist()
    assert not found.frame.duplicated().any()
    assert found.n.tolist() == np.bincount(found.code).tolist()
    first = [int(np.flatnonzero(found.code == k)[0]) for k in range(len(found.n))]
    assert first == sorted(first)
