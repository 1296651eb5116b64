"""PHASE: three annotators a person, a majority as the label, all three kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from clipmodel.errors import UserError
from probes.datasets.published.phase import load_phase
from tests.probes.datasets.conftest import RunThrough, WriteImages

NAME = "phase_gcc_val_all_20221101.json"


def person(*genders: str, **changes: Any) -> dict[str, Any]:
    said = [
        {"worker": f"w{i}", "gender": gender, "age": "adult", "ethnicity": "unsure", "skin tone": f"type {i}",
         "activity": "music", "emotion": "happy"}
        for i, gender in enumerate(genders)
    ]  # fmt: skip
    return {"region": [0, 0, 4, 3], "annotations": said} | changes


def write(root: Path, images: dict[str, Any], home: str = "") -> Path:
    (root / home).mkdir(exist_ok=True)
    (root / home / NAME).write_text(json.dumps(images))
    return root


def test_majorities_and_every_annotator(tmp_path: Path, write_images: WriteImages) -> None:
    """Two of three say female; three different answers, or two unsure, give no label."""
    write_images("images/val/489254")
    images = {
        "489254": {
            "caption": "two people", "p1": person("female", "male", "female"),
            "p2": person("female", "male", "unsure"), "p3": person("unsure", "unsure", "male"),
        }
    }  # fmt: skip
    data = load_phase(write(tmp_path, images))
    assert data.frame["image_id"].tolist() == ["489254/p1", "489254/p2", "489254/p3"]
    assert data.values("gender").fillna("").tolist() == ["female", "", ""]
    assert data.values("skin_tone").isna().all()  # three different types
    assert data.annotations["gender"].fillna("").to_numpy().tolist() == [
        ["female", "male", "female"], ["female", "male", ""], ["", "", "male"],
    ]  # fmt: skip
    assert data.open_image(0).size == (4, 3)
    assert data.clusters.nunique() == 1


def test_through_check_and_suite_with_what_is_missing(
    tmp_path: Path, write_images: WriteImages, run_through: RunThrough
) -> None:
    """A person without annotations and an image that is not there are counted with what is known."""
    write_images("images/val/1", "images/val/2")
    images = {
        "1": {"a": person("female", "female", "male"), "b": person("male", "male", "male")},
        "2": {"a": person("male", "male", "female"), "b": {"region": [0, 0, 1, 1]}},
        "3": {"a": person("female", "female", "female")},
    }
    said = run_through(f"phase:{write(tmp_path, images, 'phase_annotations')}", groups=[["gender"]])
    assert "PHASE: 3 images" in said
    assert "the key of skin tone was not seen" not in said  # of data list
    assert "there is no such image in the folder" in said
    assert "the person has no region or no annotations" in said


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"1": {"a": ', "not JSON, or cut off"),
        ("[1]", "no JSON object"),
        (
            '{"1": {"a": {"region": [1, 2], "annotations": [{"gender": "male"}]}}}',
            r"region of '1' is \[1, 2\]",
        ),
    ],
)
def test_damage_is_named(tmp_path: Path, write_images: WriteImages, content: str, message: str) -> None:
    write_images("images/val/1")
    (tmp_path / NAME).write_text(content)
    with pytest.raises(UserError, match=message):
        load_phase(tmp_path)


def test_no_annotations_at_all(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no phase_gcc_train_all_20221101.json or"):
        load_phase(tmp_path)
