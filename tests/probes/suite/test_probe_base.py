from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from probes.suite.probe_base import Exclusion, ProbeBase

PROBE: dict[str, Any] = {"name": "p", "kind": "any", "groups": [["gender"], ["tone", "gender"]]}


def made(**changes: Any) -> ProbeBase:
    return ProbeBase.model_validate({**PROBE, **changes})


def test_attributes_are_those_of_all_groupings_once_in_their_order() -> None:
    assert made().attributes == ["gender", "tone"]
    assert made(groups=[]).attributes == []


def test_the_three_forms_of_a_filter() -> None:
    where = made(where={"a": "x", "b": ["x", 3], "c": {"not": ["y"]}}).where
    assert where["a"] == "x" and where["b"] == ["x", "3"]
    assert isinstance(where["c"], Exclusion) and where["c"].not_ == ["y"]


@pytest.mark.parametrize(
    ("change", "place", "message"),
    [
        ({"where": {"a": []}}, ("where", "a", "values"), "at least 1 item"),
        ({"where": {"a": {"not": []}}}, ("where", "a", "exclusion", "not"), "at least 1 item"),
        ({"references": {"age": "old"}}, ("references", "age"), "unknown group attribute 'age'"),
        ({"groups": [["gender"], ["gender"]]}, ("groups",), "is there twice"),
        ({"groups": [[]]}, ("groups", 0), "at least 1 item"),
        ({"min_group": 0}, ("min_group",), "greater than or equal to 1"),
    ],
)
def test_a_mistake_is_placed_below_what_was_written(
    change: dict[str, Any], place: tuple, message: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        made(**change)
    error = caught.value.errors()[0]
    assert error["loc"] == place and message in error["msg"]
