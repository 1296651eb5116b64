"""Intervals of flip rates: known cases, and simulated coverage over few sets."""

from __future__ import annotations

import numpy as np
import pytest

from audit.statistics.bounded_means import bounded_mean, signed_mean
from audit.statistics.proportion.paired import newcombe_paired
from audit.statistics.proportion.proportions import wilson


def test_sets_that_are_all_or_nothing_have_wilsons_interval() -> None:
    assert bounded_mean([0, 0, 1, 1, 1, 1]) == tuple(map(float, wilson(4, 6)))
    assert bounded_mean(np.zeros(10))[1] == pytest.approx(0.278, abs=1e-3)


def test_signed_sets_have_newcombes_paired_interval() -> None:
    """Of six sets three rise and one falls."""
    low, high = newcombe_paired(0, 3, 1, 2)
    assert signed_mean([1, 1, 1, -1, 0, 0]) == (float(low), float(high))


def test_sets_that_agree_tell_more_than_all_or_nothing_ones() -> None:
    half = bounded_mean(np.full(20, 0.5))
    coin = bounded_mean(np.repeat([0.0, 1.0], 10))
    assert coin[0] < half[0] < 0.5 < half[1] < coin[1]


def test_without_sets_there_is_no_interval() -> None:
    assert np.isnan(bounded_mean([])).all() and np.isnan(signed_mean([])).all()


@pytest.mark.parametrize("sets", [8, 15, 30])
@pytest.mark.parametrize(("rate", "icc"), [(0.3, 0.5), (0.5, 0.2), (0.1, 0.9)])
def test_intervals_over_few_sets_cover_what_they_claim(sets: int, rate: float, icc: float) -> None:
    """Ten pairs a set, beta-binomial: 500 samples, so three standard errors of .95 are .029."""
    rng = np.random.default_rng([sets, int(100 * rate)])
    level = rng.beta(rate * (1 - icc) / icc, (1 - rate) * (1 - icc) / icc, (500, sets))
    limits = [bounded_mean(values / 10) for values in rng.binomial(10, level)]
    assert np.mean([low <= rate <= high for low, high in limits]) >= 0.921


def test_weighted_sets_cover_their_mean() -> None:
    """Sets with unequal weights that go with their values: the weighted mean is covered in 93 to 99 %."""
    rng, inside = np.random.default_rng(0), 0
    for _ in range(600):
        kind = rng.integers(0, 2, 40)
        values = np.clip(np.where(kind == 1, 0.6, 0.2) + rng.normal(0, 0.15, 40), 0, 1)
        weights = np.where(kind == 1, 3.0, 1.0)
        low, high = bounded_mean(values, weights=weights)
        inside += low <= (3 * 0.6 + 0.2) / 4 <= high
    assert 0.93 <= inside / 600 <= 0.99


def test_equal_weights_of_sets_change_little() -> None:
    values = np.array([0.2, 0.5, 0.1, 0.9, 0.4, 0.6])
    assert bounded_mean(values, weights=np.full(6, 3.0)) == pytest.approx(bounded_mean(values))
    signed = np.array([0.2, -0.5, 0.1, 0.4])
    assert signed_mean(signed, weights=np.full(4, 2.0)) == pytest.approx(signed_mean(signed))
