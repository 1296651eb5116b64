"""Which of four images are in a cell, read off their bit strings by eye."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from audit.viewer.cell_images import Choice, chosen_images, specifications_of
from clipmodel.errors import UserError
from tests.audit.support.outcomes_of_images import PATTERNS, outcome_rows, probe_entry, result_with

# Image:    a     b     c     d      "-" is: not asked.
# wrong:    10    11    0-    00
# harm:     01    0-    -1    10
CELLS: dict[str, tuple[dict[str, Any], str]] = {
    "happened": ({}, "ab"),
    "in the second specification": ({"specification": 1}, "b"),
    "did not happen": ({"show": "did not happen"}, "cd"),
    "not asked is neither": ({"show": "did not happen", "specification": 1}, "ad"),
    "another outcome": ({"outcome": "harm"}, "d"),
    "another outcome did not happen": ({"outcome": "harm", "show": "did not happen"}, "ab"),
    "of a group": ({"groups": {"sex": "woman"}}, "b"),
    "of an intersection": (
        {"groups": {"sex": "woman", "skin_tone": "light"}, "show": "did not happen"}, "c",
    ),
    "of those without the attribute": (
        {"groups": {"sex": "(missing)"}, "show": "did not happen"}, "d",
    ),
    "of a group that nobody is in": ({"groups": {"sex": "other"}}, ""),
    "disagree": ({"show": "disagree", "other": 1}, "a"),
    "disagree, the other way round": ({"show": "disagree", "specification": 1, "other": 0}, "a"),
    "disagree on another outcome": ({"outcome": "harm", "show": "disagree", "other": 1}, "ad"),
    "disagree with itself": ({"show": "disagree"}, ""),
}  # fmt: skip


@pytest.mark.parametrize(("choices", "images"), CELLS.values(), ids=CELLS)
def test_the_images_of_a_cell(choices: dict[str, Any], images: str) -> None:
    choice = Choice(**{"probe": "job", "outcome": "wrong"} | choices)
    found = chosen_images(result_with(outcome_rows(PATTERNS)), choice)
    assert "".join(found["image"]) == images
    assert set(found["outcome"]) <= {choice.outcome}


@pytest.mark.parametrize(
    ("specification", "images"),
    # Of a to d the other audit says 0, 1, 1, 0 and then 1, 1, 1, -.
    [(0, "ac"), (1, "a")],
)
def test_two_audits_disagree_in_one_specification(specification: int, images: str) -> None:
    one = result_with(outcome_rows(PATTERNS))
    two = result_with(outcome_rows({("job", "wrong"): ["01", "11", "11", "0-"]}))
    choice = Choice(probe="job", outcome="wrong", specification=specification, other=1, show="disagree")
    assert "".join(chosen_images(one, choice, against=two)["image"]) == images


def test_images_are_matched_by_name_and_what_one_audit_lacks_is_no_disagreement() -> None:
    one = result_with(outcome_rows(PATTERNS))
    turned = outcome_rows({("job", "wrong"): ["01", "01", "01", "11"]}).iloc[::-1]
    choice = Choice(probe="job", outcome="wrong", show="disagree")
    # First characters 1, 1, 0, 0 against 0, 0, 0, 1; without b, its disagreement is unknown.
    assert "".join(chosen_images(one, choice, against=result_with(turned))["image"]) == "abd"
    fewer = result_with(turned[turned["image"] != "b"])
    assert "".join(chosen_images(one, choice, against=fewer)["image"]) == "ad"


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a probe": ({"probe": "jobs"}, "no outcome 'wrong' of the probe 'jobs'"),
    "an outcome": ({"outcome": "right"}, "no outcome 'right' of the probe 'job'"),
    "an attribute": ({"groups": {"age": "old"}}, "no attribute 'age'"),
    "a specification": ({"specification": 2}, "no specification 2"),
    "a specification before the first": ({"specification": -1}, "no specification -1"),
    "the other specification": ({"show": "disagree", "other": 2}, "no specification 2"),
}


@pytest.mark.parametrize(("choices", "words"), REFUSED.values(), ids=REFUSED)
def test_what_the_audit_has_not_is_refused(choices: dict[str, Any], words: str) -> None:
    choice = Choice(**{"probe": "job", "outcome": "wrong"} | choices)
    with pytest.raises(UserError, match=words):
        chosen_images(result_with(outcome_rows(PATTERNS)), choice)


@pytest.mark.parametrize("outcomes", [None, outcome_rows(PATTERNS).iloc[:0]], ids=["none", "empty"])
def test_an_audit_without_outcomes_of_images_says_which_file_is_missing(
    outcomes: pd.DataFrame | None,
) -> None:
    choice = Choice(probe="job", outcome="wrong", show="disagree")
    with pytest.raises(UserError, match=r"outcomes\.parquet"):
        chosen_images(result_with(outcomes), choice)
    with pytest.raises(UserError, match=r"outcomes\.parquet"):
        chosen_images(result_with(outcome_rows(PATTERNS)), choice, against=result_with(outcomes))


def test_specifications_in_words_in_the_order_asked() -> None:
    asked = ["default, plain, highest-scoring class", "with child, plain, probability ≥ 0.2"]
    assert specifications_of(probe_entry()) == asked
    assert specifications_of(probe_entry(specifications=probe_entry()["specifications"][::-1])) == asked[::-1]
