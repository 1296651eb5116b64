"""Every suite, label set, word list, template and reference in the package: whole, sourced, and explained."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from clipmodel.errors import UserError
from clipmodel.inputs.articles import article
from probes.datasets.published.fairface import load_fairface
from probes.embeddings.embed import EmbeddingStore
from probes.planning.audit_plan import plan
from probes.runner import run_suite
from probes.suite.label_sets import is_harm
from probes.suite.shipped.library import load_label_set, shipped
from probes.suite.shipped.published_figure_files import load_figures, shipped_figures
from probes.suite.shipped.word_lists import WordList, load_words, shipped_words
from probes.suite.suite import Suite, load_suite
from probes.suite.templates import render
from tests.probes.conftest import FakeModel
from tests.probes.integration.test_clip_paper_suite import faces
from tests.support.measured import measures_of

ON_FACES = ("clip_paper", "datacomp", "so_b_it", "ranking", "association")


@pytest.mark.parametrize("name", shipped("suites"))
def test_a_suite_says_what_it_is_and_reads_back_from_its_own_text(name: str) -> None:
    suite = load_suite(name)
    assert suite.suite == name and suite.title and suite.description
    assert all(probe.question for probe in suite.probes)
    assert Suite.model_validate(yaml.safe_load(suite.text)).sha256 == suite.sha256


def test_the_suites_that_were_promised_are_there() -> None:
    promised = {"clip_paper", "datacomp", "so_b_it", "ranking", "association", "geography", "surveillance"}
    assert promised | {"quickstart", "congress"} <= set(shipped("suites"))


@pytest.mark.parametrize("name", shipped("label_sets"))
def test_a_label_set_has_a_source_and_says_why_its_words_are_there(name: str) -> None:
    labels = load_label_set(name)
    assert labels.source
    assert labels.note or not any(map(is_harm, labels.sets))


@pytest.mark.parametrize("name", shipped_words())
def test_a_word_list_has_a_source_and_a_note(name: str) -> None:
    words = load_words(name)
    assert words.source and words.note
    assert len(words.members) >= 40


@pytest.mark.parametrize("name", shipped_figures())
def test_references_have_a_source(name: str) -> None:
    assert "not targets" in load_figures(name).note


def test_words_after_an_article_take_the_right_one() -> None:
    """ "a animal", as other code writes, asks about another sentence."""
    for name in shipped_words():
        for _, word in load_words(name).members:
            text = render("a photo of {a} {label}", word)
            found = re.fullmatch(r"a photo of (an?) (.+)", text)
            assert found and found[1] == article(found[2])
    educated = next(word for _, word in load_words("so_b_it").members if word.name == "educated")
    assert render("{a} {label}", educated) == "an educated person"


def test_so_b_it_has_its_ten_categories() -> None:
    words = load_words("so_b_it")
    assert len(words.words) == 10
    assert words.harmful


def test_geode_has_its_forty_objects() -> None:
    labels = load_label_set("geode_objects")
    assert len(labels.names) == 40
    assert labels.covered("object") == {name.replace(" ", "_") for name in labels.names}


@pytest.mark.parametrize("name", ON_FACES)
def test_the_suites_on_faces_fit_fairface(name: str, tmp_path: Path) -> None:
    planned = plan(load_suite(name), load_fairface(faces(tmp_path)))
    assert len(planned.rows) == 63
    assert all(len(part.selection.rows) for part in planned.everything)


def test_the_association_suite_runs(tmp_path: Path, model: FakeModel, store: EmbeddingStore) -> None:
    records = run_suite(load_suite("association"), model, load_fairface(faces(tmp_path)), store=store)
    rows = measures_of(records)
    assert {"WEAT d", "SC-WEAT d", "unmarked share"} <= set(rows["metric"])
    weats = rows[rows["metric"] == "WEAT d"]
    assert weats["p"].between(0, 1).all() and (weats["template"] != "").all()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({}, "there is no word"),
        ({"a": []}, "has no word"),
        ({"a": ["x", "x"]}, "twice"),
    ],
)
def test_a_word_list_that_cannot_be_asked_is_refused(words: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        WordList.model_validate({"words": words})


@pytest.mark.parametrize(
    ("probe", "message"),
    [
        ({"kind": "association", "words": "so_b_itt", "groups": [["g"]]}, "did you mean 'so_b_it'"),
        ({"kind": "association", "words": {"w": ["x"]}}, "c_asc compares groups"),
        ({"kind": "association", "test": "sc_weat", "words": {"w": ["x"]}}, "two values of one attribute"),
        ({"kind": "association", "test": "weat", "words": "weat", "contrast": {"g": ["a", "b"]},
          "between": ["career", "famly"]}, "did you mean 'family'"),
        ({"kind": "ranking", "words": "queries"}, "a ranking compares groups"),
        ({"kind": "ranking", "words": "queries", "groups": [["g"]], "k": [0]}, "greater than or equal to 1"),
        ({"kind": "ranking", "words": "queries", "groups": [["g"]], "zero_rule": "1/N"}, "'1/K'"),
        ({"kind": "ranking", "words": "queries", "groups": [["g"]], "bias": {"h": ["a", "b"]}}, "'h'"),
        ({"kind": "group_accuracy", "label_set": "geode_objects", "truth": "objct"}, "no class of the label"),
        ({"kind": "group_accuracy", "label_set": "geode_objects", "truth": "object",
          "buckets": {"income": [3, 1]}}, "do not ascend"),
        ({"kind": "conditionals", "label_set": "clip_paper_denigration", "outcomes": {"c": ["harm: crim"]}},
         "did you mean 'harm: crime'"),
        ({"kind": "pronouns", "truth": "g", "caption": "the {x}", "pronouns": {"a": "his", "b": "her"}},
         "needs {pronoun} once"),
        ({"kind": "counterfactual", "label_set": "emoji_gender", "attribute": "g", "templates": ["plian"]},
         "did you mean 'plain'"),
        ({"kind": "counterfactual", "label_set": "emoji_gender", "attribute": "g", "design": {"drop": ["x"]}},
         "does not fit"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_kind_is_named_with_its_remedy(
    tmp_path: Path, probe: dict[str, Any], message: str
) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(yaml.safe_dump({"suite": "s", "probes": [{"name": "p", **probe}]}))
    with pytest.raises(UserError) as caught:
        load_suite(path)
    assert message in str(caught.value)
