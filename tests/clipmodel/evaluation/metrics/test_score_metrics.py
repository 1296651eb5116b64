"""Metrics of scores against scikit-learn, CLIP_benchmark and by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score, jaccard_score, roc_auc_score

from clipmodel.evaluation.metrics.score_metrics import (
    average_precision,
    eleven_point_average_precision,
    jaccard,
    mean_over_classes,
    picks,
    roc_auc,
)
from tests.support.peers import peer_or_skip


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("levels", [4, 10**6])  # with many ties, and without
def test_scores_equal_scikit_learns(seed: int, levels: int) -> None:
    rng = np.random.default_rng(seed)
    scores, truth = rng.integers(0, levels, 100) / levels, rng.random(100) < 0.3
    assert average_precision(scores, truth) == pytest.approx(
        average_precision_score(truth, scores), abs=1e-12
    )
    assert roc_auc(scores, truth) == pytest.approx(roc_auc_score(truth, scores), abs=1e-12)


def test_average_precision_equals_clip_benchmarks() -> None:
    peer = peer_or_skip("clip_benchmark.metrics.zeroshot_classification")
    rng = np.random.default_rng(0)
    scores, truth = rng.normal(size=(300, 6)), rng.random((300, 6)) < 0.2
    theirs = peer.average_precision_per_class(torch.tensor(scores), torch.tensor(truth)).mean().item()
    assert mean_over_classes(average_precision, scores, truth) == pytest.approx(theirs, abs=1e-6)


def test_the_eleven_points_by_hand() -> None:
    # Ranked: hit, miss, hit. Precision 1, 1/2, 2/3 at recall 1/2, 1/2, 1. The best from recall 0 ... 0.5 on
    # is 1 (6 points), from 0.6 ... 1 on it is 2/3 (5 points).
    scores, truth = np.array([0.9, 0.8, 0.7]), np.array([True, False, True])
    assert eleven_point_average_precision(scores, truth) == pytest.approx((6 + 5 * 2 / 3) / 11)


def test_a_naive_eleven_point_average_agrees() -> None:
    rng = np.random.default_rng(3)
    scores, truth = rng.normal(size=60), rng.random(60) < 0.3
    hits = truth[np.argsort(-scores)]
    precision = np.cumsum(hits) / np.arange(1, 61)
    recall = np.cumsum(hits) / hits.sum()
    naive = [precision[recall >= point / 10 - 1e-12].max() for point in range(11)]
    assert eleven_point_average_precision(scores, truth) == pytest.approx(np.mean(naive))


def test_a_class_without_positives_is_left_out() -> None:
    scores = np.array([[0.9, 0.1], [0.1, 0.2]])
    truth = np.array([[True, False], [False, False]])
    assert mean_over_classes(average_precision, scores, truth) == 1.0
    assert np.isnan(mean_over_classes(average_precision, scores, truth & False))
    assert np.isnan(roc_auc(scores[:, 0], np.array([True, True])))
    assert np.isnan(eleven_point_average_precision(scores[:, 1], truth[:, 1]))


def test_jaccard_equals_scikit_learns() -> None:
    rng = np.random.default_rng(1)
    picked, wanted = rng.random((20, 10)) < 0.4, rng.random((20, 10)) < 0.4
    expected = [jaccard_score(w, p) for p, w in zip(picked, wanted, strict=True)]
    assert jaccard(picked, wanted) == pytest.approx(expected)
    assert np.isnan(jaccard(picked[0] & False, wanted[0] & False))


def test_picks_are_the_highest_and_of_ties_the_first() -> None:
    assert picks(np.array([0.5, 0.9, 0.5, 0.1]), 2).tolist() == [True, True, False, False]
