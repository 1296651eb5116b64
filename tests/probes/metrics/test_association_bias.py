"""Association bias against loops over its definition, cases by hand, and noise."""

from __future__ import annotations

import math

import numpy as np
import pytest

from probes.metrics.association_bias import association_bias
from probes.metrics.proportions import newcombe


def naive_bias(given: np.ndarray, is_first: np.ndarray) -> float:
    """mean over y of |P(y | first) - P(y | second)|, as it is defined."""
    total = 0.0
    for y in range(given.shape[1]):
        first = [float(row[y]) for row, own in zip(given, is_first, strict=True) if own]
        second = [float(row[y]) for row, own in zip(given, is_first, strict=True) if not own]
        total += abs(math.fsum(first) / len(first) - math.fsum(second) / len(second))
    return total / given.shape[1]


def draw(seed: int, *, n: int = 60, classes: int = 4) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.ones(classes), n)
    return probabilities, probabilities.argmax(1)[:, None] == np.arange(classes), rng.random(n) < 0.4


@pytest.mark.parametrize("seed", range(4))
def test_the_bias_is_that_of_loops_over_the_definition(seed: int) -> None:
    probabilities, given, is_first = draw(seed)
    for values in (probabilities, given):
        found = association_bias(values, is_first, permutations=99)
        assert found.bias == pytest.approx(naive_bias(values, is_first))
        assert (found.low <= found.difference).all() and (found.difference <= found.high).all()
        assert (found.p_adjusted >= found.p_class - 1e-12).all()


def test_the_p_is_that_of_groups_dealt_at_random() -> None:
    probabilities, _, is_first = draw(9)
    rng = np.random.default_rng(1)
    chance = [naive_bias(probabilities, rng.permutation(is_first)) for _ in range(800)]
    found = association_bias(probabilities, is_first, permutations=2_999)
    assert found.p == pytest.approx(np.mean(np.array(chance) >= found.bias), abs=0.06)
    assert found.by_chance == pytest.approx(np.mean(chance), rel=0.05)


def test_shares_by_hand() -> None:
    """Of four women three are cooks and one a judge, of five men one and four; nobody is a pilot."""
    given = np.array([[1, 0, 0]] * 3 + [[0, 1, 0]] + [[1, 0, 0]] + [[0, 1, 0]] * 4, bool)
    is_first = np.arange(9) < 4
    found = association_bias(given, is_first, permutations=199)
    assert found.difference.tolist() == pytest.approx([0.55, -0.55, 0])
    assert found.bias == pytest.approx(1.1 / 3)
    low, high = newcombe(3, 4, 1, 5)
    assert (found.low[0], found.high[0]) == (pytest.approx(float(low)), pytest.approx(float(high)))
    # A class that nobody is given has an interval, and no test.
    assert found.low[2] < 0 < found.high[2] and math.isnan(found.p_class[2])


def test_photographs_of_few_people_are_not_as_good_as_many_people() -> None:
    """Each of ten people ten times, all alike: intervals are those of ten people, and p too."""
    person = np.array([[True, False]] * 4 + [[False, True]] * 1 + [[True, False]] * 1 + [[False, True]] * 4)
    given, is_first = np.repeat(person, 10, axis=0), np.repeat(np.arange(10) < 5, 10)
    own = association_bias(given, is_first, clusters=np.repeat(np.arange(10), 10), permutations=999)
    alone = association_bias(person, np.arange(10) < 5, permutations=999)
    assert own.bias == alone.bias == pytest.approx(0.6)
    assert own.p == pytest.approx(alone.p, abs=0.06)
    assert own.high[0] - own.low[0] == pytest.approx(alone.high[0] - alone.low[0], rel=0.15)
    single = association_bias(given, is_first, permutations=999)
    assert single.p < 0.01 < own.p
    assert single.high[0] - single.low[0] < 0.5 * (own.high[0] - own.low[0])


def test_noise_gives_no_more_alarms_than_it_may() -> None:
    """The mean of absolute differences is never 0, so only its p says whether it is more than chance."""
    alarms, any_class = [], []
    for seed in range(200):
        _, given, is_first = draw(seed, n=50, classes=5)
        found = association_bias(given, is_first, permutations=99, seed=seed)
        assert found.bias > 0
        alarms.append(found.p <= 0.05)
        any_class.append(np.nanmin(found.p_adjusted) <= 0.05)
    most = 0.05 + 3 * math.sqrt(0.05 * 0.95 / 200)
    assert np.mean(alarms) <= most and np.mean(any_class) <= most


def test_a_planted_difference_is_found_by_either_correction() -> None:
    rng = np.random.default_rng(3)
    is_first = np.arange(400) < 200
    classes = np.where(is_first & (rng.random(400) < 0.3), 2, rng.integers(0, 8, 400))
    given = classes[:, None] == np.arange(8)
    for correction in ("max_t", "bh"):
        found = association_bias(given, is_first, permutations=399, correction=correction)
        assert found.p < 0.01 and found.p_adjusted[2] < 0.05 and found.low[2] > 0.1
