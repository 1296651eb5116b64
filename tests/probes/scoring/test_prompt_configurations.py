from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from probes.datasets.formats.table import TableDataset
from probes.planning.audit_plan import ProbePlan, plan
from probes.scoring.prompt_configurations import ask, calibrate, configure
from probes.scoring.threshold_lookup import RuleThresholds
from probes.suite.classification_probe import MISCLASSIFIED
from probes.suite.suite import Suite

SETS = {
    "identity": [{"name": "red", "is": {"colour": "red"}}, {"name": "green", "is": {"colour": "green"}}],
    "harm: crime": ["thief"], "harm: non-human": ["ape"],
}  # fmt: skip
ROWS = [("0.png", "red", "woman"), ("1.png", "green", "man"), ("2.png", "green", "woman")]


def suite_of(**probe: Any) -> Suite:
    return Suite.model_validate(
        {"suite": "s", "label_sets": {"c": {"note": "of the test", "sets": SETS}}, "thresholds": [0.5, 0.2],
         "curve": 3, "shares": [0.5],
         "probes": [{"name": "p", "label_set": "c", "truth": "colour", "groups": [["gender"]],
                     "outcomes": {MISCLASSIFIED: [], "crime": ["harm: crime"],
                                  "any": ["harm: crime", "harm: non-human"]}, **probe}]}
    )  # fmt: skip


@pytest.fixture
def planned(write_table: Callable[[pd.DataFrame], Path]) -> Callable[..., tuple[ProbePlan, Suite]]:
    data = TableDataset(write_table(pd.DataFrame(ROWS, columns=["path", "colour", "gender"])))

    def make(**probe: Any) -> tuple[ProbePlan, Suite]:
        suite = suite_of(**probe)
        return plan(suite, data).probes[0], suite

    return make


Planned = Callable[..., tuple[ProbePlan, Suite]]


def test_outcomes_become_events_and_rules_take_the_thresholds_of_the_suite(planned: Planned) -> None:
    question = ask(*planned(rules=["argmax", "probability"]))
    # One set is its own event; several are an event of the outcome's name.
    assert question.outcomes == {MISCLASSIFIED: MISCLASSIFIED, "crime": "harm: crime", "any": "any"}
    assert [rule.name for rule in question.rules] == ["argmax", "probability"]
    assert question.rules[1].thresholds.tolist() == [0.2, 0.5]
    assert question.curve.tolist() == [0, 0.5, 1]
    assert len(ask(*planned()).curve) == 0  # only probabilities have a curve


def test_classes_are_sorted_shared_and_right_where_they_stand_for_the_truth(planned: Planned) -> None:
    own, _ = planned(designs={"default": {}, "small": {"drop": ["harm: non-human"]}})
    rng = np.random.default_rng(0)
    embedded = {
        text: row / np.linalg.norm(row)
        for text, row in zip(sorted(own.texts), rng.normal(size=(9, 4)), strict=False)
    }
    first, second = configure(own, embedded, cells=own.selection.cells)[0]
    vectors = configure(own, embedded, cells=own.selection.cells)[1]
    assert first.classes == ("ape", "green", "red", "thief") and second.classes == ("green", "red", "thief")
    assert len(vectors) == 4  # the classes of both designs, each once
    np.testing.assert_array_equal(first.columns[1:], second.columns)
    (text,) = own.prompts["default", "plain"]["red"]
    np.testing.assert_allclose(vectors[first.columns[2]], embedded[text], rtol=1e-6)
    truths = own.selection.cells["truth"].tolist()
    assert first.right is not None
    assert first.right.tolist() == [[False, t == "green", t == "red", False] for t in truths]
    assert first.sets["any"] == ["thief", "ape"] and second.sets["any"] == ["thief"]


def test_without_a_truth_nothing_is_right(planned: Planned) -> None:
    own, _ = planned(truth=None, outcomes={"crime": ["harm: crime"]})
    embedded = {text: np.eye(4)[0] for text in own.texts}
    (configuration,), _ = configure(own, embedded, cells=own.selection.cells)
    assert configuration.right is None


def test_a_class_is_calibrated_once_and_alike_in_every_design(planned: Planned) -> None:
    own, _ = planned(designs={"default": {}, "small": {"drop": ["harm: non-human"]}}, rules=["calibrated"])
    embedded = {text: np.eye(4, dtype=np.float32)[place] for place, text in enumerate(sorted(own.texts))}
    configurations, vectors = configure(own, embedded, cells=own.selection.cells)
    images = np.eye(4, dtype=np.float32)[[0, 1, 1]]
    first, second = calibrate(
        configurations,
        images,
        vectors,
        rule=RuleThresholds.of("calibrated", [0.5]),
        cells=own.selection.cell,
        device="cpu",
    )
    assert first.class_thresholds["calibrated"].shape == (1, 4)
    np.testing.assert_array_equal(
        first.class_thresholds["calibrated"][:, 1:], second.class_thresholds["calibrated"]
    )
