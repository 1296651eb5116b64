"""VisoGender and PATA: lists of URLs, of which some are dead, and images saved by whoever downloaded them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from clipmodel.errors import UserError
from probes.datasets.published.pata import load_pata
from probes.datasets.published.pata_captions import as_words
from probes.datasets.published.visogender import load_visogender
from probes.planning.audit_plan import plan
from probes.suite.suite import Suite
from tests.probes.datasets.conftest import WriteImages

URL = "URL type (Type NA if can't find)"
# As published: Windows' line ends, and a tab at the end.
OO = [
    "IDX",
    "Sector",
    "Specialisation",
    "Occupation",
    "Object",
    URL,
    "LICENSE OK?",
    "Occupation_perceived_gender",
]
OP = ["IDX", "Sector", "Specialisation", "Occupation", "Participant", URL, "Licence", "Occupation_Gender"]
ALONE = [
    ["OO_1", "education", "school", "teacher", "board", "https://x.org/1.jpg?a=b", "Yes", "masculine"],
    ["OO_11", "education", "school", "teacher", "board", "https://x.org/2", "Yes", "feminine"],
    ["OO_12", "education", "school", "teacher", "board", "NA", "Yes", "feminine"],
    ["OO_13", "office", "law", "lawyer", "desk", "https://x.org/gone", "Yes", "feminine"],
]
TWO = [["OP_1", "medical", "hospital", "doctor", "patient", "https://x.org/3", "Yes", "woman", "man"]]


def write(root: Path, name: str, header: list[str], rows: list[list[str]]) -> Path:
    lines = ["\t".join([*row, ""]) for row in [header, *rows]]
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text("\r\n".join(lines) + "\r\n", encoding="utf-8", newline="")
    return root


@pytest.fixture
def lists(tmp_path: Path) -> Path:
    write(tmp_path, "OO/OO_Visogender_10052025.tsv", OO, ALONE)
    return write(tmp_path, "OP/OP_Visogender_11012024.tsv", [*OP, "Participant_Gender"], TWO)


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
    write(tmp_path, "old/OO_Visogender_14082023.tsv", OO, ALONE[:1])
    with pytest.raises(UserError, match="OO_1 is in two lists"):
        load_visogender(tmp_path)
    write(tmp_path, "old/OO_Visogender_14082023.tsv", OO, [["OO_99", *ALONE[0][1:-1], "male"]])
    with pytest.raises(UserError, match="line 2: Occupation_perceived_gender is 'male'"):
        load_visogender(tmp_path)
    write(tmp_path, "old/OO_Visogender_14082023.tsv", OO[:-1], [ALONE[0][:-1]])
    with pytest.raises(UserError, match="no column 'Occupation_perceived_gender'"):
        load_visogender(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"no \.tsv of VisoGender"):
        load_visogender(tmp_path / "empty")


PATA = [
    "forest_indian_male_young|https://x.org/1.jpg|y",
    "fire_station_eastasian_female_old|http://x.org/2.jpg",
    "fire_station_black_female_old|http://x.org/gone.jpg",
    "",
    "fire_station_black_male_young|",
    "office_martian_male_young|http://x.org/6.jpg",
    "words",
]


def test_pata_reads_labels_from_the_right_and_counts_dead_urls(
    tmp_path: Path, write_images: WriteImages
) -> None:
    """The image of line N is N.jpg: of seven lines one is empty, two are there, four are left out."""
    (tmp_path / "pata_fairness.files.lst").write_text("\n".join(PATA))
    with pytest.raises(UserError, match="none of its images"):
        load_pata(tmp_path)
    write_images("images/00001.jpg", "images/2.png")
    data = load_pata(tmp_path)
    assert data.frame["image_id"].tolist() == ["1", "2"]
    assert data.values("scene").tolist() == ["forest", "fire_station"]
    assert data.values("race").tolist() == ["Indian", "East Asian"]
    assert data.values("gender").tolist() == ["male", "female"]
    assert data.values("age").tolist() == ["young", "old"]
    assert data.dropped[["reason", "race", "gender"]].fillna("").to_numpy().tolist() == [
        ["the image of the URL is not in the folder", "Black", "female"],
        ["the line has no URL", "Black", "male"],
        ["the line does not name a scene, race, gender and age", "", "male"],
        ["the line does not name a scene, race, gender and age", "", ""],
    ]


# As published: a list of scenes, of which some have no captions by age.
FOREST = {
    "long": "photo of a young adult {race} {gender} in a forest",
    "short": "forest",
    "pos": {"races": ["photo of a forest hiker"], "gender": ["photo of a forest hiker"], "age": []},
    "neg": {"races": ["photo of a lost person"], "gender": [], "age": []},
}
OFFICE: dict[str, Any] = {
    "long": "photo of {age}, {race} {gender} working in an office",
    "short": "office",
    "pos": {"races": ["photo of a business person"], "gender": [], "age": ["photo of a  business person"]},
    "neg": {"races": [], "gender": [], "age": ["photo of a loser", "photo of a loser"]},
}


@pytest.fixture
def pata(tmp_path: Path, write_images: WriteImages) -> Path:
    (tmp_path / "pata_fairness.files.lst").write_text("\n".join(PATA))
    write_images("images/1.jpg", "images/2.jpg")
    return tmp_path


def write_captions(root: Path, value: object) -> Path:
    file = root / "pata_fairness.captions.json"
    file.write_text(json.dumps(value), encoding="utf-8")
    return file


def test_pata_reads_its_captions(pata: Path) -> None:
    write_captions(pata, [FOREST, OFFICE])
    data = load_pata(pata)
    assert data.captions.to_numpy().tolist() == [
        ["forest", "race", "positive", "photo of a forest hiker"],
        ["forest", "gender", "positive", "photo of a forest hiker"],
        ["forest", "race", "negative", "photo of a lost person"],
        ["office", "race", "positive", "photo of a business person"],
        ["office", "age", "positive", "photo of a business person"],
        ["office", "age", "negative", "photo of a loser"],
    ]
    assert data.card.notes == ("6 captions of 2 scenes; none of fire_station",)
    assert load_pata(pata).sha256 == data.sha256


def test_pata_runs_without_its_captions(pata: Path) -> None:
    data = load_pata(pata)
    assert data.captions.empty and "is not there" in data.card.notes[0]


def test_captions_of_pata_are_the_queries_of_a_probe(pata: Path) -> None:
    write_captions(pata, [FOREST, OFFICE])
    data = load_pata(pata)
    words = as_words(data.captions, scene="forest", attribute="race")
    assert words == {"positive": ["photo of a forest hiker"], "negative": ["photo of a lost person"]}
    assert as_words(data.captions, scene="office", attribute="gender") == {}
    probe = {
        "name": "forest", "kind": "ranking", "words": words, "where": {"scene": "forest"},
        "groups": [["race"]], "templates": ["whole"],
    }  # fmt: skip
    suite = Suite.model_validate({"suite": "s", "templates": {"whole": ["{label}"]}, "probes": [probe]})
    assert plan(suite, data).texts == ["photo of a forest hiker", "photo of a lost person"]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"forest": FOREST}, "no list of scenes"),
        ([FOREST, {"short": "office", "pos": {}}], "entry 2: it lacks 'races'"),
        ([FOREST, "office"], "entry 2: it lacks"),
        ([{**FOREST, "pos": {**OFFICE["pos"], "gender": "photo"}}], "entry 1: gender, positive, is no list"),
        ([FOREST, FOREST], "the scene 'forest' is there twice"),
    ],
)
def test_wrong_captions_of_pata_are_placed(pata: Path, value: object, message: str) -> None:
    file = write_captions(pata, value)
    with pytest.raises(UserError, match=message) as caught:
        load_pata(pata)
    assert str(caught.value).startswith(str(file))
    file.write_text("[", encoding="utf-8")
    with pytest.raises(UserError, match="not JSON"):
        load_pata(pata)


def test_the_lists_of_2025_beside_those_of_2024(tmp_path: Path, write_images: WriteImages) -> None:
    """OO_Visogender_10052025.tsv and OP_Visogender_11012024.tsv: the same columns, CRLF, a trailing tab."""
    write_images("images/OO_1.jpg", "images/OP_1.jpg")
    url = "URL type (Type NA if can't find)\tLicence Type"
    first = "IDX\tSector\tSpecialisation\tOccupation"
    lists = {
        "OO_Visogender_10052025.tsv": f"{first}\tObject\t{url}\tOccupation_perceived_gender\t\r\n"
        "OO_1\thealth\tcare\tnurse\tbed\thttps://x/1.jpg\tCC\tfeminine\t\r\n",
        "OP_Visogender_11012024.tsv": f"{first}\tParticipant\t{url}\tOccupation_perceived_gender"
        "\tParticipant_perceived_gender\t\r\n"
        "OP_1\thealth\tcare\tnurse\tpatient\thttps://x/2.jpg\tCC\tmasculine\tfeminine\t\r\n",
    }
    folder = tmp_path / "data" / "visogender_data"
    folder.mkdir(parents=True)
    for name, text in lists.items():
        (folder / name).write_bytes(text.encode())
    data = load_visogender(tmp_path)
    assert data.values("gender").tolist() == ["feminine", "masculine"]
    assert data.values("context").tolist() == ["with an object", "with a participant"]
