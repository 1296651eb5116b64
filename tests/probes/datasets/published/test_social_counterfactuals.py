"""SocialCounterfactuals: two attributes a row, whose kinds differ by row."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from clipmodel.errors import UserError
from probes.datasets import UnreadableImageError
from probes.datasets.published.social_counterfactuals import SocialCounterfactuals
from tests.probes.datasets.conftest import noise

ROWS = [
    # image, set, a1, a1_type, a2, a2_type
    ({"bytes": noise(1), "path": "1.jpg"}, 7, "Black", "race", "woman", "gender"),
    ({"bytes": noise(2), "path": "2.jpg"}, 7, "White", "race", "woman", "gender"),
    ({"bytes": None, "path": "3.jpg"}, 8, "obese", "physical", "man", "gender"),
]


def write(file: Path, rows: list[tuple[object, ...]] = ROWS) -> Path:
    columns = ["image", "counterfactual_set", "a1", "a1_type", "a2", "a2_type"]
    pd.DataFrame(rows, columns=columns).assign(caption="a photo").to_parquet(file)
    return file


def test_each_type_is_an_attribute_and_each_set_a_cluster(tmp_path: Path) -> None:
    data = SocialCounterfactuals(write(tmp_path / "a.parquet"))
    assert data.attributes == ["a1_type", "a2_type", "gender", "physical", "race"]
    assert data.values("race").fillna("").tolist() == ["Black", "White", ""]
    assert data.values("gender").tolist() == ["woman", "woman", "man"]
    assert data.values("physical").fillna("").tolist() == ["", "", "obese"]
    assert data.clusters.tolist() == ["7", "7", "8"]
    assert data.read_bytes(1) == noise(2)
    with pytest.raises(UnreadableImageError, match="the row has no image"):
        data.read_bytes(2)


def test_files_of_a_folder_are_joined_and_hashed(tmp_path: Path) -> None:
    write(tmp_path / "b.parquet", ROWS[1:2])
    before = SocialCounterfactuals(tmp_path).sha256
    write(tmp_path / "a.parquet", ROWS[:1])
    data = SocialCounterfactuals(tmp_path)
    assert data.values("race").tolist() == ["Black", "White"]
    assert data.sha256 != before


def test_wrong_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no parquet file"):
        SocialCounterfactuals(tmp_path)
    (tmp_path / "a.parquet").write_bytes(b"nothing of the kind")
    with pytest.raises(UserError, match="not a parquet file"):
        SocialCounterfactuals(tmp_path)
    pd.DataFrame({"image": [b"x"]}).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(UserError, match="no column 'counterfactual_set' among: image"):
        SocialCounterfactuals(tmp_path)
