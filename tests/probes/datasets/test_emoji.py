"""The embedded data set keeps the annotation contract."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from clipmodel.errors import UserError
from probes.datasets import load_dataset
from probes.datasets.emoji import EmojiDataset

from ..conftest import png

TEXT = (
    "name", "concept", "skin_tone", "gender", "age", "occupation", "activity", "category", "hair", "vendor",
    "design_family", "licence", "drawing_id", "split",
)  # fmt: skip


def row(number: int, **values: object) -> dict[str, object]:
    visible = {f"visible_{name}": True for name in ("skin_tone", "gender", "age", "occupation")}
    text = dict.fromkeys(TEXT, "none")
    picture = {"id": f"v/{number}", "image": png((number, 0, 0)), "keywords": ["x"]}
    return picture | text | visible | values


@pytest.fixture
def small(tmp_path: Path) -> EmojiDataset:
    rows = [
        row(0, gender="woman", skin_tone="dark"),
        row(1, gender="man", skin_tone="light", visible_gender=False),
        row(2, skin_tone="medium"),
    ]
    pd.DataFrame(rows[:2]).to_parquet(tmp_path / "a.parquet")
    pd.DataFrame(rows[2:]).to_parquet(tmp_path / "b.parquet")
    return EmojiDataset(tmp_path)


def test_files_are_joined_in_the_order_of_their_names(small: EmojiDataset) -> None:
    assert small.frame["image_id"].tolist() == ["v/0", "v/1", "v/2"]
    assert small.open_image(2).getpixel((0, 0)) == (2, 0, 0)


def test_an_attribute_that_does_not_show_is_missing(small: EmojiDataset) -> None:
    """Row 1 has a gender that the image does not show, row 2 has none."""
    assert small.values("gender").tolist()[:1] == ["woman"]
    assert small.values("gender").isna().tolist() == [False, True, True]
    assert small.frame["gender"].isna().tolist() == [False, False, True]
    assert small.values("skin_tone").tolist() == ["dark", "light", "medium"]


def test_levels_have_their_natural_order(small: EmojiDataset) -> None:
    assert small.levels("skin_tone") == ["light", "medium", "dark"]


def test_the_hash_of_the_data_covers_images(small: EmojiDataset, tmp_path: Path) -> None:
    before = small.sha256
    assert EmojiDataset(tmp_path).sha256 == before
    pd.DataFrame([row(2, skin_tone="medium", image=png((9, 9, 9)))]).to_parquet(tmp_path / "b.parquet")
    assert EmojiDataset(tmp_path).sha256 != before


def test_a_folder_without_files_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no parquet file"):
        EmojiDataset(tmp_path)


def test_the_embedded_data_load() -> None:
    data = load_dataset("emoji")
    assert len(data) > 5000
    assert data.levels("skin_tone") == ["light", "medium-light", "medium", "medium-dark", "dark"]
    assert len(data.levels("occupation")) == 16
    assert data.open_image(0).size == (64, 64)
    assert data.clusters.nunique() < len(data)
