"""`clip-audit probe new`: what is asked, what follows from the answers, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from probes.measures.registry import KINDS
from probes.suite.suite import load_suite
from tests.audit.commands.conftest import SUITE, Invoke


def test_a_new_suite_is_accepted_by_check(invoke: Invoke, workplace: Path) -> None:
    result = invoke(
        "probe", "new", "mine.yaml", "--data", "table:people.csv", "--truth", "colour", "--groups",
        "tone, gender, tone x gender", "--harmful", "thief", "--defaults",
    )  # fmt: skip
    assert result.exit_code == 0
    assert "clip-audit probe check mine.yaml" in result.stdout
    suite = load_suite("mine.yaml")
    (probe,) = suite.probes
    assert (suite.suite, suite.title, suite.data) == ("mine", "mine", "table:people.csv")
    assert probe.groups == [["tone"], ["gender"], ["tone", "gender"]]
    assert probe.rules == ["argmax", "probability"]
    assert set(probe.outcomes) == {"misclassified", "harm"}
    members = suite.label_set(probe.label_set).members()
    assert members == {"identity": ["blue", "green", "red"], "harm: offered": ["thief"]}
    checked = invoke("probe", "check", "mine.yaml")
    assert checked.exit_code == 0
    # Four words under two templates: eight prompts. All 48 images have a colour.
    assert "The suite can run: 48 images x 8 prompts x 6 specifications; about" in checked.stdout


def test_a_new_suite_asks_for_what_is_not_given(invoke: Invoke, workplace: Path) -> None:
    answers = ["What they wear", "table:people.csv", "", "gender", "", "woman, man", "", "tone"]
    result = invoke("probe", "new", "asked.yaml", input="\n".join(answers) + "\n")
    assert result.exit_code == 0
    suite = load_suite("asked.yaml")
    (probe,) = suite.probes
    assert suite.title == "What they wear"
    assert probe.question == "Which gender does the image show?"
    assert probe.truth == "gender"
    assert probe.groups == [["tone"]]
    assert suite.label_set(probe.label_set).names == ["woman", "man"]


def test_a_new_suite_on_the_emoji_uses_a_shipped_label_set(invoke: Invoke, workplace: Path) -> None:
    options = ["--truth", "skin_tone", "--classes", "emoji_skin_tone", "--groups", "gender", "--defaults"]
    assert invoke("probe", "new", "tones.yaml", *options).exit_code == 0
    (probe,) = load_suite("tones.yaml").probes
    assert probe.label_set == "emoji_skin_tone"
    # Most emoji have no skin tone: the suite asks about those that do.
    checked = invoke("probe", "check", "tones.yaml")
    assert checked.exit_code == 0


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_new_suite_of_every_kind_is_accepted(invoke: Invoke, workplace: Path, kind: str) -> None:
    """`probe new` plans the suite on its data before it writes it."""
    options = ["--kind", kind, "--data", "table:people.csv", "--groups", "gender", "--defaults"]
    if KINDS[kind].needs_truth:
        options += ["--truth", "gender"]
    result = invoke("probe", "new", "mine.yaml", *options)
    assert result.exit_code == 0, result.output
    (probe,) = load_suite("mine.yaml").probes
    assert probe.kind == kind and probe.question


def test_a_new_suite_of_another_kind_takes_its_words(invoke: Invoke, workplace: Path) -> None:
    options = ["--data", "table:people.csv", "--kind", "ranking", "--classes", "judge, thief", "--defaults"]
    assert invoke("probe", "new", "mine.yaml", *options, "--groups", "gender, tone").exit_code == 0
    (probe,) = load_suite("mine.yaml").probes
    assert [word.name for _, word in probe.word_list.members] == ["judge", "thief"]
    assert probe.groups == [["gender"], ["tone"]]


NEW_MISTAKES = {
    "unknown kind": (["new.yaml", "--kind", "rankin"], "did you mean 'ranking'?"),
    "there already": (["small.yaml"], "already there"),
    "unknown truth": (["new.yaml", "--truth", "colur"], "did you mean 'colour'?"),
    "no folder": (["nowhere/new.yaml", "--truth", "colour"], "cannot be written"),
}


@pytest.mark.parametrize(("words", "said"), NEW_MISTAKES.values(), ids=NEW_MISTAKES)
def test_a_new_suite_that_cannot_be_made_is_not_written(
    invoke: Invoke, workplace: Path, words: list[str], said: str
) -> None:
    before = sorted(workplace.iterdir())
    result = invoke("probe", "new", *words, "--data", "table:people.csv", "--defaults")
    assert result.exit_code == 2
    assert said in result.stderr
    assert sorted(workplace.iterdir()) == before
    assert (workplace / "small.yaml").read_text(encoding="utf-8") == SUITE


KEPT_MISTAKES = {
    "unknown group": (["--truth", "colour", "--groups", "tones"], "did you mean 'tone'?"),
    "value without class": (["--truth", "colour", "--classes", "red, green"], "blue"),
}


@pytest.mark.parametrize(("words", "said"), KEPT_MISTAKES.values(), ids=KEPT_MISTAKES)
def test_a_new_suite_that_cannot_run_is_kept_with_what_to_edit(
    invoke: Invoke, workplace: Path, words: list[str], said: str
) -> None:
    result = invoke("probe", "new", "new.yaml", *words, "--data", "table:people.csv", "--defaults")
    assert result.exit_code == 2
    assert said in result.stderr and "edit new.yaml" in result.stderr
    assert "new.yaml was written" in result.stderr and Path("new.yaml").is_file()


def test_without_an_answer_a_new_suite_is_not_written(invoke: Invoke, workplace: Path) -> None:
    result = invoke("probe", "new", "silent.yaml", input="")
    assert result.exit_code == 2
    assert "--defaults" in result.stderr
    assert not (workplace / "silent.yaml").exists()


def test_a_class_may_stand_for_a_value_of_another_name(invoke: Invoke, workplace: Path) -> None:
    options = ("--data", "table:people.csv", "--truth", "tone", "--groups", "gender", "--defaults")
    classes = ("--classes", "a pale person=light, a tanned person=dark")
    assert invoke("probe", "new", "mine.yaml", *options, *classes).exit_code == 0
    labels = load_suite("mine.yaml").label_set("own")
    assert {item.name: item.is_ for item in labels.classes} == {
        "a pale person": {"tone": "light"}, "a tanned person": {"tone": "dark"},
    }  # fmt: skip


def test_words_that_are_no_values_are_explained_without_a_file_that_is_gone(
    invoke: Invoke, workplace: Path
) -> None:
    options = ("--data", "table:people.csv", "--truth", "tone", "--groups", "gender", "--defaults")
    done = invoke("probe", "new", "mine.yaml", *options, "--classes", "pale, tanned")
    assert done.exit_code == 2
    assert ".new-suite-" not in done.output
    assert 'or delete the file and answer --classes "' in " ".join(done.output.split())
