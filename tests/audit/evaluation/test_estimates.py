"""Intervals of metrics, and paired differences."""

from __future__ import annotations

import numpy as np
import pytest

from audit.evaluation.estimates import bootstrapped, mean_recall, share
from audit.evaluation.paired_answers import compare_answers
from audit.statistics.proportion.intervals import wilson
from audit.statistics.proportion.paired import mcnemar_p, newcombe_paired


def test_a_share_has_wilsons_interval() -> None:
    found = share(np.array([True] * 8 + [False] * 2))
    low, high = wilson(8, 10)
    assert (found.value, found.low, found.high, found.n) == (0.8, float(low), float(high), 10)
    assert np.isnan(share(np.zeros(0, bool)).value)


def test_images_that_belong_together_count_for_less() -> None:
    right = np.repeat([True, False, True, True], 5)
    clusters = np.repeat(["a", "b", "c", "d"], 5).tolist()
    alone, together = share(right), share(right, clusters)
    assert together.value == alone.value
    assert together.low < alone.low and together.high > alone.high
    assert share(right, [str(i) for i in range(20)]) == alone


def test_mean_recall_combines_the_classes_intervals() -> None:
    # Recalls 8/10 and 1/4, mean .525; a third class has no images.
    counts = np.array([[8, 2, 0], [3, 1, 0], [0, 0, 0]])
    (low1, high1), (low2, high2) = wilson(8, 10), wilson(1, 4)
    found = mean_recall(counts)
    assert found.value == pytest.approx(0.525) and found.n == 14
    assert found.low == pytest.approx(0.525 - np.hypot(0.8 - low1, 0.25 - low2) / 2)
    assert found.high == pytest.approx(0.525 + np.hypot(high1 - 0.8, high2 - 0.25) / 2)
    assert np.isnan(mean_recall(np.zeros((2, 2), int)).low)


def test_a_bootstrap_is_seeded_and_draws_whole_clusters() -> None:
    values = np.random.default_rng(0).normal(size=200)

    def metric(rows: np.ndarray) -> float:
        return float(values[rows].mean())

    first = bootstrapped(metric, 200, seed=1)
    assert first == bootstrapped(metric, 200, seed=1) and first.low < first.value < first.high
    # The percentiles of a mean are near 1.96 standard errors on both sides.
    assert first.high - first.low == pytest.approx(2 * 1.96 * values.std() / np.sqrt(200), rel=0.15)
    pairs = [str(i // 2) for i in range(200)]
    doubled = np.repeat(values[::2], 2)
    wider = bootstrapped(lambda rows: float(doubled[rows].mean()), 200, clusters=pairs, seed=1)
    assert wider.high - wider.low == pytest.approx(2 * 1.96 * doubled.std() / np.sqrt(100), rel=0.2)


def test_answers_are_compared_by_mcnemar_and_newcombe() -> None:
    first = np.array([1, 1, 1, 1, 1, 0, 0, 0], bool)
    second = np.array([1, 0, 0, 0, 1, 1, 0, 0], bool)
    found = compare_answers(first, second)
    low, high = newcombe_paired(2, 3, 1, 2)
    assert (found.only_first, found.only_second, found.n) == (3, 1, 8)
    assert found.difference == 0.25 and found.p == float(mcnemar_p(3, 1))
    assert (found.low, found.high) == (float(low), float(high))


def test_clusters_widen_a_comparison_and_probabilities_have_a_t_interval() -> None:
    rng = np.random.default_rng(0)
    first = np.repeat(rng.random(30) < 0.7, 4)
    second = np.repeat(rng.random(30) < 0.4, 4)
    clusters = np.repeat(np.arange(30), 4).astype(str).tolist()
    plain, clustered = compare_answers(first, second), compare_answers(first, second, clusters)
    assert clustered.difference == plain.difference and clustered.p > plain.p
    assert clustered.high - clustered.low > plain.high - plain.low
    shares = compare_answers(np.array([0.5, 1.0, 0.0, 0.5]), np.array([0.0, 0.5, 0.5, 0.0]))
    # Differences .5, .5, -.5, .5: mean .25, standard deviation .5, error .25; t with 3 degrees is 3.182.
    assert shares.difference == 0.25
    assert (shares.low, shares.high) == (
        pytest.approx(0.25 - 3.182 * 0.25, abs=1e-3),
        pytest.approx(1.0456, abs=1e-3),
    )
    with pytest.raises(ValueError, match="4 answers against 3"):
        compare_answers(first[:4], second[:3])
