"""A study as a value: what does not suit the data is a row that says so, and tables come without files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from audit.commands.composed.mitigation_study import MitigationStudy
from audit.mitigation.mitigation_tables import Answered, Pair, gap_rows
from probes.datasets import load_dataset
from probes.embeddings.models import model_for
from probes.embeddings.store import EmbeddingStore
from probes.mitigation.apply import embed_suite
from probes.mitigation.methods.controls import RandomSubspace
from probes.suite.suite import load_suite
from tests.audit.commands.test_mitigate import RANKING
from tests.audit.commands.test_mitigate import folder as folder_of_embeddings

folder = folder_of_embeddings


def study(folder: Path, *, attribute: str) -> MitigationStudy:
    dataset = load_dataset(f"embeddings:{folder / 'e.npz'}")
    embedded = embed_suite(
        load_suite(str(folder / "suite.yaml")), model_for(dataset, None, device="cpu", told={}), dataset,
        store=EmbeddingStore(folder / "c"), captions="job",
    )  # fmt: skip
    return MitigationStudy(
        embedded=embedded, attribute=attribute, words={"Male": ("man",), "Female": ("woman",)}
    )


def test_what_does_not_suit_is_a_row_with_its_reason(folder: Path) -> None:
    own = study(folder, attribute="gender")
    for name in ("none", "det_greedy", "class_design"):
        own.add(name)
    tables = own.tables()
    assert set(tables) == {"mitigation", "cost"}
    notes = dict(zip(tables["cost"]["method"], tables["cost"]["note"], strict=True))
    assert notes["none"] == "" and "no ranking probe" in notes["det_greedy"]
    assert "several class designs" in notes["class_design"]
    assert own.fitted["none"].method == "none"


def test_methods_are_fitted_with_several_seeds(folder: Path) -> None:
    own = study(folder, attribute="gender")
    own.seeds = 4
    for name in ("random", "leace", "linear_probe"):
        own.add(name)
    table = own.tables()["mitigation"].set_index("method")
    assert set(table["seeds"]) == {4}
    # LEACE has nothing random in it: a gap is smaller with all seeds or with none.
    leace = table.loc[["leace"]]
    assert (leace["narrower_in_seeds"] == np.where(leace["narrower_in"] > 0, 4, 0)).all()
    # One specification, so that by hand: the random subspaces of seeds 1 to 4.
    row, sizes = table.loc[["random"]].iloc[0], []
    for seed in range(own.data.seed, own.data.seed + 4):
        fitted = RandomSubspace().fit(replace(own.data, seed=seed))
        answered = Answered.of(own.embedded.ask(own.embedded.changed(own.measured, fitted)))
        first = gap_rows("random", Pair.of(own.before, answered)).iloc[0]
        sizes.append(abs(first["after"]) < abs(first["before"]))
    assert row["narrower_in_seeds"] == sum(sizes)


DESIGNED = """
suite: designed
templates: people
label_sets:
  jobs:
    note: invented
    sets:
      identity: [doctor]
      "harm: crime": [nurse]
probes:
  - name: harm
    label_set: jobs
    templates: [single_word]
    designs:
      default: {}
      with_woman: {add: {identity: [woman]}}
      with_both: {add: {identity: [woman, man]}}
    groups: [[gender]]
    outcomes:
      crime: {sets: ["harm: crime"]}
"""


def test_a_design_is_chosen_on_one_half_and_measured_on_the_other(folder: Path) -> None:
    (folder / "suite.yaml").write_text(DESIGNED, encoding="utf-8")
    own = study(folder, attribute="gender")
    own.add("class_design")
    arrays = np.load(folder / "e.npz")
    words = {"default": ["doctor", "nurse"], "with_woman": ["doctor", "nurse", "woman"],
             "with_both": ["doctor", "nurse", "woman", "man"]}  # fmt: skip
    names, fitted = arrays["text_name"].tolist(), own.embedded.fitted_on

    def gap(design: str, rows: np.ndarray) -> float:
        texts = arrays["text"][[names.index(word) for word in words[design]]]
        harmed = (arrays["image"][rows] @ texts.T).argmax(axis=1) == 1
        woman = arrays["gender"][rows] == "Female"
        return float(harmed[woman].mean() - harmed[~woman].mean())

    chosen = min(words, key=lambda design: abs(gap(design, fitted)))
    assert chosen == "with_both"
    row = own.tables()["mitigation"].iloc[0]
    sign = 1 if row["group"] == "Female" else -1
    assert sign * row["before"] == pytest.approx(gap("default", ~fitted))
    assert sign * row["after"] == pytest.approx(gap(chosen, ~fitted))


def test_a_ranking_that_is_not_split_by_the_attribute_is_not_re_ranked(folder: Path) -> None:
    (folder / "suite.yaml").write_text(RANKING, encoding="utf-8")
    own = study(folder, attribute="job")
    own.add("random")
    own.add("det_cons")
    tables = own.tables()
    assert set(tables["ranking"]["method"]) == {"random"} and tables["mitigation"].empty
    assert "split by job" in tables["cost"]["note"].iloc[-1]
    # Accuracy has no place in a suite that only ranks; the recall of captions has.
    assert tables["cost"]["utility_before"].isna().all()
    assert tables["cost"]["image_to_text_before"].iloc[0] > 0.5
