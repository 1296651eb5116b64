from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from probes.suite.gate_limits import Gate, GateFile

GATE = {"name": "tones", "probe": "work", "outcome": "harm", "groups": ["skin_tone"], "margin": 0.1}


def test_a_gate_is_on_a_difference_of_all_designs_unless_it_says_otherwise() -> None:
    gate = Gate.model_validate(GATE)
    assert (gate.metric, gate.designs, gate.templates, gate.rules) == ("difference", [], [], [])
    assert Gate.model_validate({**GATE, "metric": "accuracy", "outcome": "", "groups": []}).margin == 0.1
    assert Gate.model_validate({**GATE, "metric": "rate", "groups": []}).groups == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"metric": "accuracy"}, "a gate on accuracy has no outcome"),
        ({"metric": "rate", "outcome": ""}, "a gate on a rate needs the outcome"),
        ({"metric": "ratio", "groups": []}, "a gate on a ratio needs groups to compare"),
        ({"margin": 5}, "the margin 5 is above 1"),
        ({"margin": 0}, "greater than 0"),
        ({"margin": float("nan")}, "greater than 0|finite"),
        ({"metric": "variance"}, "Input should be 'difference'"),
        ({"limit": 1}, "limit"),
    ],
)
def test_a_gate_that_could_not_be_judged_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Gate.model_validate({**GATE, **change})


def test_a_file_of_gates_has_some() -> None:
    assert len(GateFile.model_validate({"gates": [GATE]}).gates) == 1
    with pytest.raises(ValidationError, match="at least 1"):
        GateFile.model_validate({"gates": []})
