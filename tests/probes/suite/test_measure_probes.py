from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from probes.suite.measure_probes import Classified, WithTruth, Worded
from probes.suite.suite import Suite

SETS = {"identity": [{"name": "red", "is": {"colour": "red"}}, "blue"], "harm: crime": ["thief"]}
SUITE = Suite.model_validate(
    {"suite": "s", "label_sets": {"c": {"note": "why", "source": "where", "sets": SETS}},
     "probes": [{"name": "p", "kind": "markedness", "marked": ["a"]}]}
)  # fmt: skip
COMMON = {"name": "p", "kind": "k"}


def classified(**changes: Any) -> Classified:
    return Classified.model_validate({**COMMON, "label_set": "c", **changes})


def test_words_of_ones_own_or_a_shipped_list() -> None:
    own = Worded.model_validate({**COMMON, "words": {"warm": ["red"], "cold": ["blue", "red"]}})
    assert [(group, word.name) for group, word in own.word_list.members] == [
        ("warm", "red"), ("cold", "blue"), ("cold", "red"),
    ]  # fmt: skip
    assert own.offered(SUITE)["sets"] == {"warm": ["red"], "cold": ["blue", "red"]}
    with pytest.raises(ValidationError, match="unknown word list"):
        Worded.model_validate({**COMMON, "words": "no_such_list"})
    with pytest.raises(ValidationError, match="the word 'red' is in 'warm' twice"):
        Worded.model_validate({**COMMON, "words": {"warm": ["red", "red"]}})


def test_the_label_set_as_edited_is_offered() -> None:
    offered = classified(design={"drop": ["harm: crime"]}).offered(SUITE)
    assert offered["sets"] == {"identity": ["red", "blue"]} and offered["harmful"] is False
    whole = classified().offered(SUITE)
    assert whole["harmful"] is True and (whole["note"], whole["label_set_source"]) == ("why", "where")


@pytest.mark.parametrize(
    ("change", "place", "message"),
    [
        ({"label_set": "d"}, ("probes", 0, "label_set"), "unknown label set 'd'"),
        ({"templates": ["plian"]}, ("probes", 0, "templates", 0), "unknown template 'plian'"),
        (
            {"design": {"drop": ["mauve"]}},
            ("probes", 0, "design"),
            "the design does not fit the label set 'c'",
        ),
    ],
)
def test_names_are_checked_against_the_suite(change: dict[str, Any], place: tuple, message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        classified(**change).check(SUITE, ["probes", 0])
    error = caught.value.errors()[0]
    assert error["loc"] == place and message in error["msg"]


def test_a_truth_needs_a_class_that_stands_for_it() -> None:
    WithTruth.model_validate({**COMMON, "label_set": "c", "truth": "colour"}).check(SUITE, [])
    with pytest.raises(ValidationError, match="says which age it stands for"):
        WithTruth.model_validate({**COMMON, "label_set": "c", "truth": "age"}).check(SUITE, [])
