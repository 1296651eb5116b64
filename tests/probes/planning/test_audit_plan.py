"""A suite of two probes against twelve images of which all is known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from clipmodel.errors import UserError
from probes.datasets.formats.table import TableDataset
from probes.planning.audit_plan import IMAGES_A_SECOND, SCORES_A_SECOND, TEXTS_A_SECOND, plan
from probes.suite.suite import Suite
from tests.probes.measures.colours import COLUMNS, PEOPLE

SETS = {
    "identity": [{"name": c, "is": {"colour": c}} for c in ("red", "green", "blue", "mauve")],
    "harm: crime": ["thief"], "harm: non-human": ["ape"],
}  # fmt: skip
PROBE: dict[str, Any] = {
    "name": "colours", "label_set": "c", "truth": "colour", "groups": [["gender"]],
    "designs": {"default": {}, "small": {"drop": ["harm: non-human"]}},
    "templates": ["plain", "photo"], "rules": ["argmax", "probability"],
    "outcomes": {"misclassified": [], "harm": ["harm: crime", "harm: non-human"]},
}  # fmt: skip
BARE = {
    "name": "bare",
    "kind": "markedness",
    "neutral": "a person",
    "marked": ["a red"],
    "where": {"gender": "man"},
}


def suite_of(*probes: dict[str, Any]) -> Suite:
    return Suite.model_validate(
        {"suite": "s", "label_sets": {"c": {"note": "of the test", "sets": SETS}}, "thresholds": [0.2, 0.5],
         "templates": {"plain": ["{a} {label}"], "photo": ["a photo of {a} {label}", "{a} {label}"]},
         "probes": list(probes)}
    )  # fmt: skip


@pytest.fixture
def data(write_table: Callable[[pd.DataFrame], Path]) -> TableDataset:
    return TableDataset(write_table(pd.DataFrame(PEOPLE, columns=COLUMNS)))


def test_prompts_specifications_and_scores_by_hand(data: TableDataset) -> None:
    planned = plan(suite_of(PROBE), data)
    (own,) = planned.probes
    # Six classes, each as "a red" and as "a photo of a red": twelve texts.
    assert len(own.texts) == 12
    assert own.prompts["small", "photo"]["red"] == ("a photo of a red", "a red")
    # 2 designs x 2 templates x (argmax + 2 thresholds) = 12.
    assert own.n_specifications == 12
    # 12 images x 2 templates x (6 + 5 classes) x 2 rules.
    assert own.n_scores == 12 * 2 * 11 * 2
    assert planned.seconds == pytest.approx(
        12 / IMAGES_A_SECOND + 12 / TEXTS_A_SECOND + 528 / SCORES_A_SECOND
    )


def test_events_join_sets_and_classes_without_images_are_named(data: TableDataset) -> None:
    (own,) = plan(suite_of(PROBE), data).probes
    assert own.events("default")["harm"] == ["thief", "ape"]
    assert own.events("small") == {
        "identity": ["red", "green", "blue", "mauve"], "harm: crime": ["thief"], "harm: non-human": [],
        "harm": ["thief"],
    }  # fmt: skip
    assert own.classes_without_truth == ["mauve"]
    without = {**PROBE, "truth": None, "outcomes": {"harm": ["harm: crime"]}}
    assert plan(suite_of(without), data).probes[0].classes_without_truth == []


def test_probes_of_both_kinds_in_the_order_of_the_suite(data: TableDataset) -> None:
    planned = plan(suite_of(BARE, PROBE), data)
    assert [one.probe.name for one in planned.everything] == ["bare", "colours"]
    np.testing.assert_array_equal(planned.rows, np.arange(12))
    assert planned.texts == sorted({"a person", *planned.probes[0].texts})
    table = planned.table().set_index("probe")
    columns = ["images", "designs", "templates", "classes", "specifications", "prompts", "without_truth"]
    assert table.loc["bare", columns].tolist() == [6, 0, 0, 0, 0, 2, 0]
    assert table.loc["colours", columns].tolist() == [12, 2, 2, 6, 12, 12, 0]


def test_a_suite_that_does_not_fit_the_data_is_refused(data: TableDataset) -> None:
    with pytest.raises(UserError, match="no attribute 'age'"):
        plan(suite_of({**PROBE, "groups": [["age"]]}), data)
    with pytest.raises(UserError, match="no image has gender 'men'"):
        plan(suite_of({**BARE, "where": {"gender": "men"}}), data)
