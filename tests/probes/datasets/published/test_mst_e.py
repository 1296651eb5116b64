"""MST-E: a tone a person, videos beside images, two tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from clipmodel.errors import UserError
from probes.datasets.published.mst_e import load_mst_e
from tests.probes.datasets.conftest import RunThrough, WriteImages

HEADER = "subject_name,image_ID,MST,pose,lighting,mask"
ROWS = [
    "subject_0,a.jpg,10,frontal,well_lit,no", "subject_0,b.jpg,10,frontal,dark,yes",
    "subject_1,c.jpg,2,up,well_lit,no", "subject_1,v.mp4,2,video,well_lit,no",
    "subject_1,d.dng,2,frontal,well_lit,no", "subject_2,gone.jpg,7,frontal,well_lit,no",
]  # fmt: skip
IMAGES = ("subject_0/a.jpg", "subject_0/b.jpg", "subject_1/c.jpg", "subject_1/v.mp4", "subject_1/d.dng")


def write(root: Path, rows: list[str]) -> Path:
    home = root / "mst-e_data"
    home.mkdir(exist_ok=True)
    (home / "mst-e_image_details.csv").write_text("\n".join([HEADER, *rows]) + "\n")
    (home / "golden_and_adversarial_mst-e_image_ids.csv").write_text(
        "subject,golden_image_id,not_ideal_image_id\nsubject_0,a.jpg,b.jpg\n"
    )
    return root


def test_images_are_read_and_videos_are_counted(
    tmp_path: Path, write_images: WriteImages, run_through: RunThrough
) -> None:
    write_images(*(f"mst-e_data/{name}" for name in IMAGES))
    data = load_mst_e(write(tmp_path, ROWS))
    assert data.frame["image_id"].tolist() == ["subject_0/a.jpg", "subject_0/b.jpg", "subject_1/c.jpg"]
    assert data.levels("skin_tone") == ["2", "10"]  # numbers, not letters
    assert data.values("chosen_as").fillna("").tolist() == ["golden", "not ideal", ""]
    assert sorted(data.dropped["reason"]) == [
        "the format of the image is not read", "the row is a video",
        "there is no such file in the folder of the subject",
    ]  # fmt: skip
    said = run_through(f"mst_e:{tmp_path}", groups=[["skin_tone"]])
    assert "2 by subject_name" in said
    assert "no training of models (unverified)" in said


def test_a_tone_that_is_none_is_named(tmp_path: Path, write_images: WriteImages) -> None:
    write_images("mst-e_data/subject_0/a.jpg")
    with pytest.raises(UserError, match="line 2: MST is '11'"):
        load_mst_e(write(tmp_path, ["subject_0,a.jpg,11,frontal,well_lit,no"]))


def test_no_image_is_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="none of its images"):
        load_mst_e(write(tmp_path, ROWS))
