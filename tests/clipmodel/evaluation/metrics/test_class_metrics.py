"""Metrics of predictions against scikit-learn and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, confusion_matrix, f1_score

from clipmodel.evaluation.metrics.class_metrics import (
    confusion,
    group_means,
    macro_f1,
    mean_per_class_recall,
    per_class_recall,
    worst_group,
)


@pytest.mark.parametrize("seed", range(5))
def test_metrics_equal_scikit_learns(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth, predicted = rng.integers(0, 7, 200), rng.integers(0, 7, 200)
    counts = confusion(truth, predicted, classes=9)  # two classes never occur
    assert np.array_equal(counts, confusion_matrix(truth, predicted, labels=range(9)))
    assert mean_per_class_recall(counts) == pytest.approx(
        balanced_accuracy_score(truth, predicted), abs=1e-12
    )
    assert macro_f1(counts) == pytest.approx(f1_score(truth, predicted, average="macro"), abs=1e-12)


def test_a_class_without_images_has_no_recall() -> None:
    # Class 0: 1 of 2 right; class 1: 1 of 1; class 2: none. Mean over two classes: (0.5 + 1) / 2.
    counts = confusion(np.array([0, 0, 1]), np.array([0, 1, 1]), classes=3)
    assert np.array_equal(per_class_recall(counts), [0.5, 1.0, np.nan], equal_nan=True)
    assert mean_per_class_recall(counts) == 0.75


def test_without_images_there_is_no_metric() -> None:
    counts = confusion(np.zeros(0, int), np.zeros(0, int), classes=2)
    assert np.isnan(mean_per_class_recall(counts)) and np.isnan(macro_f1(counts))


def test_the_worst_group_leaves_empty_groups_out() -> None:
    right = np.array([True, False, True, True])
    means, n = group_means(right, np.array([0, 0, 2, 2]), n_groups=3)
    assert np.array_equal(means, [0.5, np.nan, 1.0], equal_nan=True)
    assert n.tolist() == [2, 0, 2]
    assert worst_group(right, np.array([0, 0, 2, 2]), n_groups=3) == 0.5
    assert np.isnan(worst_group(right[:0], np.zeros(0, int), n_groups=3))


def test_a_label_out_of_range_is_refused() -> None:
    with pytest.raises(ValueError, match=r"outside 0 \.\.\. 1"):
        confusion(np.array([2]), np.array([0]), classes=2)
