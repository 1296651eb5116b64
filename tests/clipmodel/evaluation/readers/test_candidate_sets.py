"""WinoGAViL in its layouts: a CSV beside images, and parquet with the images in it."""

from __future__ import annotations

import io
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from clipmodel.errors import UserError
from clipmodel.evaluation.readers.candidate_sets import read_candidate_sets
from clipmodel.evaluation.readers.open_set import open_set
from clipmodel.evaluation.registry.catalogue import load_entry

ENTRY = load_entry("winogavil")


def png(colour: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), colour).save(buffer, format="PNG")
    return buffer.getvalue()


def folder(
    root: Path, rows: list[tuple[str, str, str]], names: tuple[str, ...] = ("dog", "moon", "sea")
) -> Path:
    (root / "images").mkdir()
    for name in names:
        (root / "images" / f"{name}.png").write_bytes(png("red"))
    pd.DataFrame(rows, columns=["cue", "candidates", "associations"]).to_csv(root / "all.csv", index=False)
    return root


def test_a_csv_with_lists_beside_images(tmp_path: Path) -> None:
    rows = [("owl", '["dog", "moon"]', '["moon"]'), ("wave", "['moon', 'sea']", "['sea']")]
    found = open_set(f"winogavil:{folder(tmp_path, rows)}", cache=tmp_path)
    assert found.captions == ("An owl", "A wave") and list(found.images.ids) == ["dog", "moon", "sea"]
    first, second = found.candidate_sets
    assert first.images.tolist() == [0, 1] and first.right.tolist() == [False, True]
    assert second.images.tolist() == [1, 2] and second.caption == 1
    assert found.images.read_bytes(2) == png("red") and found.entry.task == "image_selection"
    assert open_set("winogavil", root=tmp_path, cache=tmp_path).captions == found.captions


def test_parquet_with_the_images_in_it(tmp_path: Path) -> None:
    images = [{"bytes": png("red"), "path": "dog.jpg"}, {"bytes": png("blue"), "path": "moon.jpg"}]
    row = {"cue": "owl", "candidates": ["dog", "moon"], "associations": ["moon"], "candidate_images": images}
    pd.DataFrame([row]).to_parquet(tmp_path / "test.parquet")
    found = read_candidate_sets(tmp_path, ENTRY)
    assert found.images.read_bytes(1) == png("blue")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("owl", '["dog"]', '["moon"]')], "row 1: the association 'moon' is no candidate"),
        ([("owl", '["dog"]', "[]")], "row 1: no association"),
        ([("owl", "dog, moon", '["moon"]')], "row 1: no list of image names"),
        ([("owl", '["dog", "cat"]', '["dog"]')], "no image of the candidate 'cat'"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, rows: list[tuple[str, str, str]], message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_candidate_sets(folder(tmp_path, rows), ENTRY)


def test_a_folder_without_a_table_and_a_table_without_a_column(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no table of cues"):
        read_candidate_sets(tmp_path, ENTRY)
    pd.DataFrame({"cue": ["owl"]}).to_csv(tmp_path / "all.csv")
    with pytest.raises(UserError, match="no column 'candidates'"):
        read_candidate_sets(tmp_path, ENTRY)
