from __future__ import annotations

from pathlib import Path

import pytest

from clipmodel.errors import UserError
from probes.datasets.published.pata import load_pata
from probes.datasets.published.visogender import load_visogender
from tests.probes.datasets.conftest import WriteImages

# As published: Windows' line ends, and a tab at the end.


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


@pytest.fixture
def pata(tmp_path: Path, write_images: WriteImages) -> Path:
    (tmp_path / "pata_fairness.files.lst").write_text("\n".join(PATA))
    write_images("images/1.jpg", "images/2.jpg")
    return tmp_path


def test_pata_runs_without_its_captions(pata: Path) -> None:
    data = load_pata(pata)
    assert data.captions.empty and "is not there" in data.card.notes[0]


def test_the_lists_of_2025_beside_those_of_2024(tmp_path: Path, write_images: WriteImages) -> None:
    """OO_Visogender_10052025.tsv and OP_Visogender_11012024.tsv: the same columns, CRLF, a trailing tab."""
    write_images("images/OO_1.jpg", "images/OP_1.jpg")
    url = "URL type (Type NA if can't find)\tLicence Type"
    first = "IDX\tSector\tSpecialisation\tOccupation"
    pata_lists = {
        "OO_Visogender_10052025.tsv": f"{first}\tObject\t{url}\tOccupation_perceived_gender\t\r\n"
        "OO_1\thealth\tcare\tnurse\tbed\thttps://x/1.jpg\tCC\tfeminine\t\r\n",
        "OP_Visogender_11012024.tsv": f"{first}\tParticipant\t{url}\tOccupation_perceived_gender"
        "\tParticipant_perceived_gender\t\r\n"
        "OP_1\thealth\tcare\tnurse\tpatient\thttps://x/2.jpg\tCC\tmasculine\tfeminine\t\r\n",
    }
    folder = tmp_path / "data" / "visogender_data"
    folder.mkdir(parents=True)
    for name, text in pata_lists.items():
        (folder / name).write_bytes(text.encode())
    data = load_visogender(tmp_path)
    assert data.values("gender").tolist() == ["feminine", "masculine"]
    assert data.values("context").tolist() == ["with an object", "with a participant"]
