"""Flips within counterfactual sets against loops over all pairs, cases by hand."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from probes.metrics.counterfactual import counterfactual_pairs, flips, marked, set_codes, set_means, turns


def naive_flip_rate(sets: list[int], values: list[int], predictions: list[str]) -> float:
    shares = []
    for one in sorted(set(sets)):
        members = [i for i, own in enumerate(sets) if own == one]
        pairs = [(i, j) for i, j in combinations(members, 2) if values[i] != values[j]]
        if pairs:
            shares.append(sum(predictions[i] != predictions[j] for i, j in pairs) / len(pairs))
    return sum(shares) / len(shares)


@pytest.mark.parametrize("seed", range(4))
def test_the_flip_rate_matches_loops_over_all_pairs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    sets, values = rng.integers(0, 8, 40), rng.integers(0, 3, 40)
    predictions = rng.choice(["a", "b"], 40)
    pairs = counterfactual_pairs(sets, values)
    _, number, means = set_means(flips(predictions, pairs), pairs.sets)
    assert means.mean() == pytest.approx(
        naive_flip_rate(sets.tolist(), values.tolist(), predictions.tolist())
    )
    assert number.sum() == len(pairs)


def test_pairs_by_hand() -> None:
    """Set 0 has values 1, 0 and 0: two pairs, the lower value first; set 1 has one value; set 2 one image."""
    pairs = counterfactual_pairs(np.array([0, 0, 0, 1, 1, 2]), np.array([1, 0, 0, 2, 2, 0]))
    assert list(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)) == [(1, 0), (2, 0)]
    assert pairs.sets.tolist() == [0, 0]


def test_a_missing_set_or_value_makes_no_pair() -> None:
    assert len(counterfactual_pairs(np.array([-1, -1, 0, 0]), np.array([0, 1, -1, 1]))) == 0


def test_every_set_counts_once_however_many_pairs_it_has() -> None:
    """A set of one pair that flips and one of three that do not: a half, not a quarter."""
    sets, number, means = set_means(np.array([1, 0, 0, 0]), np.array([4, 7, 7, 7]))
    assert (sets.tolist(), number.tolist(), means.tolist()) == ([4, 7], [1, 3], [1.0, 0.0])


def test_turns_have_a_direction() -> None:
    """Two sets turn to the event from the first to the second value, one turns back: a third more."""
    pairs = counterfactual_pairs(np.repeat([0, 1, 2], 2), np.tile([0, 1], 3))
    events = np.array([0, 1, 0, 1, 1, 0], bool)
    assert turns(events, pairs).tolist() == [1, 1, -1]
    assert flips(events, pairs).all()  # a flip rate of 100 % hides that they partly cancel
    assert set_means(turns(events, pairs), pairs.sets)[2].mean() == pytest.approx(1 / 3)


def test_without_sets_there_is_no_rate() -> None:
    assert [len(part) for part in set_means(np.zeros(0), np.zeros(0, int))] == [0, 0, 0]


def test_sets_by_columns() -> None:
    one = np.array(["x", "x", "y", None, "y"], object)
    other = np.array(["1", "1", "1", "1", "2"], object)
    codes = set_codes([one, other])
    assert codes[0] == codes[1] and len({codes[0], codes[2], codes[4]}) == 3
    assert codes[3] == -1


def test_markedness_by_hand() -> None:
    """More similar to the neutral prompt than to all of the groups'; a tie is marked."""
    neutral, groups = np.array([0.5, 0.5, 0.5]), np.array([[0.4, 0.3], [0.6, 0.1], [0.5, 0.2]])
    assert marked(neutral, groups).tolist() == [True, False, False]
