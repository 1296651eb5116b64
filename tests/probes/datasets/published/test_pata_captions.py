from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from clipmodel.errors import UserError
from probes.datasets.published.pata import load_pata
from probes.datasets.published.pata_captions import as_words
from probes.planning.audit_plan import plan
from probes.suite.suite import Suite
from tests.probes.datasets.conftest import WriteImages

PATA = [
    "forest_indian_male_young|https://x.org/1.jpg|y",
    "fire_station_eastasian_female_old|http://x.org/2.jpg",
    "fire_station_black_female_old|http://x.org/gone.jpg",
    "",
    "fire_station_black_male_young|",
    "office_martian_male_young|http://x.org/6.jpg",
    "words",
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
