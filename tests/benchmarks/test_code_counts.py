from __future__ import annotations

import numpy as np
import pytest

from benchmarks import code_counts as module
from benchmarks.code_counts import count_codes


def test_counts_are_those_of_plain_masks_whatever_the_chunks(monkeypatch) -> None:
    rng = np.random.default_rng(1)
    codes = [rng.integers(0, size, 1000).astype(np.int8) for size in (3, 2, 4)]
    expected = np.zeros((3, 2, 4), dtype=int)
    for cell in zip(*codes, strict=True):
        expected[cell] += 1
    for chunk in (7, 1000, 1 << 18):
        monkeypatch.setattr(module, "_CHUNK", chunk)
        assert (count_codes(codes, (3, 2, 4)) == expected).all()


def test_codes_outside_their_axis_and_unequal_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match=r"axis 1: a code lies outside 0 \.\.\. 1"):
        count_codes([np.array([0, 1]), np.array([0, 2])], (2, 2))
    with pytest.raises(ValueError, match="one length"):
        count_codes([np.array([0, 1]), np.array([0])], (2, 2))


def test_no_rows_give_zeros() -> None:
    assert count_codes([np.zeros(0, np.int8)] * 2, (2, 3)).tolist() == [[0, 0, 0], [0, 0, 0]]
