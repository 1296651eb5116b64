"""FACET: a row per person, cut out by its box."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from clipmodel.errors import UserError
from probes.datasets.published.facet import COLUMNS, load_facet
from tests.probes.datasets.conftest import WriteImages

BOX = "{'x': 1.0, 'y': 2.0, 'width': 4.0, 'height': 3.0}"


def person(number: int, filename: str, **values: object) -> dict[str, object]:
    """A person with zero votes for everything but what is given."""
    votes = dict.fromkeys(COLUMNS[5:], 0)
    fixed = {"person_id": number, "filename": filename, "class1": "nurse", "class2": "none"}
    return fixed | {"bounding_box": BOX} | votes | values


def write(root: Path, *rows: dict[str, object]) -> Path:
    pd.DataFrame(rows).to_csv(root / "annotations.csv", index=False)
    return root


def test_persons_are_read_and_cut_out(tmp_path: Path, write_images: WriteImages) -> None:
    write_images("imgs_1/a.jpg", "imgs_3/b.jpg")
    first = {"gender_presentation_fem": 1, "age_presentation_older": 1, "skin_tone_3": 2, "skin_tone_4": 1}
    data = load_facet(
        write(tmp_path, person(1, "a.jpg", **first), person(2, "b.jpg", class2="singer"), person(3, "a.jpg"))
    )
    assert data.values("gender").fillna("").tolist() == ["feminine", "", ""]
    assert data.values("age").fillna("").tolist() == ["older", "", ""]
    assert data.values("skin_tone").fillna("").tolist() == ["3", "", ""]
    assert data.values("second_class").fillna("").tolist() == ["", "singer", ""]
    assert data.clusters.tolist() == ["a.jpg", "b.jpg", "a.jpg"]
    assert data.open_image(1).size == (4, 3)


@pytest.mark.parametrize(
    ("votes", "tone"),
    [
        ({"skin_tone_3": 1, "skin_tone_4": 1}, ""),
        ({"skin_tone_na": 3, "skin_tone_4": 1}, ""),
        ({"skin_tone_10": 1}, "10"),
    ],
)
def test_a_tie_and_not_applicable_give_no_label(
    tmp_path: Path, write_images: WriteImages, votes: dict[str, int], tone: str
) -> None:
    write_images("imgs_2/a.jpg")
    data = load_facet(write(tmp_path, person(1, "a.jpg", **votes)))
    assert data.values("skin_tone").fillna("").tolist() == [tone]


def test_persons_without_an_image_are_counted_by_group(tmp_path: Path, write_images: WriteImages) -> None:
    write_images("imgs_1/a.jpg")
    data = load_facet(write(tmp_path, person(1, "gone.jpg", gender_presentation_masc=1), person(2, "a.jpg")))
    assert data.frame["image_id"].tolist() == ["2"]
    assert data.dropped[["reason", "gender"]].to_numpy().tolist() == [
        ["there is no such file in imgs_1, imgs_2 or imgs_3", "masculine"]
    ]


@pytest.mark.parametrize("box", ["", "{'x': 1}", "[1, 2, 3, 4]", "__import__('os')"])
def test_a_damaged_box_is_refused(tmp_path: Path, box: str) -> None:
    with pytest.raises(UserError, match="line 2: bounding_box"):
        load_facet(write(tmp_path, person(1, "a.jpg", bounding_box=box)))


def test_missing_columns_and_wrong_counts_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no annotations.csv"):
        load_facet(tmp_path)
    with pytest.raises(UserError, match="negative count in 'skin_tone_5'"):
        load_facet(write(tmp_path, person(1, "a.jpg", skin_tone_5=-1)))
    row = person(1, "a.jpg")
    del row["skin_tone_na"]
    with pytest.raises(UserError, match="no column 'skin_tone_na'"):
        load_facet(write(tmp_path, row))
