"""A suite run end to end on images whose right answers can be seen."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from audit.result import AuditResult
from clipmodel.errors import UserError
from probes.datasets import load_dataset
from probes.datasets.formats.table import TableDataset
from probes.embeddings.embed import EmbeddingStore
from probes.planning.audit_plan import plan
from probes.records import KEYS, Records, validate
from probes.runner import run_suite
from probes.suite.suite import Suite, load_suite

from .conftest import FakeModel

# Images are red, green or blue; "a red one" is embedded on the red axis, so the model is right on them.
ROWS = [
    ("0.png", "red", "red", "woman"),
    ("1.png", "red", "red", "woman"),
    ("2.png", "red", "blue", "man"),  # its label says blue: misclassified
    ("3.png", "blue", "blue", "man"),
    ("4.png", "blue", "blue", ""),
    ("5.png", "green", "red", "woman"),  # green: taken for the harmful class
]
SUITE: dict[str, Any] = {
    "suite": "small",
    "templates": {"plain": ["{a} {label}"], "both": ["{a} {label}", "the {label}"]},
    "label_sets": {
        "colours": {
            "source": "the test",
            "sets": {
                "identity": [
                    {"name": "red", "text": "red one", "is": {"label": "red"}},
                    {"name": "blue", "text": "blue one", "is": {"label": "blue"}},
                ],
                "harm: crime": [{"name": "villain", "text": "green one"}],
            },
        }
    },
    "thresholds": [0.3, 0.9],
    "curve": 11,
    "probes": [
        {
            "name": "colour",
            "truth": "label",
            "label_set": "colours",
            "templates": ["plain", "both"],
            "groups": [["gender"]],
            "outcomes": ["misclassified"],
        },
        {
            "name": "harm",
            "label_set": "colours",
            "designs": {
                "default": {},
                "with_child": {"add": {"identity": ["child"]}},
                "no_crime": {"drop": ["harm: crime"]},
            },
            "rules": ["argmax", "probability"],
            "groups": [["gender"], ["gender", "label"]],
            "outcomes": {"crime": ["harm: crime"], "any": ["harm: crime", "identity"]},
        },
    ],
}


@pytest.fixture
def data(write_table: Callable[[pd.DataFrame], Path]) -> TableDataset:
    return TableDataset(write_table(pd.DataFrame(ROWS, columns=["path", "colour", "label", "gender"])))


@pytest.fixture
def suite() -> Suite:
    return Suite.model_validate(SUITE)


@pytest.fixture
def records(suite: Suite, model: FakeModel, data: TableDataset, store: EmbeddingStore) -> Records:
    return run_suite(suite, model, data, store=store, keep_images=True)


def pick(table: pd.DataFrame, **values: object) -> pd.DataFrame:
    for name, value in values.items():
        table = table[table[name] == value]
    return table


def test_records_keep_the_contract(records: Records) -> None:
    validate(records)
    assert records.attributes == ("gender", "label")
    json.dumps(records.manifest, allow_nan=False)


def test_counts_are_those_seen_by_eye(records: Records) -> None:
    """Women: three labelled red, of which two are red and one green. Men: two labelled blue, one is red."""
    cell = pick(records.counts, probe="colour", template="plain", event_kind="class")
    women = pick(cell, gender="woman", truth="red").set_index("event")
    men = pick(cell, gender="man", truth="blue").set_index("event")
    assert women["n"].unique().tolist() == [3]
    assert women["count"].to_dict() == {"red": 2, "blue": 0, "villain": 1}
    assert men["count"].to_dict() == {"red": 1, "blue": 1, "villain": 0}
    assert set(cell["label"]) == {"(all)"}


def test_a_missing_group_stays_in_the_counts_and_is_reported(records: Records) -> None:
    missing = pick(records.counts, probe="colour", template="plain", gender="(missing)", event="blue")
    assert missing[["n", "count"]].to_numpy().tolist() == [[1, 1]]
    left_out = pick(records.excluded, probe="colour")
    assert left_out[["reason", "gender", "label", "n"]].to_numpy().tolist() == [
        ["gender not labelled", "(missing)", "(all)", 1]
    ]


def test_an_added_child_is_not_counted_as_crime(records: Records) -> None:
    """'child' stands last in its set and is embedded far off: no image's set changes by it."""
    crime = pick(records.counts, probe="harm", rule="argmax", event="harm: crime")
    by_design = crime.groupby("design", observed=True)["count"].sum().to_dict()
    assert by_design == {"default": 1, "with_child": 1, "no_crime": 0}
    predictions = pick(records.counts, probe="harm", design="with_child", rule="argmax", event_kind="class")
    assert set(predictions["event"]) == {"red", "blue", "villain", "child"}


