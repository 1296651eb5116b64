"""MIAP: a row per person, boxes as shares of the image."""

from __future__ import annotations

from pathlib import Path

import pytest

from clipmodel.errors import UserError
from probes.datasets.published.miap import load_miap
from tests.probes.datasets.conftest import WriteImages

HEADER = (
    "ImageID,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf,IsDepictionOf,"
    "IsInsideOf,GenderPresentation,AgePresentation"
)
WOMAN = "img1,/m/01g317,1,0.0,0.5,0.0,0.5,0,1,0,0,0,Predominantly Feminine,Middle"
UNKNOWN = "img1,/m/01g317,1,0.5,1.0,0.0,1.0,0,0,1,0,0,Unknown,Unknown"


def write(root: Path, *rows: str, split: str = "val") -> Path:
    name = f"open_images_extended_miap_boxes_{split}.csv"
    (root / name).write_text("\n".join([HEADER, *rows]) + "\n")
    return root


def test_persons_are_read_and_cut_out(tmp_path: Path, write_images: WriteImages) -> None:
    """The image is 8 x 6: the left upper quarter is 4 x 3, the right half 4 x 6."""
    write_images("images/img1.jpg")
    data = load_miap(write(tmp_path, WOMAN, UNKNOWN))
    assert data.frame["image_id"].tolist() == ["img1/1", "img1/2"]
    assert [data.open_image(row).size for row in range(2)] == [(4, 3), (4, 6)]
    assert data.values("gender").fillna("").tolist() == ["Predominantly Feminine", ""]
    assert data.values("age").fillna("").tolist() == ["Middle", ""]
    assert data.values("group_of").tolist() == ["no", "yes"]
    assert data.clusters.tolist() == ["img1", "img1"]


def test_the_splits_that_are_there_are_read(tmp_path: Path) -> None:
    write(tmp_path, WOMAN, split="train")
    write(tmp_path, WOMAN.replace("img1", "img2"), split="test")
    assert load_miap(tmp_path).values("split").tolist() == ["train", "test"]


def test_the_folders_of_open_images_are_found(tmp_path: Path, write_images: WriteImages) -> None:
    write_images("validation/img1.jpg", "train/img2.jpg")
    write(tmp_path, WOMAN)
    write(tmp_path, WOMAN.replace("img1", "img2"), split="train")
    assert [load_miap(tmp_path).open_image(row).size for row in range(2)] == [(4, 3), (4, 3)]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (WOMAN.replace("0.5,0.0,0.5", "1.5,0.0,0.5"), r"line 2: a side of the box is outside \[0, 1\]"),
        (WOMAN.replace("Middle", "Adult"), "line 2: AgePresentation is 'Adult'"),
    ],
)
def test_a_wrong_row_is_refused(tmp_path: Path, row: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        load_miap(write(tmp_path, row))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no open_images_extended_miap_boxes_train.csv or"):
        load_miap(tmp_path)
