from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from probes.datasets.formats.table import TableDataset
from probes.planning.groups import divide

ROWS = [
    ("0.png", "red", "woman", 2),
    ("1.png", "red", "man", 10),
    ("2.png", "blue", "", 2),
    ("3.png", "blue", "man", 2),
]


@pytest.fixture
def data(write_table: Callable[[pd.DataFrame], Path]) -> TableDataset:
    return TableDataset(write_table(pd.DataFrame(ROWS, columns=["path", "colour", "gender", "level"])))


def test_groups_are_numbered_in_their_natural_order(data: TableDataset) -> None:
    groups = divide(data, np.arange(4), ["gender"])
    assert groups.values == ({"gender": "man"}, {"gender": "woman"})
    assert groups.codes.tolist() == [1, 0, -1, 0]  # the third image has no gender
    assert (groups.sizes.tolist(), groups.known.sum(), len(groups)) == ([2, 1], 3, 2)
    # Numbers as numbers: 2 before 10.
    assert [one["level"] for one in divide(data, np.arange(4), ["level"]).values] == ["2", "10"]


def test_only_crossings_with_images_are_groups(data: TableDataset) -> None:
    groups = divide(data, np.array([0, 1, 2, 3]), ["gender", "colour"])
    assert groups.values == (
        {"gender": "man", "colour": "blue"}, {"gender": "man", "colour": "red"},
        {"gender": "woman", "colour": "red"},
    )  # fmt: skip
    assert groups.codes.tolist() == [2, 1, -1, 0]


def test_rows_may_be_some_in_any_order(data: TableDataset) -> None:
    groups = divide(data, np.array([3, 0]), ["gender"])
    assert (groups.codes.tolist(), groups.spec) == ([0, 1], ("gender",))
