from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from probes.datasets.formats.table import TableDataset
from probes.embeddings.parts import make_part, prepare
from tests.probes.conftest import FakeModel

PART_IMAGES = 4


@pytest.fixture
def images(write_table: Callable[[pd.DataFrame], Path]) -> TableDataset:
    """Ten images in three parts; the sixth is none."""
    colours = ["red", "green", "blue", "red", "green", "blue", "red", "green", "blue", "red"]
    table = pd.DataFrame({"path": [f"{i}.png" for i in range(10)], "colour": colours,
                          "gender": ["woman", "man"] * 5})  # fmt: skip
    path = write_table(table)
    (path.parent / "5.png").write_bytes(b"no image")
    return TableDataset(path)


@pytest.fixture
def folder(images: TableDataset, model: FakeModel, tmp_path: Path) -> Path:
    """A finished folder of embeddings of these images."""
    out = tmp_path / "embeddings"
    job = prepare(out, images, model, part_images=PART_IMAGES)
    for number in range(job.n_parts):
        make_part(out, job, number, dataset=images, model=model)
    return out
