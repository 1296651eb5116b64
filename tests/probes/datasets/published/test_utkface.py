"""UTKFace: labels in file names, and names that lack one."""

from __future__ import annotations

from pathlib import Path

import pytest

from clipmodel.errors import UserError
from probes.datasets.published.utkface import load_utkface
from tests.probes.datasets.conftest import WriteImages


def test_names_are_read_in_subfolders_and_with_both_endings(
    tmp_path: Path, write_images: WriteImages
) -> None:
    write_images("part1/25_1_0_20170116174525125.jpg", "116_0_4_20170116174525126.jpg.chip.jpg", "readme.txt")
    data = load_utkface(tmp_path)
    assert data.frame["image_id"].tolist() == [
        "116_0_4_20170116174525126.jpg.chip.jpg", "part1/25_1_0_20170116174525125.jpg",
    ]  # fmt: skip
    assert data.values("gender").tolist() == ["Male", "Female"]
    assert data.values("race").tolist() == ["Others", "White"]
    assert data.values("age").tolist() == ["116", "25"]
    assert data.values("age_band").tolist() == ["more than 70", "20-29"]
    assert data.open_image(1).size == (8, 6)
    assert data.dropped.empty


def test_names_that_cannot_be_used_are_counted_with_what_they_tell(
    tmp_path: Path, write_images: WriteImages
) -> None:
    """The three names without a race that are in the published archive look like the second one."""
    write_images(
        "25_1_0_20170116174525125.jpg",
        "61_1_20170109142408075.jpg.chip.jpg",
        "25_7_0_20170116174525125.jpg",
        "200_1_0_20170116174525125.jpg",
        "cover.jpg",
    )
    data = load_utkface(tmp_path)
    assert len(data) == 1
    dropped = data.dropped.fillna("").sort_values(["reason", "age"])
    assert dropped[["reason", "age", "age_band", "race"]].to_numpy().tolist() == [
        ["the file name holds a value that does not exist", "", "", ""],
        ["the file name holds a value that does not exist", "25", "20-29", ""],
        ["the file name lacks a field", "", "", ""],
        ["the file name lacks a field", "61", "60-69", ""],
    ]


def test_images_of_any_ending_are_read_and_copies_refused(tmp_path: Path, write_images: WriteImages) -> None:
    write_images("UTKFace/1_0_0_20170116174525125.JPG", "UTKFace/2_0_0_20170116174525126.png")
    assert load_utkface(tmp_path).values("age").tolist() == ["1", "2"]
    write_images("crop_part1/2_0_0_20170116174525126.png")
    with pytest.raises(UserError, match=r"is in UTKFace and in crop_part1|is in crop_part1 and in UTKFace"):
        load_utkface(tmp_path)


def test_a_folder_of_other_images_is_refused(tmp_path: Path, write_images: WriteImages) -> None:
    write_images("cat.jpg")
    with pytest.raises(UserError, match="no image is named as UTKFace"):
        load_utkface(tmp_path)
    with pytest.raises(UserError, match="no folder at"):
        load_utkface(tmp_path / "absent")
