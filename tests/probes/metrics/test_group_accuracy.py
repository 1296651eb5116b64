"""Accuracy over groups and conditional rates against loops, cases by hand, and two traps."""

from __future__ import annotations

import math

import numpy as np
import pytest

from probes.metrics.group_accuracy import (
    buckets,
    group_rates,
    top_k_hits,
    worst_group,
)


@pytest.mark.parametrize("k", [1, 3, 5])
def test_top_k_matches_sorting(k: int) -> None:
    rng = np.random.default_rng(k)
    similarities, truth = rng.normal(size=(50, 5)), rng.integers(0, 5, 50)
    expected = [truth[i] in np.argsort(-similarities[i])[:k] for i in range(50)]
    assert top_k_hits(similarities, truth, k).tolist() == expected


def test_a_model_that_cannot_tell_is_not_right() -> None:
    """All classes equal: counting ties in its favour would make it right every time."""
    assert not top_k_hits(np.zeros((3, 4)), np.array([0, 1, 2]), 3).any()
    with pytest.raises(ValueError, match="do not exist"):
        top_k_hits(np.zeros((1, 4)), np.array([0]), 5)


def test_rates_by_group_match_loops() -> None:
    rng = np.random.default_rng(0)
    hits, groups = rng.random(60) < 0.3, rng.integers(0, 3, 60)
    n, rate = group_rates(hits, groups, n_groups=4)
    for group in range(3):
        own = [hits[i] for i in range(60) if groups[i] == group]
        assert (n[group], rate[group]) == (len(own), pytest.approx(sum(own) / len(own)))
    assert n[3] == 0 and math.isnan(rate[3])


def test_the_worst_group_of_a_harm_is_the_one_harmed_most() -> None:
    rates = np.array([0.1, 0.4, np.nan, 0.2])
    assert worst_group(rates, harm=False) == 0
    assert worst_group(rates, harm=True) == 1
    assert worst_group(np.array([np.nan]), harm=True) is None


def test_buckets_name_their_cut_points() -> None:
    codes, names = buckets(np.array([1, 200, 684.9, 685, np.nan]), [200, 685])
    assert codes.tolist() == [0, 1, 1, 2, -1]
    assert names == ["below 200", "200 to 685", "685 and more"]
    for cuts in ([], [2, 1], [1, 1]):
        with pytest.raises(ValueError, match="ascend"):
            buckets(np.array([1.0]), cuts)
