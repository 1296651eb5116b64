"""C-ASC against loops over its formula, cases by hand."""

from __future__ import annotations

import math
import statistics

import numpy as np
import pytest

from probes.metrics.c_asc import contrastive_scores
from probes.metrics.weat import sc_weat


def cosine(u: np.ndarray, v: np.ndarray) -> float:
    return float(u @ v / math.sqrt(float(u @ u) * float(v @ v)))


def naive_casc(column: list[float], member: list[bool]) -> float:
    inside = [value for value, is_in in zip(column, member, strict=True) if is_in]
    outside = [value for value, is_in in zip(column, member, strict=True) if not is_in]
    return (statistics.fmean(inside) - statistics.fmean(outside)) / statistics.stdev(column)


@pytest.mark.parametrize("seed", range(3))
def test_casc_matches_loops_over_the_formula(seed: int) -> None:
    rng = np.random.default_rng(seed)
    similarities, groups = rng.normal(size=(40, 5)), rng.integers(0, 3, 40)
    found = contrastive_scores(similarities, groups, n_groups=3)
    for word in range(5):
        for group in range(3):
            expected = naive_casc(similarities[:, word].tolist(), (groups == group).tolist())
            assert found[word, group] == pytest.approx(expected)


def test_casc_by_hand() -> None:
    """Similarities 1, 1, 0, 0 and the group has the ones: difference 1, variance 1/3."""
    found = contrastive_scores(np.array([[1.0], [1.0], [0.0], [0.0]]), np.array([0, 0, 1, 1]), n_groups=3)
    assert found[0].tolist() == [
        pytest.approx(math.sqrt(3)), pytest.approx(-math.sqrt(3)), pytest.approx(math.nan, nan_ok=True)
    ]  # fmt: skip


def test_casc_of_two_groups_is_sc_weat() -> None:
    rng = np.random.default_rng(5)
    word, a, b = rng.normal(size=4), rng.normal(size=(6, 4)), rng.normal(size=(7, 4))
    cosines = np.array([[cosine(word, v)] for v in (*a, *b)])
    scores = contrastive_scores(cosines, np.repeat([0, 1], [6, 7]), n_groups=2)
    assert scores[0, 0] == pytest.approx(sc_weat(word, a, b))


def test_similarities_without_spread_give_nan() -> None:
    found = contrastive_scores(np.full((6, 2), 0.5), np.repeat([0, 1], 3), n_groups=2)
    assert np.isnan(found).all()
