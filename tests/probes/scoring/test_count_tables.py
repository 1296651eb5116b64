from __future__ import annotations

import numpy as np
import pandas as pd

from probes.records import ALL, MISSING, empty_counts
from probes.scoring.count_accumulator import Counts
from probes.scoring.count_tables import (
    Cells,
    counts_table,
    curve_table,
    images_table,
    join_counts,
    join_excluded,
    join_images,
    join_optional,
    pairs_table,
)
from probes.scoring.engine import ImageScores, PromptConfiguration
from probes.scoring.threshold_lookup import RuleThresholds

LABELS = pd.DataFrame({"gender": ["man", "man", "woman"], "truth": ["a", "b", "a"]})
CELLS = Cells(labels=LABELS, n=np.array([2, 1, 3]))
RULES = [RuleThresholds.of("argmax")]
SPEC = PromptConfiguration(
    key=("p", "default", "plain"), classes=("a", "b"), columns=np.array([0, 1]), sets={"harm": ["b"]}
)
OTHER = PromptConfiguration(
    key=("p", "bigger", "plain"), classes=("a", "b"), columns=np.array([0, 1]), sets={"harm": ["b"]}
)
# [T, G, a, b, harm]; the curve [K, G, harm]; pairs [O, T, G, 4].
COUNTS = Counts(
    events=("harm",),
    hits={"argmax": np.array([[[2, 0, 0], [0, 1, 1], [1, 2, 2]]])},
    curve=np.array([[[2], [1], [3]], [[0], [0], [1]]]),
    pairs={"argmax": np.array([[[[2, 0, 0, 0], [0, 0, 0, 1], [1, 1, 0, 1]]]])},
)
LEVELS = {"gender": ["woman", "man"]}


def test_a_row_a_cell_and_event_with_its_zeros() -> None:
    table = counts_table(SPEC, COUNTS, cells=CELLS, rules=RULES)
    assert len(table) == 3 * 3 and set(table["rule"]) == {"argmax"} and table["threshold"].isna().all()
    rows = table[["gender", "truth", "event_kind", "event", "n", "count"]].to_numpy().tolist()
    assert rows[:3] == [["man", "a", "class", "a", 2, 2], ["man", "a", "class", "b", 2, 0],
                        ["man", "a", "set", "harm", 2, 0]]  # fmt: skip
    assert rows[-1] == ["woman", "a", "set", "harm", 3, 2]


def test_the_curve_has_set_events_at_its_thresholds() -> None:
    table = curve_table(SPEC, COUNTS, cells=CELLS, thresholds=np.array([0.0, 1.0]))
    assert set(table["rule"]) == {"probability"} and set(table["event"]) == {"harm"}
    assert table["threshold"].tolist() == [0, 0, 0, 1, 1, 1]
    assert table["count"].tolist() == [2, 1, 3, 0, 0, 1]


def test_pairs_are_summed_over_truths() -> None:
    table = pairs_table(SPEC, OTHER, COUNTS, cells=CELLS, rules=RULES, outcomes=["harm"])
    columns = ["gender", "n", "both", "only_first", "only_second", "neither"]
    # The two cells of men: neither 2, both 1.
    assert table[columns].to_numpy().tolist() == [["man", 3, 1, 0, 0, 2], ["woman", 3, 1, 0, 1, 1]]
    assert (table["design"][0], table["other_design"][0]) == ("default", "bigger")


def test_pairs_of_a_probe_without_groups_are_of_all_images() -> None:
    cells = Cells(labels=LABELS[["truth"]], n=CELLS.n)
    table = pairs_table(SPEC, OTHER, COUNTS, cells=cells, rules=RULES, outcomes=["harm"])
    assert table[["n", "both", "only_second", "neither"]].to_numpy().tolist() == [[6, 2, 1, 3]]


def test_images_have_their_prediction_and_a_set_without_classes_no_score() -> None:
    chunks = [
        ImageScores(prediction=np.array([1]), probability=np.array([0.9]), sets=np.array([[0.9]])),
        ImageScores(prediction=np.array([0]), probability=np.array([0.6]), sets=np.array([[-1.0]])),
    ]
    labels = pd.DataFrame({"image_id": ["x", "y"], "cluster": ["1", "2"], "gender": ["man", None],
                           "truth": ["a", "a"]})  # fmt: skip
    table = images_table(SPEC, chunks, labels=labels)
    assert table["prediction"].tolist() == ["b", "a"]
    assert table["score_harm"][0] == 0.9 and np.isnan(table["score_harm"][1])
    joined = join_images([table, table.drop(columns=["gender", "score_harm"])], LEVELS)
    assert joined["gender"].tolist() == ["man", ALL, ALL, ALL]
    assert joined.columns[:6].tolist() == ["probe", "design", "template", "image_id", "cluster", "gender"]
    assert joined["score_harm"].isna().tolist() == [False, True, True, True]


def test_tables_of_several_probes_keep_the_contract_and_the_order_of_groups() -> None:
    split = counts_table(SPEC, COUNTS, cells=CELLS, rules=RULES)
    whole = split.drop(columns="gender")
    table = join_counts([split, whole], LEVELS)
    assert list(table.columns) == list(empty_counts(["gender"]).columns)
    assert table["gender"].cat.categories.tolist() == ["woman", "man", MISSING, ALL]
    assert (table["gender"][9:] == ALL).all() and len(table) == 18
    assert len(join_counts([], LEVELS)) == 0


def test_exclusions_and_optional_tables_are_stacked_likewise() -> None:
    one = pd.DataFrame({"probe": ["p"], "reason": ["unreadable"], "n": [2]})
    table = join_excluded([one, one.iloc[:0]], LEVELS)
    assert table.to_numpy().tolist() == [["p", "unreadable", ALL, 2]]
    pairs = pairs_table(SPEC, OTHER, COUNTS, cells=CELLS, rules=RULES, outcomes=["harm"])
    assert join_optional("pairs", [pairs], LEVELS)["n"].tolist() == [3, 3]
