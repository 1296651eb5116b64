from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.report.packing import pack_integers, unpack_integers


@pytest.mark.parametrize(
    ("values", "packed"),
    # Differences 3, 0, -2 are 6, 0, 3 in zigzag; 64 is 128, two bytes: 0 with the mark of more, then 1.
    [([3, 3, 1], [6, 0, 3]), ([64], [128, 1]), ([-1], [1]), ([], [])],
)
def test_bytes_by_hand(values: list[int], packed: list[int]) -> None:
    assert list(base64.b64decode(pack_integers(values))) == packed
    assert unpack_integers(pack_integers(values)) == values


@given(st.lists(st.integers(-(2**40), 2**40), max_size=50))
def test_what_was_packed_is_unpacked(values: list[int]) -> None:
    assert unpack_integers(pack_integers(values)) == values
