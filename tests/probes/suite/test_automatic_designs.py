from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from clipmodel.errors import UserError
from probes.suite.automatic_designs import AutoDesign
from probes.suite.label_sets import LabelSet
from probes.suite.suite import Suite, load_suite

LABELS = LabelSet.model_validate(
    {
        "name": "people",
        "sets": {
            "identity": [
                {"name": "man", "is": {"gender": "Male"}, "synonyms": ["guy", "old  man"]},
                {"name": "woman", "is": {"gender": "Female"}},
                {"name": "lady", "is": {"gender": "Female"}},
            ],
            "harm: crime": ["thief"],
        },
    }
)


def test_one_design_for_each_class_added() -> None:
    edits = AutoDesign.model_validate({"add_one": {"identity": ["child"]}}).edits(LABELS, truth=None)
    assert list(edits) == ["add child"]
    assert LABELS.edited(edits["add child"]).members()["identity"] == ["man", "woman", "lady", "child"]
    listed = AutoDesign.model_validate({"add_one": ["robot", "statue"]}).edits(LABELS, truth=None)
    assert list(listed) == ["add robot", "add statue"]
    assert LABELS.edited(listed["add robot"]).members()["distractor"] == ["robot"]


def test_one_design_for_each_class_dropped_but_none_that_a_truth_needs() -> None:
    """Only 'man' stands for Male; two classes stand for Female; the thief stands for nothing."""
    every = AutoDesign(drop_one=[])
    assert list(every.edits(LABELS, truth="gender")) == ["drop woman", "drop lady", "drop thief"]
    assert list(every.edits(LABELS, truth=None)) == ["drop man", "drop woman", "drop lady", "drop thief"]
    named = AutoDesign(drop_one=["harm: crime"]).edits(LABELS, truth="gender")
    assert LABELS.edited(named["drop harm: crime"]).names == ["man", "woman", "lady"]


def test_a_synonym_changes_the_words_and_not_the_meaning() -> None:
    edits = AutoDesign(synonym_swap={}).edits(LABELS, truth="gender")
    assert list(edits) == ["man as guy", "man as old  man"]
    man = LABELS.edited(edits["man as old  man"]).classes[0]
    assert (man.name, man.phrase, man.is_) == ("man", "an old man", {"gender": "Male"})
    assert edits["man as guy"].description == "shows man as guy"


SUITE: dict[str, Any] = {
    "suite": "s",
    "label_sets": {"people": LABELS.model_dump(by_alias=True)},
    "probes": [
        {
            "name": "p",
            "label_set": "people",
            "truth": "gender",
            "designs": {"default": {}, "no crime": {"drop": ["harm: crime"]}},
            "auto": [{"add_one": {"identity": ["child"]}}, "drop_one", {"synonym_swap": {"woman": ["girl"]}}],
            "outcomes": ["misclassified"],
        }
    ],
}


def test_automatic_designs_follow_the_written_ones() -> None:
    suite = Suite.model_validate(SUITE)
    designs = suite.designs(suite.classification[0])
    assert list(designs) == [
        "default", "no crime", "add child", "drop woman", "drop lady", "drop thief", "woman as girl",
    ]  # fmt: skip
    assert Suite.model_validate(suite.model_dump(by_alias=True)) == suite


@pytest.mark.parametrize(
    ("auto", "words"),
    [
        ("{drop_one: [theif]}", "unknown class or set 'theif' (did you mean 'thief'?)"),
        ("{synonym_swap: {mann: [guy]}}", "unknown class 'mann' (did you mean 'man'?)"),
        ("{synonym_swap: {man: [woman]}}", "the classes 'man' and 'woman' are both shown as 'woman'"),
        ("{add_one: [thief]}", "the class 'thief' is in 'harm: crime' and 'distractor'"),
        ("{add_on: [x]}", "did you mean 'add_one'?"),
        ("synonym_swap", "gives no design"),
        ("{drop_one: [], synonym_swap: {man: []}}, synonym_swap", "gives no design"),
        ("{}", "an automatic design is one of add_one, drop_one, synonym_swap"),
        ("drop_one, drop_one", "the design 'drop man' is there twice"),
    ],
)
def test_a_wrong_automatic_design_is_placed_and_explained(tmp_path: Path, auto: str, words: str) -> None:
    text = (
        "suite: s\nlabel_sets:\n  people: {sets: {identity: [man, woman], 'harm: crime': [thief]}}\n"
        f"probes:\n  - name: p\n    label_set: people\n    outcomes: {{o: [identity]}}\n    auto: [{auto}]\n"
    )
    (tmp_path / "s.yaml").write_text(text)
    with pytest.raises(UserError) as caught:
        load_suite(tmp_path / "s.yaml")
    assert words in str(caught.value)
    assert ", line 8: " in str(caught.value) or ", line 5: " in str(caught.value)


def test_two_classes_of_the_same_words_are_refused() -> None:
    sets = {"identity": ["man", {"name": "guy", "text": "man"}]}
    with pytest.raises(ValidationError, match="'man' and 'guy' are both shown as 'man'"):
        LabelSet.model_validate({"name": "x", "sets": sets})
