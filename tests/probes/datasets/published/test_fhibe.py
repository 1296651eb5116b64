"""FHIBE: "N. text" values, lists of them, RGB skin colours, people who withdrew; in the published layout."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from clipmodel.errors import UserError
from probes.datasets.published.fhibe import CARD, FACE_CARD, load_fhibe, load_fhibe_face
from probes.datasets.withdrawn import outdated
from tests.probes.datasets.conftest import RunThrough, WriteImages

VERSION = "fhibe.20250716.u.gT5_rFTA_downsampled_public"
HEADER = [
    "image_id", "filepath", "json_path", "subject_id", "is_primary", "image_height", "image_width",
    "camera_distance", "lighting", "location_country", "scene", "weather", "consent", "age", "nationality",
    "ancestry", "pronoun", "natural_skin_color", "apparent_skin_color", "person_bbox", "keypoints",
    "segments", "multiple_subjects",
]  # fmt: skip
POLYGON = "[" + ", ".join("{'x': 1, 'y': 2}" for _ in range(20_000)) + "]"  # beyond csv's field limit
PLAIN = {
    "is_primary": "True", "image_height": "6", "image_width": "8", "camera_distance": "1. CD II",
    "lighting": "['0. Daylight', '2. Lamp']", "location_country": "Kenya", "scene": "3. Outdoor: street",
    "weather": "['1. Clouds']", "consent": "True", "age": "33", "nationality": "['75. Kenyan']",
    "ancestry": "['0. Africa', '1. Eastern Africa']", "pronoun": "['0. She/her/hers']",
    "natural_skin_color": "0. [102, 78, 65]", "apparent_skin_color": "0. [102, 78, 65]",
    "person_bbox": "[0, 0, 4, 6]", "keypoints": "{}", "segments": POLYGON, "multiple_subjects": "False",
}  # fmt: skip
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path, write_images: WriteImages) -> Write:
    """Writes rows (what differs from a plain one) into the tables and images of the layout."""

    def make(*rows: dict[str, str], images: bool = True, part: str = "fhibe_downsampled") -> Path:
        home = tmp_path / VERSION
        file = home / f"data/processed/{part}/{part}.csv"
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("w", newline="", encoding="utf-8-sig") as opened:
            writer = csv.DictWriter(opened, HEADER, extrasaction="ignore")
            writer.writeheader()
            for number, row in enumerate(rows):
                name = row.get("image_id", f"i{number}")
                person = row.get("subject_id", f"s{number}")
                path = row.get("filepath", f"data/raw/{part}/{person}/{name}/{name}.png")
                writer.writerow(
                    {**PLAIN, "image_id": name, "subject_id": person, "filepath": path, "json_path": path}
                    | row
                )
                if images:
                    write_images(f"{VERSION}/{path}")
        return home

    return make


def test_values_lists_and_colours_are_read(write: Write) -> None:
    """Skin 0 is the darkest, VI; index 5 the lightest, I. A subregion alone implies its region."""
    home = write(
        {},
        {
            "age": "60", "pronoun": "['1. He/him/his', '2. They/them/their']",
            "ancestry": "['15. Southern Asia', '17. Europe']", "natural_skin_color": "5. [198, 180, 157]",
            "location_country": " vietnam ", "camera_distance": "0. CD I",
        },
        {"age": "29", "pronoun": "['5. Prefer not to say']", "location_country": "trinidad AND tobago"},
    )  # fmt: skip
    data = load_fhibe(home)
    assert data.frame["image_id"].tolist() == ["i0/s0", "i1/s1", "i2/s2"]
    assert data.values("pronoun").fillna("").tolist() == [
        "She/her/hers", "He/him/his + They/them/their", "",
    ]  # fmt: skip
    assert data.values("ancestry").tolist() == ["Africa", "Asia + Europe", "Africa"]
    assert data.values("ancestry_subregion").fillna("").tolist()[:2] == ["Eastern Africa", "Southern Asia"]
    assert data.values("skin_tone").tolist() == ["VI", "I", "VI"]
    assert data.levels("skin_tone") == ["I", "VI"]
    assert data.values("age").tolist() == ["33", "60", "29"]
    assert data.values("age_band").tolist() == ["30-39", "60+", "18-29"]
    assert data.values("country").tolist() == ["Kenya", "Viet Nam", "Trinidad and Tobago"]
    assert data.values("lighting").tolist()[0] == "Daylight + Lamp"
    assert data.levels("camera_distance") == ["CD I", "CD II"]  # by their numbers
    assert data.card.version == "20250716.u.gT5_rFTA"
    assert set(data.card.several_values) >= {"ancestry", "pronoun", "lighting"}
    assert "camera_distance" in data.card.image_attributes


def test_two_people_of_an_image_are_cut_out(write: Write) -> None:
    """Boxes are x, y, width, height: 4 x 6 and 3 x 2 of an 8 x 6 image."""
    shared = "data/raw/fhibe_downsampled/s0/i0/i0.png"
    home = write(
        {"image_id": "i0", "filepath": shared},
        {"image_id": "i0", "filepath": shared, "is_primary": "False", "person_bbox": "[4, 1, 3, 2]"},
    )
    data = load_fhibe(home)
    assert [data.open_image(row).size for row in range(2)] == [(4, 6), (3, 2)]
    assert data.clusters.tolist() == ["s0", "s1"]


def test_faces_of_one_file_are_the_main_persons(write: Write) -> None:
    shared = {"image_id": "i0", "filepath": "data/raw/fhibe_face_crop_align/s0/i0/i0.png"}
    home = write(shared, {**shared, "is_primary": "False"}, part="fhibe_face_crop_align")
    data = load_fhibe_face(home.parent)  # the folder above is found as well
    assert data.frame["subject_id"].tolist() == ["s0"]
    assert data.dropped["reason"].tolist() == ["the row is not of the main person, and has no box"]
    assert data.card.name == "fhibe_face"


def test_through_check_and_suite_with_damage_from_the_wild(write: Write, run_through: RunThrough) -> None:
    """A withdrawn person, a missing image, a repeated row and a dirty country."""
    rows = [
        {"age": str(20 + 9 * i), "location_country": "pakistan " if i % 2 else "Pakistan"} for i in range(6)
    ]
    home = write(*rows, rows[0] | {"image_id": "i0", "subject_id": "s0"})
    next((home / "data/raw/fhibe_downsampled/s5").rglob("*.png")).unlink()
    (home / "withdrawn.txt").write_text("# asked us by mail\ns4\n")
    said = run_through(f"fhibe:{home}", groups=[["age_band"], ["skin_tone"]])
    assert "FHIBE: 4 images, version 20250716.u.gT5_rFTA" in said
    assert "1 image was left out because consent was withdrawn (withdrawn.txt)." in said
    assert "there is no such file in the folder" in said
    assert "consent was withdrawn" in said
    assert "days old; people who withdrew since then are still in it" in said
    assert "VI is RGB [102, 78, 65]" in said
    assert "Ages were binned as 18-29, 30-39, 40-49, 50-59 and 60+" in said


def test_who_withdrew_leaves_no_label_and_no_image_of_another(write: Write) -> None:
    """Both rows of the shared image go; the third stays. What is left of them is a reason."""
    shared = "data/raw/fhibe_downsampled/s0/i0/i0.png"
    home = write({"filepath": shared}, {"filepath": shared}, {})
    (home / "withdrawn.txt").write_text("s1\n")
    data = load_fhibe(home)
    assert data.frame["subject_id"].tolist() == ["s2"]
    assert data.dropped["reason"].tolist() == ["consent was withdrawn"] * 2
    assert data.dropped[data.attributes].isna().all(axis=None)
    assert len(set(data.withdrawn_hashes())) == 2 - (data._boxes[0] == (0, 0, 4, 6))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"ancestry": "['0. Africa"}, r"row 1: ancestry is \"\['0. Africa\""),
        ({"ancestry": "['44. Atlantis']"}, "ancestry 'Atlantis' has no number of the questionnaire"),
        ({"age": "17"}, "row 1: age is '17'"),
        ({"natural_skin_color": "brown"}, "row 1: natural_skin_color is 'brown'"),
        ({"person_bbox": "[1, 2]"}, "row 1: person_bbox"),
    ],
)
def test_a_wrong_value_is_named(write: Write, row: dict[str, str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        load_fhibe(write(row))


def test_skin_colours_in_the_wrong_order_are_refused(write: Write) -> None:
    """A copy that numbers from the lightest would turn every statement around."""
    home = write({"natural_skin_color": "0. [198, 180, 157]"}, {"natural_skin_color": "5. [102, 78, 65]"})
    with pytest.raises(UserError, match=r"do not go from dark to light: \[5, 0\]"):
        load_fhibe(home)


def test_a_table_that_is_cut_off_is_refused(write: Write) -> None:
    home = write({}, {})
    file = home / "data/processed/fhibe_downsampled/fhibe_downsampled.csv"
    whole = file.read_text(encoding="utf-8")
    file.write_text(whole[: whole.rindex(",") - len(POLYGON)], encoding="utf-8")
    with pytest.raises(UserError, match=r"the last line has no end, it may be cut off"):
        load_fhibe(home)


def test_a_missing_image_folder_or_column_is_named(write: Write, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="none of its images"):
        load_fhibe(write({}, images=False))
    file = tmp_path / VERSION / "data/processed/fhibe_downsampled/fhibe_downsampled.csv"
    file.write_text(file.read_text(encoding="utf-8-sig").replace("subject_id", "subject"), encoding="utf-8")
    with pytest.raises(UserError, match="no column 'subject_id'"):
        load_fhibe(tmp_path / VERSION)


def test_images_are_never_shown() -> None:
    """Consent to FHIBE can be withdrawn: `clip-audit view` refuses both of its tables."""
    assert not CARD.thumbnails
    assert not FACE_CARD.thumbnails


def test_a_version_is_old_after_a_month() -> None:
    """16 July + 31 days is 16 August."""
    card = replace(CARD, version="20250716.u.gT5_rFTA")
    assert outdated(card, date(2025, 8, 16)) is None
    assert outdated(card, date(2025, 8, 17)) == (
        "FHIBE 20250716.u.gT5_rFTA is 32 days old; people who withdrew since then are still in it: "
        "download the newest."
    )
    assert "has no date" in str(outdated(replace(card, version="not stated"), date(2025, 8, 1)))
    assert outdated(replace(card, renewed_days=None), date(2030, 1, 1)) is None