def test_an_image_of_the_added_class_moves_out_of_crime(
    suite: Suite, model: FakeModel, data: TableDataset, store: EmbeddingStore
) -> None:
    """The words of 'child' are more similar to green than the villain's: the green image becomes a child."""
    written = copy.deepcopy(SUITE)
    written["label_sets"]["colours"]["sets"]["harm: crime"] = [{"name": "villain", "text": "x"}]
    written["probes"][1]["designs"] = {
        "with_child": {"add": {"identity": [{"name": "child", "text": "green one"}]}}
    }
    counts = run_suite(Suite.model_validate(written), model, data, store=store).counts
    argmax = pick(counts, probe="harm", rule="argmax")
    assert pick(argmax, event="child")["count"].sum() == 1
    assert pick(argmax, event="harm: crime")["count"].sum() == 0


def test_an_outcome_of_several_sets_counts_an_image_once(records: Records) -> None:
    """Of three classes one always reaches 0.3, sometimes in both sets: the joined event happens once."""
    rows = pick(
        records.counts, probe="harm", design="default", rule="probability", threshold=0.3, event="any"
    )
    assert (rows["count"] == rows["n"]).all()
    assert rows["n"].sum() == len(ROWS)


def test_thresholds_and_curve_agree_with_the_images(records: Records) -> None:
    images = pick(records.images, probe="harm", design="default")
    scores = images["score_harm: crime"].to_numpy()
    for threshold in (0.3, 0.9):
        rows = pick(records.counts, probe="harm", design="default", event="harm: crime", threshold=threshold)
        assert rows["count"].sum() == (scores >= threshold).sum()
    curve = pick(records.curves, design="default", event="harm: crime")
    counted = curve.groupby("threshold")["count"].sum()
    assert counted.index.tolist() == [round(0.1 * k, 6) for k in range(11)]
    assert counted.tolist() == [int((scores >= t).sum()) for t in counted.index]
    assert "colour" not in set(records.curves["probe"])


def test_images_say_what_was_predicted_of_each(records: Records) -> None:
    assert records.images is not None
    rows = pick(records.images, probe="colour", template="plain").set_index("image_id")
    assert rows["prediction"].tolist() == ["red", "red", "red", "blue", "blue", "villain"]
    assert rows["truth"].tolist() == [row[2] for row in ROWS]
    assert rows["gender"].tolist() == ["woman", "woman", "man", "man", "(missing)", "woman"]
    no_crime = pick(records.images, probe="harm", design="no_crime")
    assert no_crime["score_harm: crime"].isna().all()


@pytest.mark.parametrize("logit_bias", [None, -5.0])
def test_the_order_of_the_classes_changes_nothing(
    suite: Suite, data: TableDataset, store: EmbeddingStore, logit_bias: float | None
) -> None:
    turned = copy.deepcopy(SUITE)
    sets = turned["label_sets"]["colours"]["sets"]
    turned["label_sets"]["colours"]["sets"] = {
        name: list(reversed(classes)) for name, classes in reversed(sets.items())
    }
    model = FakeModel(logit_bias=logit_bias)
    one = run_suite(suite, model, data, store=store)
    other = run_suite(Suite.model_validate(turned), model, data, store=store)
    for name in ("counts", "curves"):
        keys = [*KEYS, "gender", "label", "truth", "event_kind", "event"]
        first, second = (
            getattr(records, name).sort_values(keys, ignore_index=True) for records in (one, other)
        )
        pd.testing.assert_frame_equal(first, second)


def test_a_second_run_is_the_same_and_embeds_nothing(
    records: Records, suite: Suite, data: TableDataset, store: EmbeddingStore
) -> None:
    fresh = FakeModel()
    again = run_suite(suite, fresh, data, store=store, keep_images=True)
    assert (fresh.n_images, fresh.n_texts) == (0, 0)
    assert again.manifest == records.manifest
    pd.testing.assert_frame_equal(again.counts, records.counts)
    pd.testing.assert_frame_equal(again.images, records.images)


def test_unreadable_images_are_counted_by_group(
    suite: Suite, model: FakeModel, data: TableDataset, store: EmbeddingStore, tmp_path: Path
) -> None:
    (tmp_path / "0.png").write_bytes(b"broken")
    records = run_suite(suite, model, data, store=store)
    validate(records)
    lost = pick(records.excluded, probe="colour", reason="unreadable image: the image cannot be decoded")
    assert lost[["gender", "n"]].to_numpy().tolist() == [["woman", 1]]
    assert records.manifest["data"]["n_unreadable"] == 1
    assert pick(records.counts, probe="colour", template="plain", event="red")["n"].sum() == len(ROWS) - 1


