"""What there is of a data set, counted by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from clipmodel.errors import UserError
from probes.datasets import DemographicDataset, load_dataset
from probes.datasets.checks.census import (
    attributes_of_interest,
    cluster_sizes,
    confounded,
    crossing,
    losses,
    unreadable,
)

from ..conftest import WriteImages

ROWS = ["1.jpg,man,old,x", "2.jpg,man,old,x", "3.jpg,woman,young,x", "4.jpg,woman,,y", "5.jpg,man,old,"]


@pytest.fixture
def data(tmp_path: Path, write_images: WriteImages) -> DemographicDataset:
    """Five persons in two clusters and one of its own; image 2 is damaged, 4 and 5 are not there."""
    write_images("1.jpg", "2.jpg", "3.jpg")
    (tmp_path / "2.jpg").write_bytes(b"no image")
    (tmp_path / "t.csv").write_text("\n".join(["path,gender,age,subject_id", *ROWS]))
    return load_dataset(f"table:{tmp_path / 't.csv'}")


def test_crossings_show_the_groups_that_nobody_is_in(data: DemographicDataset) -> None:
    counts = crossing(data, ["gender", "age"])
    assert counts.to_dict() == {
        ("man", "old"): 3, ("man", "young"): 0, ("man", "(missing)"): 0,
        ("woman", "old"): 0, ("woman", "young"): 1, ("woman", "(missing)"): 1,
    }  # fmt: skip


def test_unreadable_images_are_counted_by_reason_and_group(data: DemographicDataset) -> None:
    seen: list[tuple[str, int, int]] = []
    lost = unreadable(data, progress=lambda *step: seen.append(step))
    assert lost["image_id"].tolist() == ["2.jpg", "4.jpg", "5.jpg"]
    assert seen == [("images read", 5, 5)]
    assert losses(lost, ["gender", "age"]).to_numpy().tolist() == [
        ["there is no such file", 2, "woman 1, man 1", "(missing) 1, old 1"],
        ["the image cannot be decoded", 1, "man 1", "old 1"],
    ]


def test_attributes_that_go_together_are_told(tmp_path: Path) -> None:
    """All 20 women are White, of 20 men 10: a gap by gender may be one by race."""
    people = ["woman,White"] * 20 + ["man,White"] * 10 + ["man,Black"] * 10
    lines = ["path,gender,race", *(f"{i}.jpg,{labels}" for i, labels in enumerate(people))]
    (tmp_path / "t.csv").write_text("\n".join(lines))
    (pair,) = confounded(load_dataset(f"table:{tmp_path / 't.csv'}"), ["gender", "race"])
    assert pair["attributes"] == ["gender", "race"]
    assert pair["confounded"]
    assert pair["worst"] == {
        "attribute": "gender", "value": "woman", "other": "race", "other_value": "White",
        "n": 20, "count": 20, "n_rest": 20, "count_rest": 10,
    }  # fmt: skip


def test_clusters_are_counted(data: DemographicDataset) -> None:
    assert cluster_sizes(data).to_dict() == {"x": 3, "y": 1, "5.jpg": 1}


def test_what_is_crossed_is_asked_for_or_matters(data: DemographicDataset) -> None:
    assert attributes_of_interest(data) == ["gender", "age"]
    assert attributes_of_interest(data, ["age", "age"]) == ["age"]
    with pytest.raises(UserError, match="no attribute 'agee'") as caught:
        attributes_of_interest(data, ["agee"])
    assert caught.value.remedy == "did you mean 'age'?"
