"""WEAT and SC-WEAT against loops that follow the formulas, and cases by hand."""

from __future__ import annotations

import math
import statistics
from itertools import combinations

import numpy as np
import pytest

from probes.metrics.weat import differential_association, sc_weat, two_groups, weat


def cosine(u: np.ndarray, v: np.ndarray) -> float:
    return float(u @ v / math.sqrt(float(u @ u) * float(v @ v)))


def naive_association(w: np.ndarray, a: np.ndarray, b: np.ndarray) -> float:
    return statistics.fmean(cosine(w, v) for v in a) - statistics.fmean(cosine(w, v) for v in b)


def naive_split_p(values: list[float], size: int) -> float:
    """Over every split, as Caliskan et al. write it, with the observed one counted."""
    observed = sum(values[:size])
    splits = list(combinations(range(len(values)), size))
    return sum(sum(values[i] for i in split) >= observed - 1e-9 for split in splits) / len(splits)


@pytest.mark.parametrize("seed", range(5))
def test_weat_matches_loops_over_the_formula(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y, a, b = (rng.normal(size=(n, 6)) for n in (4, 5, 3, 2))
    s = [naive_association(w, a, b) for w in (*x, *y)]
    effect = weat(x, y, a, b)
    assert differential_association(x, a, b) == pytest.approx(s[:4])
    d = (statistics.fmean(s[:4]) - statistics.fmean(s[4:])) / statistics.stdev(s)
    assert effect.value == pytest.approx(d)
    assert effect.exact and effect.n_splits == math.comb(9, 4)
    assert effect.p == pytest.approx(naive_split_p(s, 4))


def test_weat_by_hand() -> None:
    """X lies on A, Y on B: s is 1, 1, -1, -1, so d = 2 / sqrt(4 / 3), and 1 of 6 splits goes as far."""
    a, b = np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])
    effect = weat(np.repeat(a, 2, axis=0), np.repeat(b, 2, axis=0), a, b)
    assert effect.value == pytest.approx(2 / math.sqrt(4 / 3))
    assert effect.p == pytest.approx(1 / 6)
    turned = weat(np.repeat(b, 2, axis=0), np.repeat(a, 2, axis=0), a, b)
    assert turned.value == pytest.approx(-effect.value)
    assert turned.p == 1.0  # one-sided: no split goes less far


def test_sc_weat_matches_loops_over_the_formula() -> None:
    rng = np.random.default_rng(3)
    w, a, b = rng.normal(size=6), rng.normal(size=(5, 6)), rng.normal(size=(4, 6))
    cosines = [cosine(w, v) for v in (*a, *b)]
    effect = sc_weat(w, a, b)
    mean = statistics.fmean(cosines[:5]) - statistics.fmean(cosines[5:])
    assert effect.value == pytest.approx(mean / statistics.stdev(cosines))
    assert effect.p == pytest.approx(naive_split_p(cosines, 5))


def test_many_splits_are_sampled_and_agree_with_all() -> None:
    """C(16, 8) = 12,870 is over the limit; all splits can still be listed here."""
    values = np.random.default_rng(0).normal(size=16)
    values[:8] += 0.5
    effect = two_groups(values[:8], values[8:], permutations=9_999, seed=1)
    assert not effect.exact and effect.n_splits == 10_000
    exact = naive_split_p(values.tolist(), 8)
    assert effect.p == pytest.approx(exact, abs=4 * math.sqrt(exact * (1 - exact) / 9_999))
    assert effect == two_groups(values[:8], values[8:], permutations=9_999, seed=1)


def test_a_sampled_p_is_never_zero() -> None:
    effect = two_groups(np.ones(30) + np.arange(30) / 99, -np.ones(30), permutations=99, seed=0)
    assert effect.p == 1 / 100


def test_equal_cosines_have_no_effect_instead_of_an_infinite_one() -> None:
    same = np.ones((3, 4))
    effect = weat(same, same, same, same)
    assert math.isnan(effect.value) and math.isnan(effect.p)


def test_an_empty_set_is_refused() -> None:
    with pytest.raises(ValueError, match="members in every set"):
        weat(np.ones((2, 3)), np.ones((2, 3)), np.ones((0, 3)), np.ones((1, 3)))