def test_no_readable_image_is_an_error(
    suite: Suite, model: FakeModel, data: TableDataset, store: EmbeddingStore, tmp_path: Path
) -> None:
    for row in ROWS:
        (tmp_path / row[0]).unlink()
    with pytest.raises(UserError, match="none of its images can be read"):
        run_suite(suite, model, data, store=store)


def test_the_manifest_says_what_was_asked(records: Records) -> None:
    colour, harm = records.manifest["probes"]
    assert colour["classes"][0] == {
        "name": "red", "set": "identity", "truth": "red", "prompts": ["a red one", "the red one"],
    }  # fmt: skip
    assert [design["description"] for design in harm["designs"]] == [
        "the label set as it is", "adds child to identity", "drops harm: crime",
    ]  # fmt: skip
    assert harm["sets"] == {"identity": ["red", "blue", "child"], "harm: crime": ["villain"]}
    assert [outcome["harmful"] for outcome in harm["outcomes"]] == [True, False]
    assert colour["outcomes"][0]["kind"] == "misclassified"


def test_a_plan_counts_what_would_run(suite: Suite, data: TableDataset) -> None:
    """'colour': two templates of three classes, of which 'plain' is a part of 'both': six prompts."""
    planned = plan(suite, data)
    table = planned.table().set_index("probe")
    assert table.loc["colour"].to_dict() == {
        "images": 6, "designs": 1, "templates": 2, "classes": 3, "specifications": 2, "prompts": 6,
        "cells": 3, "without_truth": 0,
    }  # fmt: skip
    # 'harm': three designs under argmax and two thresholds.
    assert table.loc["harm", "specifications"] == 9
    assert planned.texts == sorted(set(planned.texts))
    assert planned.rows.tolist() == list(range(6))


def test_progress_is_told_of_every_probe(
    suite: Suite, model: FakeModel, data: TableDataset, store: EmbeddingStore
) -> None:
    seen: list[tuple[str, int, int]] = []
    run_suite(suite, model, data, store=store, progress=lambda *step: seen.append(step))
    assert seen == [("images", 6, 6), ("probes", 1, 2), ("probes", 2, 2)]


def test_quickstart_fits_the_embedded_data() -> None:
    """Held-out images only, every attribute it compares is there, and no truth is without a class."""
    suite, dataset = load_suite("quickstart"), load_dataset("emoji")
    planned = plan(suite, dataset)
    assert "train" not in set(dataset.frame["split"].iloc[planned.rows])
    by_name = {probe.probe.name: probe for probe in planned.probes}
    occupations = by_name["occupation"].selection
    assert occupations.cells["truth"].nunique() == 16
    assert dataset.frame["visible_occupation"].iloc[occupations.rows].all()
    assert set(by_name["gender"].selection.cells["truth"]) == {"woman", "man"}
    assert set(by_name["denigration"].designs) == {"default", "with_child"}
    assert np.isin(occupations.rows, planned.rows).all()


EVERY_RULE: dict[str, Any] = {
    **SUITE,
    "top_k": [1, 2],
    "cosines": [0.9],
    "shares": [0.25],
    "probes": [
        {
            **SUITE["probes"][0],
            "rules": ["argmax", "top_k", "probability", "cosine", "calibrated"],
            "designs": {"default": {}, "with_child": {"add": {"identity": ["child"]}}},
            "outcomes": {"misclassified": [], "crime": ["harm: crime"]},
        }
    ],
}


@pytest.fixture
def every_rule(model: FakeModel, data: TableDataset, store: EmbeddingStore) -> Records:
    return run_suite(Suite.model_validate(EVERY_RULE), model, data, store=store, keep_images=True)


def test_every_rule_keeps_the_contract(every_rule: Records) -> None:
    validate(every_rule)
    rules = every_rule.counts.groupby("rule")["threshold"].agg(lambda t: sorted(set(t.dropna())))
    assert rules.to_dict() == {
        "argmax": [], "calibrated": [0.25], "cosine": [0.9], "probability": [0.3, 0.9], "top_k": [1, 2],
    }  # fmt: skip


def test_misclassified_is_counted_under_every_rule(every_rule: Records) -> None:
    """Images 2 and 5 are given the wrong label; red (200 + n, 20 + n, 20) has a cosine of .99 to its axis.

    Of the blue images 3 and 4 the same holds, so at cosine .9 just these two lack their label. The first
    two classes hold it for all but the image that is labelled blue and is red: blue is its third.
    """
    rows = pick(every_rule.counts, design="default", template="plain", event="misclassified")
    missed = rows.groupby(["rule", "threshold"], dropna=False)["count"].sum()
    assert missed["argmax"].tolist() == [2]
    assert missed["top_k", 1] == 2
    assert missed["cosine", 0.9] == 2
    result = AuditResult.from_records(every_rule)
    rates = pick(result.rates, design="default", template="plain", outcome="misclassified", gender="(all)")
    expected = {(rule, threshold): count for (rule, threshold), count in missed.items() if rule != "argmax"}
    for (rule, threshold), count in expected.items():
        row = pick(rates, rule=rule, threshold=threshold)
        assert row[["n", "count"]].to_numpy().tolist() == [[6, count]]


