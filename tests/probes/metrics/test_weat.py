"""WEAT and SC-WEAT against loops that follow the formulas, and cases by hand."""

from __future__ import annotations

import math
import statistics

import numpy as np
import pytest

from probes.metrics.weat import differential_association, sc_weat, weat


def cosine(u: np.ndarray, v: np.ndarray) -> float:
    return float(u @ v / math.sqrt(float(u @ u) * float(v @ v)))


def naive_association(w: np.ndarray, a: np.ndarray, b: np.ndarray) -> float:
    return statistics.fmean(cosine(w, v) for v in a) - statistics.fmean(cosine(w, v) for v in b)


@pytest.mark.parametrize("seed", range(5))
def test_weat_matches_loops_over_the_formula(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y, a, b = (rng.normal(size=(n, 6)) for n in (4, 5, 3, 2))
    s = [naive_association(w, a, b) for w in (*x, *y)]
    effect = weat(x, y, a, b)
    assert differential_association(x, a, b) == pytest.approx(s[:4])
    d = (statistics.fmean(s[:4]) - statistics.fmean(s[4:])) / statistics.stdev(s)
    assert effect == pytest.approx(d)


def test_weat_by_hand() -> None:
    """X lies on A, Y on B: s is 1, 1, -1, -1, so d = 2 / sqrt(4 / 3)."""
    a, b = np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])
    effect = weat(np.repeat(a, 2, axis=0), np.repeat(b, 2, axis=0), a, b)
    assert effect == pytest.approx(2 / math.sqrt(4 / 3))
    turned = weat(np.repeat(b, 2, axis=0), np.repeat(a, 2, axis=0), a, b)
    assert turned == pytest.approx(-effect)


def test_sc_weat_matches_loops_over_the_formula() -> None:
    rng = np.random.default_rng(3)
    w, a, b = rng.normal(size=6), rng.normal(size=(5, 6)), rng.normal(size=(4, 6))
    cosines = [cosine(w, v) for v in (*a, *b)]
    effect = sc_weat(w, a, b)
    mean = statistics.fmean(cosines[:5]) - statistics.fmean(cosines[5:])
    assert effect == pytest.approx(mean / statistics.stdev(cosines))


def test_equal_cosines_have_no_effect_instead_of_an_infinite_one() -> None:
    same = np.ones((3, 4))
    effect = weat(same, same, same, same)
    assert math.isnan(effect)


def test_an_empty_set_is_refused() -> None:
    with pytest.raises(ValueError, match="members in every set"):
        weat(np.ones((2, 3)), np.ones((2, 3)), np.ones((0, 3)), np.ones((1, 3)))
