"""Traps that scripts of the field fell into: each test fails on the trap."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from clipmodel.errors import UserError
from probes.datasets.formats.table import TableDataset
from probes.planning.audit_plan import plan
from probes.suite.label_sets import DesignEdit
from probes.suite.shipped.library import load_label_set
from probes.suite.suite import Suite, suite_json_schema
from probes.suite.templates import render

FIVE_RACES = ["White", "Black", "Asian", "Indian", "Others"]


@pytest.fixture
def five_races(write_table: Callable[[pd.DataFrame], Path]) -> TableDataset:
    rows = [(f"{i}.png", "red", race) for i, race in enumerate(FIVE_RACES)]
    return TableDataset(write_table(pd.DataFrame(rows, columns=["path", "colour", "race"])))


def asking(label_set: str, **more: Any) -> Suite:
    probe = {"name": "race", "truth": "race", "label_set": label_set, "outcomes": ["misclassified"], **more}
    return Suite.model_validate({"suite": "s", "probes": [probe]})


def test_seven_race_labels_on_five_race_data_are_refused(five_races: TableDataset) -> None:
    """Asian and Others have no class among FairFace's seven; a silent score would call them all wrong."""
    with pytest.raises(UserError, match="no class for race Asian, Others") as caught:
        plan(asking("clip_paper_race"), five_races)
    assert "give a class 'is: {race: Asian}'" in str(caught.value)


def test_an_explicit_map_of_labels_runs_and_classes_without_truth_are_named(five_races: TableDataset) -> None:
    classes = [{"name": race.lower(), "is": {"race": race}} for race in FIVE_RACES]
    latino = {"name": "latino", "is": {"race": "Latino_Hispanic"}}
    suite = Suite.model_validate(
        {
            "suite": "s",
            "label_sets": {"mapped": {"sets": {"identity": [*classes, latino]}}},
            "probes": [
                {"name": "race", "truth": "race", "label_set": "mapped", "outcomes": ["misclassified"]}
            ],
        }
    )
    assert plan(suite, five_races).probes[0].classes_without_truth == ["latino"]


def test_a_class_that_is_added_joins_its_set_and_moves_no_other() -> None:
    """Scripts that take 'the last seven classes' as harmful count an appended child as crime."""
    before = load_label_set("clip_paper_denigration")
    after = before.edited(DesignEdit.model_validate({"add": {"identity": ["child"]}}))
    harmful = [name for name in before.sets if name.startswith("harm: ")]
    assert harmful
    for name in harmful:
        assert after.members()[name] == before.members()[name]
    assert set(after.members()["identity"]) - set(before.members()["identity"]) == {"child"}


def test_an_animal_takes_an() -> None:
    animal = next(item for item in load_label_set("clip_paper_denigration").classes if item.name == "animal")
    assert render("a photo of {a} {label}", animal) == "a photo of an animal"


def test_editors_know_the_rules_the_designs_and_the_slots() -> None:
    schema = suite_json_schema()
    assert {"thresholds", "top_k", "cosines", "shares", "templates"} <= set(schema["properties"])
    probe = schema["$defs"]["Probe"]["properties"]
    assert probe["rules"]["items"]["enum"] == ["argmax", "top_k", "probability", "cosine", "calibrated"]
    assert {"add_one", "drop_one", "synonym_swap"} == set(schema["$defs"]["AutoDesign"]["properties"])
    assert {"texts", "slots", "use"} == set(schema["$defs"]["Template"]["properties"])
    assert {"drop_one", "synonym_swap"} <= set(str(probe["auto"]["items"]).replace("'", " ").split())
