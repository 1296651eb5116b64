"""Places of rows: of one file by its index, of several by the file and the line in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.datasets.shards.row_places import PartRows, compact_index, located


def test_a_row_of_one_file_is_named_by_its_index() -> None:
    index = pd.Index([2, 3, 7], name="line")
    assert located(Path("people.csv"), index, 2) == "people.csv, line 7"
    assert located("the data", pd.RangeIndex(3), 1) == "the data, row 1"


def test_rows_of_parts_keep_their_places_through_a_selection() -> None:
    """Part a has lines 2, 3 and 5, part b row 1 and 2: the third row is line 5 of a, the fifth row 2 of b."""
    places = PartRows()
    first = places.add(Path("x/a.csv"), pd.Index([2, 3, 5], name="line"))
    second = places.add(Path("x/b.parquet"), pd.RangeIndex(1, 3, name="row"))
    rows = pd.Series(list("pqrst"), index=first.append(second))
    kept = rows[rows.isin(["r", "t"])]
    assert located("x", kept.index, 0) == "x/a.csv, line 5"
    assert located("x", kept.index, 1) == "x/b.parquet, row 2"
    assert places.n_rows == 5


@given(st.lists(st.lists(st.integers(1, 9), max_size=4), max_size=5), st.data())
def test_every_row_is_found_in_its_part(labels: list[list[int]], data: st.DataObject) -> None:
    """The naive reference: a list of the places of all rows."""
    places, expected = PartRows(), []
    for number, own in enumerate(labels):
        places.add(Path(f"{number}"), pd.Index(np.array(own, np.int64), name="line"))
        expected += [f"{number}, line {label}" for label in own]
    assert places.n_rows == len(expected)
    if expected:
        row = data.draw(st.integers(0, len(expected) - 1))
        assert places.place(row) == expected[row]


@pytest.mark.parametrize(
    ("labels", "compact"), [([4, 5, 6], True), ([4], True), ([4, 6], False), ([5, 4, 6], False), ([], False)]
)
def test_successive_numbers_take_no_memory(labels: list[int], compact: bool) -> None:
    index = compact_index(np.array(labels, np.int64), "line")
    assert isinstance(index, pd.RangeIndex) == compact
    assert index.tolist() == labels and index.name == "line"
