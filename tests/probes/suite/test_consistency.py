"""Mistakes that only show when a suite is read as a whole; those with their lines are in test_suite.py."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from probes.suite.consistency import check_suite
from probes.suite.suite import Suite

SUITE: dict[str, Any] = {
    "suite": "s",
    "label_sets": {"c": {"note": "why", "sets": {
        "identity": [{"name": "red", "is": {"colour": "red"}}, "blue"], "harm: crime": ["thief"]}}},
    "thresholds": [0.5],
    "probes": [{"name": "p", "label_set": "c", "truth": "colour", "groups": [["gender"], ["gender", "tone"]],
                "designs": {"default": {}, "small": {"drop": ["harm: crime"]}},
                "outcomes": {"misclassified": [], "crime": ["harm: crime"]}}],
    "gates": [{"name": "g", "probe": "p", "outcome": "crime", "groups": ["gender"], "margin": 0.1}],
}  # fmt: skip
Change = Callable[[dict[str, Any]], object]


def changed(change: Change) -> dict[str, Any]:
    written = copy.deepcopy(SUITE)
    change(written)
    return written


def test_a_suite_that_is_read_is_consistent() -> None:
    check_suite(Suite.model_validate(SUITE))


@pytest.mark.parametrize(
    ("change", "place", "message"),
    [
        (lambda s: s["probes"].append(s["probes"][0]), ("probes", 1, "name"), "two probes are named 'p'"),
        (lambda s: s.update(published="no_such"), ("published",), "unknown file of figures"),
        (lambda s: s["probes"][0].update(rules=["top_k"]), ("probes", 0, "rules"), "'top_k' needs top_k"),
        (lambda s: (s.update(top_k=[2]), s["probes"][0].update(rules=["top_k"])), ("probes", 0, "rules"),
         "with k = 2 assigns every one of the 2 classes"),
        (lambda s: s["probes"][0]["designs"].update(bad={"drop": ["mauve"]}), ("probes", 0, "designs", "bad"),
         "the design 'bad' does not fit the label set 'c'"),
        (lambda s: s["probes"][0]["outcomes"].update({"identity": ["harm: crime"]}),
         ("probes", 0, "outcomes", "identity"), "has the name of another set"),
        (lambda s: s["gates"][0].update(probe="q"), ("gates", 0, "probe"), "unknown probe 'q'"),
        (lambda s: s["gates"][0].update(groups=["tone"]), ("gates", 0, "groups"), "has no groups ['tone']"),
        (lambda s: s["gates"][0].update(designs=["big"]), ("gates", 0, "designs", 0), "unknown design 'big'"),
        (lambda s: s["gates"][0].update(rules=["cosine"]), ("gates", 0, "rules", 0), "unknown rule 'cosine'"),
        (lambda s: (s["probes"][0].update(truth=None, outcomes={"crime": ["harm: crime"]}),
                    s["gates"][0].update(metric="accuracy", outcome="", groups=[])),
         ("gates", 0, "metric"), "has no truth, so no accuracy"),
    ],
)  # fmt: skip
def test_what_does_not_fit_together_is_placed(change: Change, place: tuple, message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Suite.model_validate(changed(change))
    error = caught.value.errors()[0]
    assert message in error["msg"]
    assert error["loc"][: len(place)] == place
