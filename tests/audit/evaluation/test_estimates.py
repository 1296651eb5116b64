"""Intervals of metrics, and paired differences."""

from __future__ import annotations

import numpy as np
import pytest

from audit.evaluation.estimates import bootstrapped, mean_recall, share
from audit.statistics.proportion.intervals import wilson


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
