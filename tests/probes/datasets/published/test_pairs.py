"""PAIRS: scenes in four versions, one of whose files has a digit too many."""

from __future__ import annotations

from pathlib import Path

import pytest

from clipmodel.errors import UserError
from probes.datasets.published.pairs import load_pairs
from tests.probes.datasets.conftest import RunThrough, WriteImages

FOUR = ("black_man", "black_woman", "white_man", "white_woman")


def test_through_check_and_suite(tmp_path: Path, write_images: WriteImages, run_through: RunThrough) -> None:
    """status/phone/white_man1.png is the set's own slip; figure.png is no person."""
    names = [f"data/occupations/apron/{one}.png" for one in FOUR]
    names += [f"data/status/phone/{one}{'1' if one == 'white_man' else ''}.png" for one in FOUR]
    write_images(*names, "data/status/phone/figure.png")
    data = load_pairs(tmp_path)
    assert len(data) == 8
    assert data.values("race").value_counts().to_dict() == {"black": 4, "white": 4}
    assert data.levels("gender") == ["woman", "man"]
    assert set(data.clusters) == {"occupations/apron", "status/phone"}
    assert data.dropped["reason"].tolist() == ["the file is not named by a person, such as black_woman"]
    said = run_through(f"pairs:{tmp_path}", groups=[["race"], ["race", "gender"]])
    assert "CC BY 4.0" in said
    assert "2 by scene, the largest of 4 images" in said


def test_two_versions_of_a_person_are_refused(tmp_path: Path, write_images: WriteImages) -> None:
    write_images("status/phone/white_man.png", "status/phone/white_man1.png")
    with pytest.raises(UserError, match="is there in two versions"):
        load_pairs(tmp_path)


def test_no_person_at_all(tmp_path: Path, write_images: WriteImages) -> None:
    write_images("status/phone/figure.png")
    with pytest.raises(UserError, match="no image SUBSET/SCENE"):
        load_pairs(tmp_path)
