"""Rows in a temporary file, against an array of them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from clipmodel.errors import UserError
from probes.datasets.formats import spilled_rows
from probes.datasets.formats.spilled_rows import OneHotRows, Spill, SpilledRows


@pytest.fixture
def values() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(100, 3))


@pytest.fixture
def spill(values: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> Spill:
    monkeypatch.setattr(spilled_rows, "BLOCK_ROWS", 8)
    spill = Spill(3)
    for start in range(0, 100, 33):
        spill.add(values[start : start + 33])
    return spill


def test_slices_are_those_of_the_array(spill: Spill, values: np.ndarray) -> None:
    rows = SpilledRows(spill, lambda block: block * 2, np.arange(100))
    assert len(rows) == spill.n_rows == 100
    for part in (slice(None), slice(5, 61), slice(90, 200), slice(7, 7)):
        np.testing.assert_array_equal(rows[part], values[part] * 2)


def test_chosen_rows_may_lie_anywhere_and_in_any_order(spill: Spill, values: np.ndarray) -> None:
    order = np.random.default_rng(1).permutation(100)[:40]
    chosen = SpilledRows(spill, lambda block: block, np.arange(100)).take(order)
    np.testing.assert_array_equal(chosen[:], values[order])
    np.testing.assert_array_equal(chosen.take(np.array([3, 1]))[:], values[order[[3, 1]]])


def test_threads_read_at_the_same_time(spill: Spill, values: np.ndarray) -> None:
    rows = SpilledRows(spill, lambda block: block, np.arange(100))
    with ThreadPoolExecutor(8) as pool:
        parts = list(pool.map(lambda start: rows[start : start + 5], [*range(0, 100, 5)] * 20))
    for start, part in zip([*range(0, 100, 5)] * 20, parts, strict=True):
        np.testing.assert_array_equal(part, values[start : start + 5])


def test_one_hot_rows_are_rows_of_the_identity() -> None:
    rows = OneHotRows(np.array([2, 0, 1, 2]), 3)
    assert len(rows) == 4 and rows[1:3].tolist() == [[1, 0, 0], [0, 1, 0]]
    assert rows.take(np.array([3]))[:].tolist() == [[0, 0, 1]]


def test_a_full_disk_is_told(spill: Spill, values: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        def write(self, data: bytes) -> int:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(spill, "_file", Full())
    with pytest.raises(UserError, match=r"do not fit.*TMPDIR"):
        spill.add(values)
