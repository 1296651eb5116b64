from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from probes.suite.rule_thresholds import normalised, own_key
from probes.suite.suite import Suite, suite_json_schema

CLASSES = {"sets": {"identity": ["man", "woman", "child"]}}
PROBE = {"name": "p", "label_set": "c", "outcomes": {"identity": ["identity"]}}


def made(rules: list[str], **more: Any) -> Suite:
    probe = {**PROBE, "rules": rules}
    return Suite.model_validate({"suite": "s", "label_sets": {"c": CLASSES}, "probes": [probe], **more})


@pytest.mark.parametrize(
    ("rule", "values"),
    [("probability", [0.2, 0.5]), ("top_k", [1]), ("cosine", [0.3]), ("calibrated", [0.1])],
)
def test_both_ways_to_write_thresholds_are_one_suite(rule: str, values: list[float]) -> None:
    general = made([rule], rule_thresholds={rule: values})
    own = made([rule], **{own_key(rule): values})
    assert general.thresholds_of(rule) == own.thresholds_of(rule) == values
    assert general.sha256 == own.sha256
    assert "rule_thresholds" in general.text and "rule_thresholds" not in own.text


def test_a_rule_without_thresholds_has_none() -> None:
    assert made(["argmax"]).thresholds_of("argmax") == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rule_thresholds": {"probability": [1.5]}}, "1.5 cannot be a threshold of the rule 'probability'"),
        ({"rule_thresholds": {"top_k": [2.5]}}, "2.5 cannot be a threshold of the rule 'top_k'"),
        ({"rule_thresholds": {"argmax": [0.5]}}, "unknown rule with thresholds 'argmax'"),
        ({"rule_thresholds": {"probabilty": [0.5]}}, "unknown rule with thresholds 'probabilty'"),
        ({"rule_thresholds": {"cosine": [0.5, 0.5]}}, "is there twice"),
        ({"rule_thresholds": {"probability": [0.5]}, "thresholds": [0.5]}, "are written twice"),
        ({}, "the rule 'probability' needs thresholds"),
    ],
)
def test_thresholds_that_cannot_be_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        made(["probability"], **change)
    assert message in str(caught.value)


def test_an_unknown_rule_is_refused_and_the_known_ones_are_in_the_schema() -> None:
    with pytest.raises(ValidationError, match="unknown rule 'argmx'"):
        made(["argmx"])
    rules = suite_json_schema()["$defs"]["Probe"]["properties"]["rules"]["items"]
    assert rules == {"enum": ["argmax", "top_k", "probability", "cosine", "calibrated"], "type": "string"}


def test_a_top_k_of_all_classes_is_refused() -> None:
    with pytest.raises(ValidationError, match="with k = 3 assigns every one of the 3 classes"):
        made(["top_k"], rule_thresholds={"top_k": [1, 3]})


def test_normalised_moves_thresholds_to_the_key_of_their_rule() -> None:
    found = normalised({"thresholds": [], "rule_thresholds": {"probability": [0.5], "top_k": [2.0]}})
    assert found == {"thresholds": [0.5], "top_k": [2]}
    assert isinstance(found["top_k"][0], int)
