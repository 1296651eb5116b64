from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from probes.rules.rule_registry import RULES
from probes.suite.classification_probe import MISCLASSIFIED, Outcome, Probe, is_harmful
from probes.suite.rule_thresholds import own_key
from probes.suite.suite import Suite

PROBE: dict[str, Any] = {"name": "p", "label_set": "c", "outcomes": {"harm": ["harm: crime"]}}


def made(**changes: Any) -> Probe:
    return Probe.model_validate({**PROBE, **changes})


def test_the_short_forms_of_outcomes() -> None:
    assert made().outcomes == {"harm": Outcome(sets=["harm: crime"])}
    assert made(truth="job", outcomes=["misclassified"]).outcomes == {MISCLASSIFIED: Outcome()}
    assert made(outcomes={"harm": {"sets": ["x"], "title": "T"}}).outcomes["harm"].title == "T"


def test_control_attributes_are_attributes_after_the_groups() -> None:
    assert made(groups=[["gender"]], control=["job", "gender"]).attributes == ["gender", "job"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"outcomes": ["misclassified"]}, "'misclassified' needs a truth"),
        ({"outcomes": ["harm"]}, "'harm' needs the sets it counts: write {harm: "),
        ({"outcomes": {"harm": []}}, "the outcome 'harm' names no set"),
        ({"outcomes": {}}, "the probe 'p' counts nothing"),
        ({"rules": ["argmax", "argmax"]}, "is there twice"),
        ({"templates": []}, "at least 1 item"),
    ],
)
def test_a_probe_that_counts_nothing_it_can_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        made(**change)
    assert message in str(caught.value)


def test_an_outcome_is_harmful_if_all_its_sets_are() -> None:
    assert is_harmful(Outcome(sets=["harm: crime", "harm: non-human"]))
    assert not is_harmful(Outcome(sets=["harm: crime", "identity"]))
    assert not is_harmful(Outcome())


def test_every_rule_with_thresholds_has_its_key_in_the_suite() -> None:
    keys = {own_key(rule) for rule in RULES} - {""}
    assert keys == {"top_k", "thresholds", "cosines", "shares"} <= set(Suite.model_fields)
