"""Metrics of answers, and their tables."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, f1_score, roc_auc_score

from audit.evaluation.classification import (
    Answers,
    classification_metrics,
    confusion_table,
    group_table,
    image_table,
    multilabel_metrics,
    per_class_table,
    template_table,
)

RNG = np.random.default_rng(0)
TRUTH, PREDICTED = RNG.integers(0, 3, 90), RNG.integers(0, 3, 90)
ANSWERS = Answers(
    ids=[f"i{row}" for row in range(90)],
    truth=TRUTH,
    predicted=PREDICTED,
    in_top5=np.ones(90, bool),
    classes=["a", "b", "c"],
)


def test_the_metrics_are_scikit_learns() -> None:
    found = classification_metrics(ANSWERS, main="macro_f1", seed=0)
    assert list(found) == ["acc1", "acc5", "mean_per_class_recall", "macro_f1"]
    assert found["acc1"].value == pytest.approx((TRUTH == PREDICTED).mean())
    assert found["mean_per_class_recall"].value == pytest.approx(balanced_accuracy_score(TRUTH, PREDICTED))
    assert found["macro_f1"].value == pytest.approx(f1_score(TRUTH, PREDICTED, average="macro"))
    assert np.isnan(found["acc5"].value)  # of three classes
    assert all(one.low < one.value < one.high for name, one in found.items() if name != "acc5")
    assert "lp_acc1" in classification_metrics(ANSWERS, main="acc1", seed=0, prefix="lp_")


def test_other_main_metrics() -> None:
    scores = RNG.normal(size=(90, 2))
    two = replace(ANSWERS, truth=TRUTH % 2, predicted=PREDICTED % 2, classes=["a", "b"], scores=scores)
    auc = classification_metrics(two, main="roc_auc", seed=0)["roc_auc"]
    assert auc.value == pytest.approx(roc_auc_score(TRUTH % 2, scores[:, 1] - scores[:, 0]))
    both = classification_metrics(ANSWERS, main="mean_acc1_acc5", seed=0)["mean_acc1_acc5"]
    assert both.value == pytest.approx(((TRUTH == PREDICTED).mean() + 1) / 2)
    with pytest.raises(ValueError, match="needs scores"):
        classification_metrics(replace(two, scores=None), main="roc_auc", seed=0)
    with pytest.raises(ValueError, match="none of a set"):
        classification_metrics(ANSWERS, main="jaccard", seed=0)


def test_the_worst_group_leaves_out_what_counts_for_none() -> None:
    groups: list[str | None] = ["north"] * 40 + ["south"] * 40 + [None] * 10
    right = np.array([True] * 30 + [False] * 10 + [True] * 10 + [False] * 30 + [False] * 10)
    table = group_table(right, groups)
    assert table[["group", "n", "count"]].to_numpy().tolist() == [["north", 40, 30], ["south", 40, 10]]
    answers = replace(ANSWERS, truth=np.zeros(90, int), predicted=(~right).astype(int), groups=groups)
    worst = classification_metrics(answers, main="worst_group_acc1", seed=0)["worst_group_acc1"]
    assert (worst.value, worst.n) == (0.25, 40) and "south" in worst.method


def test_several_labels_an_image() -> None:
    scores, truth = RNG.normal(size=(60, 4)), RNG.random((60, 4)) < 0.4
    found = multilabel_metrics(scores, truth, main="map_11_point", seed=0)
    assert list(found) == ["mean_average_precision", "map_11_point"]
    assert all(one.low < one.value < one.high for one in found.values())


def test_tables_of_classes_confusion_and_images() -> None:
    classes = per_class_table(ANSWERS)
    assert classes["n"].sum() == 90 and classes["right"].sum() == (TRUTH == PREDICTED).sum()
    cells = confusion_table(ANSWERS)
    assert cells["images"].sum() == 90 and cells["images"].is_monotonic_decreasing
    images = image_table(ANSWERS)
    assert images["acc1"].tolist() == (TRUTH == PREDICTED).tolist() and images["cluster"].tolist() == list(
        ANSWERS.ids
    )


def test_templates_are_compared_with_the_ensemble_image_by_image() -> None:
    right = np.array([[1, 1, 1, 0], [0, 0, 1, 0], [1, 1, 0, 0], [1, 1, 1, 0]], bool)
    table = template_table(["ensemble", "bare", "a {}", "the {}"], right, right[[0, 1]])
    assert table["accuracy"].tolist() == [0.75, 0.25, 0.5, 0.75]
    assert table["difference"].tolist()[1:] == [-0.5, -0.25, 0.0] and np.isnan(table["difference"][0])
    assert table["adds"].tolist()[2:] == [0.0, 0.5] and np.isnan(table["adds"][1])
    # Two of the images change, both one way: exact p is 2 * (1/2)^2; Holm over three tests.
    assert table["p"][1] == 0.5 and table["p_adjusted"][1] == 1.0
