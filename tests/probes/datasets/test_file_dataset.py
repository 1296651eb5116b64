"""Rows with files: boxes, paths, and what is told when a file or column is not there."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from clipmodel.errors import UserError
from probes.datasets import UnreadableImageError
from probes.datasets.cards import DataCard
from probes.datasets.file_dataset import Box, FileDataset, checked_values, find, read_annotations
from tests.probes.datasets.conftest import WriteImages

CARD = DataCard(
    name="small", title="Small", version="1", licence="MIT", consent="none needed",
    label_provenance="by design", caution="",
)  # fmt: skip


def persons(root: Path, files: list[str], boxes: list[Box] | None = None) -> FileDataset:
    frame = pd.DataFrame({"image_id": [f"p{i}" for i in range(len(files))], "age": "1"})
    return FileDataset(frame, root=root, attributes=["age"], card=CARD, files=files, boxes=boxes)


def test_a_box_cuts_the_image_in_pixels_or_shares(tmp_path: Path, write_images: WriteImages) -> None:
    """The image is 8 x 6: half of its width and a third of its height are 4 x 2."""
    write_images("a.jpg")
    data = persons(tmp_path, ["a.jpg"] * 3, [(0, 0, 0.5, 1 / 3), (2, 1, 6, 3), (0, 0, 1, 1)])
    assert [data.open_image(row).size for row in range(3)] == [(4, 2), (4, 2), (8, 6)]
    assert data.content_hash(0) != data.content_hash(1)
    assert data.content_hash(2) != persons(tmp_path, ["a.jpg"]).content_hash(0)


@pytest.mark.parametrize("box", [(3, 1, 3, 4), (9, 1, 12, 4)])
def test_a_box_without_pixels_is_an_unreadable_image(
    tmp_path: Path, write_images: WriteImages, box: Box
) -> None:
    write_images("a.jpg")
    with pytest.raises(UnreadableImageError, match="box is empty"):
        persons(tmp_path, ["a.jpg"], [box]).open_image(0)


@pytest.mark.parametrize("name", ["../a.jpg", "/etc/passwd", "val/../../a.jpg"])
def test_a_path_out_of_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="outside the folder"):
        persons(tmp_path, [name])


def test_an_image_that_is_annotated_twice_is_refused(tmp_path: Path) -> None:
    frame = pd.DataFrame({"image_id": ["a.jpg", "a.jpg"], "age": "1"})
    with pytest.raises(UserError, match=r"'a.jpg' is annotated twice"):
        FileDataset(frame, root=tmp_path, attributes=["age"], card=CARD)


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no folder at"):
        find(tmp_path / "absent", "a.csv", what="Small")
    with pytest.raises(UserError, match=r"no a.csv or b.csv"):
        find(tmp_path, "a.csv", "b.csv", what="Small")
    (tmp_path / "a.csv").write_text("file,gender\n1.jpg,Male\n")
    with pytest.raises(UserError, match="no column 'age' among: file, gender"):
        read_annotations(tmp_path / "a.csv", ["file", "age"])


def test_an_unknown_value_is_refused_with_its_line(tmp_path: Path) -> None:
    index = pd.Index([2, 3, 5], name="line")  # line 4 of the file is blank
    column = pd.Series(["Male", None, "male"], name="gender", index=index)
    with pytest.raises(UserError) as caught:
        checked_values(tmp_path / "a.csv", column, ["Female", "Male"])
    assert caught.value.message.endswith("a.csv, line 5: gender is 'male'")
    assert caught.value.remedy == "one of: Female, Male"