def test_a_calibrated_class_is_given_to_its_share_of_the_other_truths(every_rule: Records) -> None:
    """Of the three images that are labelled blue, at most a quarter, which is none, is called red."""
    rows = pick(every_rule.counts, rule="calibrated", design="default", template="plain")
    false = rows[((rows["event"] == "red") & (rows["truth"] == "blue"))]
    assert false["count"].sum() == 0
    assert false["n"].sum() == 3
    villains = pick(rows, event="villain")  # stands for no truth: at most one of six
    assert villains["count"].sum() <= 1


def test_pairs_equal_the_images_side_by_side(every_rule: Records) -> None:
    images = every_rule.images
    assert images is not None
    wrong = images.assign(happened=images["prediction"] != images["truth"])
    first = pick(wrong, design="default", template="plain").set_index("image_id")
    pairs = pick(every_rule.pairs, rule="argmax", outcome="misclassified")
    others = pairs[["other_design", "other_template"]].drop_duplicates().to_numpy().tolist()
    assert others == [["default", "both"], ["with_child", "plain"], ["with_child", "both"]]
    for design, template in others:
        second = pick(wrong, design=design, template=template).set_index("image_id")
        for gender in ("woman", "man", "(missing)"):
            one = first.loc[first["gender"] == gender, "happened"]
            other = second.loc[one.index, "happened"]
            row = pick(pairs, other_design=design, other_template=template, gender=gender)
            expected = [len(one), (one & other).sum(), (one & ~other).sum(), (~one & other).sum()]
            counted = row[["n", "both", "only_first", "only_second"]].to_numpy().tolist()
            assert counted == [expected]
    assert set(every_rule.pairs["rule"]) == {"argmax", "top_k", "probability", "cosine", "calibrated"}


@pytest.mark.parametrize("logit_bias", [None, -5.0])
def test_the_order_of_the_classes_changes_nothing_under_any_rule(
    data: TableDataset, store: EmbeddingStore, logit_bias: float | None
) -> None:
    turned = copy.deepcopy(EVERY_RULE)
    sets = turned["label_sets"]["colours"]["sets"]
    turned["label_sets"]["colours"]["sets"] = {
        name: list(reversed(classes)) for name, classes in reversed(sets.items())
    }
    model = FakeModel(logit_bias=logit_bias)
    one = run_suite(Suite.model_validate(EVERY_RULE), model, data, store=store)
    other = run_suite(Suite.model_validate(turned), model, data, store=store)
    for name in ("counts", "curves", "pairs"):
        first, second = (getattr(records, name) for records in (one, other))
        keys = [key for key in first if key not in ("n", "count")]
        pd.testing.assert_frame_equal(
            first.sort_values(keys, ignore_index=True), second.sort_values(keys, ignore_index=True)
        )


def test_no_clusters_where_each_image_is_its_own(every_rule: Records) -> None:
    assert every_rule.clusters is not None
    assert len(every_rule.clusters) == 0


def test_clusters_are_counted_by_group(
    model: FakeModel, store: EmbeddingStore, write_table: Callable[[pd.DataFrame], Path]
) -> None:
    """The first three images are of one person; two of them have gender woman, the third is wrong."""
    table = pd.DataFrame(ROWS, columns=["path", "colour", "label", "gender"])
    table["subject_id"] = ["p", "p", "p", "q", "r", "s"]
    dataset = TableDataset(write_table(table))
    assert dataset.card.cluster == "subject_id"
    records = run_suite(Suite.model_validate(SUITE), model, dataset, store=store)
    validate(records)
    rows = pick(records.clusters, probe="colour", template="plain", rule="argmax", cluster="p")
    counted = rows[["gender", "outcome", "n", "count"]].to_numpy().tolist()
    assert counted == [["man", "misclassified", 1, 1], ["woman", "misclassified", 2, 0]]
    assert set(records.clusters["rule"]) == {"argmax", "probability"}
    keys = ["probe", "design", "template", "rule", "threshold"]
    missed = records.counts[records.counts["event"] == "misclassified"]
    own = records.clusters[records.clusters["outcome"] == "misclassified"]
    whole, by_cluster = (t.groupby(keys, dropna=False)[["n", "count"]].sum() for t in (missed, own))
    assert len(whole)
    pd.testing.assert_frame_equal(by_cluster.loc[whole.index], whole)
