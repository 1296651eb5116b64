"""Measures of a ranking against loops over the formulas, cases by hand, and what they hide elsewhere."""

from __future__ import annotations

import math
from itertools import permutations

import numpy as np
import pytest

from probes.metrics.ranking import (
    bias_at,
    counts_at,
    ndkl,
    normalised_entropy,
    skew,
    top_weights,
)


def naive_counts(order: list[int], groups: list[int], k: int, n_groups: int) -> list[int]:
    top = [groups[i] for i in order[:k]]
    return [top.count(group) for group in range(n_groups)]


def naive_ndkl(order: list[int], groups: list[int], reference: list[float]) -> float:
    total = normaliser = 0.0
    for i in range(1, len(order) + 1):
        shares = [count / i for count in naive_counts(order, groups, i, len(reference))]
        divergence = sum(p * math.log(p / q) for p, q in zip(shares, reference, strict=True) if p > 0)
        total += divergence / math.log2(i + 1)
        normaliser += 1 / math.log2(i + 1)
    return total / normaliser


@pytest.mark.parametrize("seed", range(5))
def test_counts_and_ndkl_match_loops(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores, groups = rng.normal(size=30), rng.integers(0, 3, 30)
    order = sorted(range(30), key=lambda i: -scores[i])
    counts = counts_at(scores, groups, n_groups=3)
    for k in (1, 7, 30):
        assert counts[k - 1].tolist() == naive_counts(order, groups.tolist(), k, 3)
    reference = [0.5, 0.3, 0.2]
    assert ndkl(counts, np.array(reference)) == pytest.approx(naive_ndkl(order, groups.tolist(), reference))


def test_equal_scores_share_their_places() -> None:
    """Three images tie for two places: the mean over all orders of the three."""
    scores, groups = np.array([5.0, 1.0, 1.0, 1.0, 0.0]), np.array([0, 0, 1, 1, 0])
    expected = np.mean(
        [naive_counts([0, *tied, 4], groups.tolist(), 3, 2) for tied in permutations([1, 2, 3])], axis=0
    )
    assert counts_at(scores, groups, n_groups=2)[2] == pytest.approx(expected)
    assert expected == pytest.approx([1 + 2 / 3, 4 / 3])
    first = counts_at(scores, groups, n_groups=2, tie_rule="row order")
    assert first[2].tolist() == [2, 1]


def test_the_order_of_the_data_does_not_decide_ties() -> None:
    """A model that gives every image one score ranks nobody; an order of rows would say otherwise."""
    groups = np.repeat([0, 1], 10)
    counts = counts_at(np.zeros(20), groups, n_groups=2)
    assert counts[9] == pytest.approx([5, 5])
    assert counts_at(np.zeros(20), groups, n_groups=2, tie_rule="row order")[9].tolist() == [10, 0]
    assert skew(counts[9], np.array([0.5, 0.5])) == pytest.approx([0, 0])


@pytest.mark.parametrize("tied", [False, True])
def test_several_groupings_of_the_same_images_are_counted_at_once(tied: bool) -> None:
    rng = np.random.default_rng(1)
    scores = rng.integers(0, 6, 30).astype(float) if tied else rng.normal(size=30)
    groups, reference = rng.integers(0, 3, (4, 30)), np.array([0.5, 0.3, 0.2])
    counts = counts_at(scores, groups, n_groups=3)
    for own, of_own, found in zip(groups, counts, ndkl(counts, reference), strict=True):
        alone = counts_at(scores, own, n_groups=3)
        np.testing.assert_array_equal(of_own, alone)
        assert found == pytest.approx(float(ndkl(alone, reference)), rel=1e-12)


def test_scores_that_are_not_finite_are_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        counts_at(np.array([1.0, np.nan]), np.array([0, 1]), n_groups=2)


def test_skew_by_hand() -> None:
    """Seven of ten against a half: ln 1.4; three of ten: ln 0.6."""
    skews = skew(np.array([7, 3]), np.array([0.5, 0.5]))
    assert skews == pytest.approx([math.log(1.4), math.log(0.6)])
    assert skews.max() == pytest.approx(0.336, abs=1e-3)


def test_the_reference_changes_the_sign() -> None:
    """Seven of ten are women: too many against halves, too few where nine of ten candidates are."""
    counts = np.array([7, 3])
    assert skew(counts, np.array([0.5, 0.5]))[0] > 0 > skew(counts, np.array([0.9, 0.1]))[0]


@pytest.mark.parametrize(
    ("zero_rule", "least"), [("1/K", math.log(0.1 / 0.25)), ("1/groups", math.log(1)), ("zero", 0.0)]
)
def test_the_three_rules_for_an_absent_group(zero_rule: str, least: float) -> None:
    """Ten places, four equal groups, one absent: its share counts as 1/10, as 1/4, or its skew as 0."""
    skews = skew(np.array([5, 3, 2, 0]), np.full(4, 0.25), zero_rule=zero_rule)  # type: ignore[arg-type]
    assert skews[3] == pytest.approx(least)
    assert skews[:3] == pytest.approx(np.log(np.array([0.5, 0.3, 0.2]) / 0.25))


def test_an_absent_group_can_never_make_the_largest_skew_infinite_or_nan() -> None:
    skews = skew(np.array([10, 0]), np.array([1.0, 0.0]))
    assert skews[0] == 0 and math.isnan(skews[1])  # no candidate of that group: no expectation


def test_maxskew_at_all_is_a_constant_of_the_data() -> None:
    """Whatever the scores, K = N gives the same number; it must be told from a property of the model."""
    rng = np.random.default_rng(0)
    groups = np.repeat([0, 1], [15, 5])
    at_all = {
        round(float(skew(counts_at(rng.normal(size=20), groups, n_groups=2)[-1], np.full(2, 0.5)).max()), 12)
        for _ in range(20)
    }
    assert at_all == {round(math.log(1.5), 12)}


def test_ndkl_by_hand() -> None:
    """Women first, then men, halves expected: KL is ln 2 at the first place and 0 at the second."""
    counts = counts_at(np.array([2.0, 1.0]), np.array([0, 1]), n_groups=2)
    weights = 1 / np.log2([2, 3])
    assert ndkl(counts, np.array([0.5, 0.5])) == pytest.approx(math.log(2) * weights[0] / weights.sum())


def test_bias_by_hand() -> None:
    assert bias_at(7, 3) == pytest.approx(0.4)
    assert bias_at(0, 5) == -1
    assert np.isnan(bias_at(0, 0))


def test_entropy_by_hand() -> None:
    assert normalised_entropy(np.array([[5, 5], [10, 0]])) == pytest.approx([1, 0])
    mixed = -(0.7 * math.log(0.7) + 0.3 * math.log(0.3)) / math.log(2)
    assert normalised_entropy(np.array([7, 3])) == pytest.approx(mixed)
    assert np.isnan(normalised_entropy(np.array([10])))


@pytest.mark.parametrize("tie_rule", ["shared", "row order"])
def test_weights_of_the_top_are_its_counts(tie_rule: str) -> None:
    rng = np.random.default_rng(5)
    scores, groups = rng.integers(0, 6, 40).astype(float), rng.integers(0, 3, 40)
    counts = counts_at(scores, groups, n_groups=3, tie_rule=tie_rule)
    for k in (1, 7, 20, 40):
        weights = top_weights(scores, k, tie_rule=tie_rule)
        assert np.bincount(groups, weights=weights) == pytest.approx(counts[k - 1])
