"""The card an owner writes beside data: what it says, chooses, renames and permits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from clipmodel.errors import UserError
from probes.datasets import load_dataset
from probes.datasets.cards import card_file
from probes.datasets.dataset_registry import DATASETS
from probes.planning.audit_plan import plan
from probes.suite.suite import Suite

from .conftest import WriteImages

TABLE = "path,race,age,photographer\na.jpg,Asian,old,x\nb.jpg,Black,young,y\nc.jpg,Asian,young,x\n"


def write(folder: Path, card: str) -> str:
    (folder / "people.csv").write_text(TABLE)
    (folder / "people.card.yaml").write_text(card)
    return f"table:{folder / 'people.csv'}"


def test_a_card_describes_a_table(tmp_path: Path) -> None:
    card = """
        licence: CC BY 4.0
        label_provenance: self-reported
        labelled_by: the persons, in a form
        attributes: [race, age]
        cluster: photographer
        orders: {age: [young, old]}
        values: {race: {Asian: East Asian}}
    """
    data = load_dataset(write(tmp_path, card))
    assert (data.card.licence, data.card.label_provenance) == ("CC BY 4.0", "self-reported")
    assert (data.card.labelled_by, data.card.consent) == ("the persons, in a form", "not stated")
    assert data.card.caution == ""
    assert data.attributes == ["race", "age"]
    assert data.clusters.tolist() == ["x", "y", "x"]
    assert data.levels("age") == ["young", "old"]
    assert data.values("race").tolist() == ["East Asian", "Black", "East Asian"]
    assert data.card.notes == (
        "race Asian is called East Asian here, in 2 images, as people.card.yaml says.",
    )


@pytest.mark.parametrize(
    ("card", "message"),
    [
        ("license: MIT", "unknown key"),
        ("label_provenance: guessed", "label_provenance"),
        ("attributes: [rase]", "no column 'rase'"),
        ("values: {race: {Asiann: East Asian}}", "no image has race 'Asiann'"),
        ("orders: {ages: [young]}", "no column 'ages'"),
        ("cluster: subject", "no column 'subject'"),
        ("attributes: [race, race]", "line 1: attributes: 'race' is there twice"),
        ("image_attributes: [race, race]", "image_attributes: 'race' is there twice"),
        ("ordinal: [race, race]", "ordinal: 'race' is there twice"),
        ('orders: {race: [Asian, "Asian ", Black]}', "orders: 'Asian' is there twice"),
        ("annotators: {race: [race, race]}", "annotators: 'race' is there twice"),
    ],
)
def test_a_wrong_card_is_refused(tmp_path: Path, card: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        load_dataset(write(tmp_path, card))
    assert "people.card.yaml" in caught.value.message
    assert caught.value.remedy


def test_other_folders_of_images_are_allowed_by_the_card_alone(
    tmp_path: Path, write_images: WriteImages
) -> None:
    write_images("photos/a.jpg")
    home = tmp_path / "tables"
    home.mkdir()
    (home / "people.csv").write_text(f"path,gender\n{tmp_path / 'photos' / 'a.jpg'},woman\n")
    with pytest.raises(UserError, match="outside the folder") as caught:
        load_dataset(f"table:{home / 'people.csv'}")
    assert f'write into people.card.yaml:  images: ["{tmp_path / "photos"}"]' in str(caught.value.remedy)
    (home / "people.card.yaml").write_text("images: [../photos]")
    assert load_dataset(f"table:{home / 'people.csv'}").open_image(0).size == (8, 6)


def test_a_card_describes_a_folder_and_permits_its_links(tmp_path: Path, write_images: WriteImages) -> None:
    write_images("disk/1.jpg", "data/nurse/2.jpg")
    (tmp_path / "data" / "pilot").symlink_to(tmp_path / "disk")
    with pytest.raises(UserError, match=r"'pilot/1.jpg' is in 'pilot', a link that leads outside"):
        load_dataset(f"folder:{tmp_path / 'data'}")
    card_file(tmp_path / "data").write_text("images: [../disk]\nlicence: mine\n")
    data = load_dataset(f"folder:{tmp_path / 'data'}")
    assert data.card.licence == "mine"
    assert data.values("folder").tolist() == ["nurse", "pilot"]


def test_a_card_describes_embeddings_and_predictions(tmp_path: Path) -> None:
    np.savez(
        tmp_path / "e.npz", image=np.eye(2), text=np.eye(2), text_name=np.array(["m", "w"]), sex=["m", "w"]
    )
    (tmp_path / "e.card.yaml").write_text("title: My embeddings\nvalues: {sex: {m: man, w: woman}}\n")
    data = load_dataset(f"embeddings:{tmp_path / 'e.npz'}")
    assert (data.card.title, data.values("sex").tolist()) == ("My embeddings", ["man", "woman"])
    (tmp_path / "p.csv").write_text("sex,prediction\nm,man\nw,man\n")
    (tmp_path / "p.card.yaml").write_text("values: {sex: {m: man, w: woman}}\n")
    assert load_dataset(f"predictions:{tmp_path / 'p.csv'}").values("sex").tolist() == ["man", "woman"]


def test_a_card_maps_the_values_of_a_published_data_set(tmp_path: Path, write_images: WriteImages) -> None:
    """Five races, of which the labels of the CLIP paper know four, and one by another name."""
    write_images(
        "20_1_2_20170116174525125.jpg", "30_0_4_20170116174525126.jpg", "40_0_1_20170116174525127.jpg"
    )
    suite = Suite.model_validate(
        {
            "suite": "races",
            "probes": [
                {
                    "name": "race",
                    "truth": "race",
                    "label_set": "clip_paper_race",
                    "outcomes": ["misclassified"],
                }
            ],
        }
    )
    with pytest.raises(UserError, match="no class for race Asian, Others"):
        plan(suite, load_dataset(f"utkface:{tmp_path}"))
    card_file(tmp_path).write_text("values: {race: {Asian: East Asian, Others: null}}\n")
    data = load_dataset(f"utkface:{tmp_path}")
    assert data.card.notes[2] == "race Others counts as no label here, in 1 image, as card.yaml says."
    table = plan(suite, data).table()
    assert table[["images", "without_truth"]].to_numpy().tolist() == [[2, 1]]


def test_every_published_data_set_states_its_terms() -> None:
    cards = [kind.card for kind in DATASETS.values() if kind.card]
    for card in cards:
        for value in (card.licence, card.consent, card.caution, card.labelled_by, card.source):
            assert value not in ("", "not stated"), card.name
    assert len({card.name for card in cards}) == len(cards) == 30
