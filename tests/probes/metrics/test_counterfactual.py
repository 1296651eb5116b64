"""Flips within counterfactual sets against loops over all pairs, cases by hand, and intervals over sets."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest

from probes.metrics.counterfactual import counterfactual_pairs, flip_rate, flips, marked, set_codes, turns
from probes.metrics.proportions import wilson


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
    found = flip_rate(flips(predictions, pairs), pairs.sets)
    assert found.value == pytest.approx(naive_flip_rate(sets.tolist(), values.tolist(), predictions.tolist()))
    assert found.n_pairs == len(pairs)
    assert found.low <= found.value <= found.high


def test_pairs_by_hand() -> None:
    """Set 0 has values 1, 0 and 0: two pairs, the lower value first; set 1 has one value; set 2 one image."""
    pairs = counterfactual_pairs(np.array([0, 0, 0, 1, 1, 2]), np.array([1, 0, 0, 2, 2, 0]))
    assert list(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)) == [(1, 0), (2, 0)]
    assert pairs.sets.tolist() == [0, 0]


def test_a_missing_set_or_value_makes_no_pair() -> None:
    assert len(counterfactual_pairs(np.array([-1, -1, 0, 0]), np.array([0, 1, -1, 1]))) == 0


def test_every_set_counts_once_however_many_pairs_it_has() -> None:
    """A set of one pair that flips and one of three that do not: a half, not a quarter."""
    found = flip_rate(np.array([1, 0, 0, 0]), np.array([0, 1, 1, 1]))
    assert (found.value, found.n_sets, found.n_pairs) == (0.5, 2, 4)


def test_no_flip_is_not_certainty() -> None:
    """The bootstrap of ten sets that never flip is 0 to 0; Wilson's interval reaches to .28."""
    found = flip_rate(np.zeros(10, bool), np.arange(10))
    assert found.method == "Wilson over sets"
    assert (found.low, found.high) == tuple(map(float, wilson(0, 10)))
    assert found.high == pytest.approx(0.278, abs=1e-3)


def test_repeated_images_of_a_set_do_not_narrow_the_interval() -> None:
    """Ten sets, each asked fifty times over: as much is known as of ten sets, not of 500 pairs."""
    changed = np.repeat(np.arange(10) < 3, 50)
    found = flip_rate(changed, np.repeat(np.arange(10), 50))
    once = flip_rate(np.arange(10) < 3, np.arange(10))
    assert (found.low, found.high) == (once.low, once.high)
    assert found.high - found.low > 0.4


def test_the_bootstrap_draws_sets() -> None:
    shares = np.array([[1, 0], [1, 1], [0, 0], [1, 0], [0, 0], [1, 1]])
    found = flip_rate(shares.ravel(), np.repeat(np.arange(6), 2), resamples=4_000)
    error = shares.mean(axis=1).std() / math.sqrt(6)
    assert found.method == "bootstrap over sets"
    assert found.value == 0.5
    assert found.high - found.low == pytest.approx(2 * 1.96 * error, rel=0.2)


def test_turns_have_a_direction() -> None:
    """Two sets turn to the event from the first to the second value, one turns back: a third more."""
    pairs = counterfactual_pairs(np.repeat([0, 1, 2], 2), np.tile([0, 1], 3))
    events = np.array([0, 1, 0, 1, 1, 0], bool)
    assert turns(events, pairs).tolist() == [1, 1, -1]
    assert flips(events, pairs).all()  # a flip rate of 100 % hides that they partly cancel
    found = flip_rate(turns(events, pairs), pairs.sets, signed=True)
    assert found.value == pytest.approx(1 / 3)
    assert found.low < 0 < found.high


def test_signed_changes_that_are_all_alike_get_no_interval() -> None:
    found = flip_rate(np.ones(5), np.arange(5), signed=True)
    assert found.value == 1 and math.isnan(found.low)


def test_without_sets_there_is_no_rate() -> None:
    found = flip_rate(np.zeros(0), np.zeros(0, int))
    assert math.isnan(found.value) and found.n_sets == 0


def test_sets_by_columns() -> None:
    one = np.array(["x", "x", "y", None, "y"], object)
    other = np.array(["1", "1", "1", "1", "2"], object)
    codes = set_codes([one, other])
    assert codes[0] == codes[1] and len({codes[0], codes[2], codes[4]}) == 3
    assert codes[3] == -1


def test_markedness_by_hand() -> None:
    """Nearer to the neutral prompt than to all of the groups'; a tie is marked."""
    neutral, groups = np.array([0.5, 0.5, 0.5]), np.array([[0.4, 0.3], [0.6, 0.1], [0.5, 0.2]])
    assert marked(neutral, groups).tolist() == [True, False, False]
