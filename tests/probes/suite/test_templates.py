from __future__ import annotations

import pytest
from pydantic import ValidationError

from probes.suite.label_sets import LabelClass
from probes.suite.suite import Suite
from probes.suite.templates import Template, render

MOODS = {
    "texts": ["a photo of {a} {mood} {label}", "{a} {mood} {label} {place}"],
    "slots": {"mood": ["happy", "angry"], "place": ["indoors", "outdoors"]},
}


def test_slots_are_crossed() -> None:
    """Two moods for the first text; two moods times two places for the second."""
    assert Template.model_validate(MOODS).filled == {
        "1 happy": "a photo of {a} happy {label}",
        "1 angry": "a photo of {a} angry {label}",
        "2 happy indoors": "{a} happy {label} indoors",
        "2 happy outdoors": "{a} happy {label} outdoors",
        "2 angry indoors": "{a} angry {label} indoors",
        "2 angry outdoors": "{a} angry {label} outdoors",
    }


def test_the_article_is_that_of_the_next_word() -> None:
    judge, people = LabelClass(name="judge"), LabelClass(name="people", article="none")
    assert render("a photo of {a} angry {label}", judge) == "a photo of an angry judge"
    assert render("a photo of {a} happy {label}", LabelClass(name="ape")) == "a photo of a happy ape"
    assert render("a photo of {a} angry {label}", people) == "a photo of angry people"


def asked(use: str) -> Suite:
    return Suite.model_validate(
        {
            "suite": "s",
            "templates": {"plain": ["{a} {label}"], "moods": {**MOODS, "use": use}},
            "label_sets": {"who": {"sets": {"identity": ["judge", "cook"]}}},
            "probes": [
                {
                    "name": "p", "label_set": "who", "templates": ["plain", "moods"],
                    "outcomes": {"o": ["identity"]},
                }
            ],
        }
    )  # fmt: skip


def test_an_ensemble_is_one_template_and_each_is_several() -> None:
    one, several = asked("ensemble"), asked("each")
    assert one.templates_of(one.classification[0]) == ["plain", "moods"]
    assert len(one.template_texts["moods"]) == 6
    names = several.templates_of(several.classification[0])
    assert names == ["plain", *(f"moods {which}" for which in Template.model_validate(MOODS).filled)]
    assert several.template_texts["moods 2 angry indoors"] == ["{a} angry {label} indoors"]


def test_a_suite_with_slots_reads_back_as_the_same() -> None:
    suite = asked("each")
    assert Suite.model_validate(suite.model_dump(by_alias=True)) == suite
    assert asked("ensemble").sha256 != suite.sha256


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"slots": {"mood": ["happy"]}}, "the unknown slot {place}"),
        ({"slots": {**MOODS["slots"], "time": ["today"]}}, "no text has the slot {time}"),
        ({"slots": {**MOODS["slots"], "label": ["x"]}}, "{label} is filled by the class"),
        ({"slots": {**MOODS["slots"], "mood": []}}, "at least 1 item"),
        ({"slots": {**MOODS["slots"], "mood": ["happy", "happy"]}}, "'happy' is there twice"),
        ({"use": "all"}, "'ensemble' or 'each'"),
        ({"texts": ["{label}", "{label}"], "slots": {}}, "is there twice"),
    ],
)
def test_wrong_slots_are_refused(change: dict, message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Template.model_validate({**MOODS, **change})
    assert message in str(caught.value)
