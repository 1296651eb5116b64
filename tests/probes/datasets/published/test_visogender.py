"""VisoGender and PATA: lists of URLs, of which some are dead, and images saved by whoever downloaded them."""

from __future__ import annotations

from pathlib import Path

import pytest

from clipmodel.errors import UserError
from probes.datasets.published.visogender import load_visogender
from probes.planning.audit_plan import plan
from probes.suite.suite import Suite
from tests.probes.datasets.conftest import WriteImages
from tests.probes.datasets.support.visogender_lists import ALONE, OO, write_list

# As published: Windows' line ends, and a tab at the end.


def test_visogender_takes_the_images_that_are_there(lists: Path, write_images: WriteImages) -> None:
    """OO_1 is no ending of OO_11; the older list says woman where the newer ones say feminine."""
    write_images("images/OO_11.png", "teacher/teacher_masculine_OO_1.jpg", "OP_1.jpg", "images/other.jpg")
    data = load_visogender(lists)
    assert data.frame["image_id"].tolist() == ["OO_1", "OO_11", "OP_1"]
    assert data.values("gender").tolist() == ["masculine", "feminine", "feminine"]
    assert data.values("participant_gender").fillna("").tolist() == ["", "", "masculine"]
    assert data.values("context").tolist() == ["with an object", "with an object", "with a participant"]
    assert data.values("object").fillna("").tolist() == ["board", "board", ""]
    assert [data.open_image(row).size for row in range(3)] == [(8, 6)] * 3


def test_visogender_counts_dead_urls_by_group(lists: Path, write_images: WriteImages) -> None:
    write_images("OO_1.jpg", "OO_11.jpg", "OP_1.jpg")
    dropped = load_visogender(lists).dropped
    assert dropped[["reason", "occupation", "gender"]].to_numpy().tolist() == [
        ["the list has no URL", "teacher", "feminine"],
        ["the image of the URL is not in the folder", "lawyer", "feminine"],
    ]


def test_an_audit_counts_dead_urls_by_group(lists: Path, write_images: WriteImages) -> None:
    """Of three feminine teachers and lawyers two are lost; the filter keeps the doctor's list out."""
    write_images("OO_1.jpg", "OO_11.jpg", "OP_1.jpg")
    probe = {
        "name": "gender", "truth": "gender", "label_set": "pronouns", "groups": [["gender"]],
        "where": {"context": "with an object"}, "outcomes": ["misclassified"],
    }  # fmt: skip
    classes = [{"name": "his", "is": {"gender": "masculine"}}, {"name": "her", "is": {"gender": "feminine"}}]
    label_sets = {"pronouns": {"sets": {"identity": classes}}}
    suite = Suite.model_validate({"suite": "s", "label_sets": label_sets, "probes": [probe]})
    excluded = plan(suite, load_visogender(lists)).probes[0].selection.excluded
    assert excluded[["reason", "gender", "n"]].to_numpy().tolist() == [
        ["the list has no URL", "feminine", 1],
        ["the image of the URL is not in the folder", "feminine", 1],
    ]


def test_a_wrong_visogender_is_refused(tmp_path: Path, lists: Path, write_images: WriteImages) -> None:
    with pytest.raises(UserError, match="none of its images"):
        load_visogender(lists)
    write_images("OO_1.jpg")
    write_list(tmp_path, "old/OO_Visogender_14082023.tsv", OO, ALONE[:1])
    with pytest.raises(UserError, match="OO_1 is in two lists"):
        load_visogender(tmp_path)
    write_list(tmp_path, "old/OO_Visogender_14082023.tsv", OO, [["OO_99", *ALONE[0][1:-1], "male"]])
    with pytest.raises(UserError, match="line 2: Occupation_perceived_gender is 'male'"):
        load_visogender(tmp_path)
    write_list(tmp_path, "old/OO_Visogender_14082023.tsv", OO[:-1], [ALONE[0][:-1]])
    with pytest.raises(UserError, match="no column 'Occupation_perceived_gender'"):
        load_visogender(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"no \.tsv of VisoGender"):
        load_visogender(tmp_path / "empty")
