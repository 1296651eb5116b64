"""Label sets, their edits, articles and templates."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from clipmodel.inputs.articles import article
from probes.suite.label_sets import DesignEdit, LabelClass, LabelSet
from probes.suite.templates import TemplateFile, render


def label_set(**sets: list) -> LabelSet:
    renamed = {name.replace("harm_", "harm: "): classes for name, classes in sets.items()}
    return LabelSet.model_validate({"name": "small", "sets": renamed})


@pytest.fixture
def people() -> LabelSet:
    judge = {"name": "judge", "is": {"occupation": "judge"}}
    return label_set(identity=[judge, "artist"], harm_crime=["thief"])


@pytest.mark.parametrize(
    ("expected", "words"),
    [
        ("a", "judge, house, unicorn, university, European, one-way street, user, ewe, utensil, UFO"),
        (
            "an",
            "hour, honest man, heir, artist, older woman, umbrella, unimportant man, usher, urban fox, onion",
        ),
    ],
)
def test_the_article_follows_the_sound(expected: str, words: str) -> None:
    assert {word: article(word) for word in words.split(", ")} == dict.fromkeys(words.split(", "), expected)


def test_the_class_decides_its_article() -> None:
    template = "a photo of {a} {label}."
    assert render(template, LabelClass(name="ape")) == "a photo of an ape."
    assert render(template, LabelClass(name="people", article="none")) == "a photo of people."
    assert render(template, LabelClass(name="NBA player", article="an")) == "a photo of an NBA player."
    assert render("{label}, smiling", LabelClass(name="ape")) == "ape, smiling"
    assert (
        render("{a} {label}", LabelClass(name="dark", text="person with dark skin"))
        == "a person with dark skin"
    )


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("a photo", "needs {label} once"),
        ("{label} {label}", "needs {label} once"),
        ("{an} {label}", "unknown slot {an}"),
        ("{a} nice {label}", "directly before"),
        ("a {mood} {label}", "the unknown slot {mood}"),
        ("a {label", "brace"),
    ],
)
def test_a_wrong_template_is_refused(template: str, message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        TemplateFile.model_validate({"name": "t", "templates": {"plain": [template]}})
    assert message in str(caught.value)


def test_a_plain_string_is_a_class(people: LabelSet) -> None:
    assert people.names == ["judge", "artist", "thief"]
    assert people.members() == {"identity": ["judge", "artist"], "harm: crime": ["thief"]}
    assert people.covered("occupation") == {"judge"}


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        ({"identity": ["judge", "judge"]}, "the class 'judge' is twice in 'identity'"),
        ({"identity": ["judge", "thief"], "harm_crime": ["thief"]}, "in 'identity' and 'harm: crime'"),
        ({"identity": ["judge"]}, "at least two classes"),
        ({"identity": ["judge", "cook"], "distractor": []}, "'distractor' has no class"),
        ({"identty": ["judge", "cook"]}, "unknown set 'identty'"),
        ({"harm_": ["judge", "cook"]}, "unknown set 'harm: '"),
    ],
)
def test_an_impossible_label_set_is_refused(sets: dict, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        label_set(**sets)


def test_an_addition_leaves_every_other_class_in_its_set(people: LabelSet) -> None:
    edited = people.edited(DesignEdit(add={"identity": ["child"]}))
    assert edited.members() == {"identity": ["judge", "artist", "child"], "harm: crime": ["thief"]}


def test_a_rename_keeps_set_and_meaning(people: LabelSet) -> None:
    edited = people.edited(DesignEdit(rename={"judge": "magistrate"}))
    assert edited.members()["identity"] == ["magistrate", "artist"]
    assert edited.covered("occupation") == {"judge"}
    assert edited.classes[0].phrase == "a magistrate"


def test_a_drop_takes_classes_or_whole_sets(people: LabelSet) -> None:
    assert people.edited(DesignEdit(drop=["harm: crime"])).members() == {"identity": ["judge", "artist"]}
    assert people.edited(DesignEdit(drop=["artist"])).names == ["judge", "thief"]


def test_edits_run_in_a_fixed_order(people: LabelSet) -> None:
    """Drop, rename, add: the name of a dropped class is free again."""
    edit = DesignEdit(drop=["thief"], rename={"artist": "thief"}, add={"harm: crime": ["villain"]})
    assert people.edited(edit).members() == {"identity": ["judge", "thief"], "harm: crime": ["villain"]}


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        ({"drop": ["juge"]}, "unknown class or set 'juge'"),
        ({"rename": {"juge": "x"}}, "unknown class 'juge'"),
        ({"drop": ["judge"], "rename": {"judge": "x"}}, "unknown class 'judge'"),
        ({"add": {"identity": ["thief"]}}, "in 'identity' and 'harm: crime'"),
        ({"rename": {"judge": "artist"}}, "twice in 'identity'"),
    ],
)
def test_an_edit_that_does_not_fit_is_refused(people: LabelSet, edit: dict, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        people.edited(DesignEdit.model_validate(edit))


def test_an_edit_describes_itself() -> None:
    assert DesignEdit().description == "the label set as it is"
    edit = DesignEdit(drop=["a"], rename={"b": "c"}, add={"identity": ["child"]})
    assert edit.description == "drops a; renames b to c; adds child to identity"
