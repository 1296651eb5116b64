from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from probes.datasets.downscaled import DownscaledDataset, downscaled_hash
from probes.datasets.formats.table import TableDataset


@pytest.fixture
def data(write_table: Callable[[pd.DataFrame], Path]) -> TableDataset:
    return TableDataset(
        write_table(pd.DataFrame({"path": ["0.png"], "colour": ["red"], "gender": ["woman"]}))
    )


def test_the_longer_side_is_shrunk_and_never_grown(data: TableDataset) -> None:
    assert data.open_image(0).size == (4, 4)
    assert DownscaledDataset(data, 2).open_image(0).size == (2, 2)
    assert DownscaledDataset(data, 100).open_image(0).size == (4, 4)
    # One colour survives any size.
    assert DownscaledDataset(data, 1).open_image(0).getpixel((0, 0)) == data.open_image(0).getpixel((0, 0))


def test_annotations_are_the_originals_and_the_hash_is_not(data: TableDataset) -> None:
    small = DownscaledDataset(data, 2)
    assert small.attributes == data.attributes and small.card == data.card
    assert small.frame["gender"].tolist() == ["woman"]
    assert small.read_bytes(0) == data.read_bytes(0)
    hashes = {data.content_hash(0), small.content_hash(0), DownscaledDataset(data, 3).content_hash(0)}
    assert len(hashes) == 3 and small.content_hash(0) == downscaled_hash(data.content_hash(0), 2)
