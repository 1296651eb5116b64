"""Sequential Monte Carlo p: how it stops, its level, and the tail beyond the last draw."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from scipy import stats

from audit.statistics.permutation_p import ENOUGH, sequential_p


def chunks(rng: np.random.Generator, *, n: int = 2000) -> Iterator[np.ndarray]:
    for _ in range(n // 200):
        yield rng.standard_t(30, 200)


def test_it_stops_at_the_twentieth_draw_that_reaches_the_statistic() -> None:
    """Every second draw reaches 1: the 20th that does is the 40th."""
    read = []

    def draws() -> Iterator[np.ndarray]:
        for start in range(5):
            read.append(start)
            yield np.tile([0.0, 2.0], 50)

    assert sequential_p(1.0, draws(), freedom=10) == ENOUGH / 40
    assert read == [0]


def test_with_ten_draws_or_more_beyond_it_counts() -> None:
    values = np.concatenate([np.full(15, 3.0), np.zeros(985)])
    assert sequential_p(2.5, iter([values]), freedom=10) == 16 / 1001


def test_the_tail_is_students_beyond_what_was_drawn() -> None:
    p = [
        sequential_p(t, chunks(np.random.default_rng(seed)), freedom=30) for seed, t in enumerate([4.5] * 20)
    ]
    truth = 2 * stats.t.sf(4.5, 30)
    assert np.exp(np.mean(np.log(p))) == pytest.approx(truth, rel=0.5)
    assert max(p) < 1 / 2000


def test_it_is_never_below_one_in_the_number_of_labelings() -> None:
    p = sequential_p(40.0, chunks(np.random.default_rng(0)), freedom=30, least=lambda: 1 / 252)
    assert p == 1 / 252


def test_p_of_noise_is_uniform() -> None:
    rng = np.random.default_rng(1)
    p = np.array([sequential_p(rng.standard_t(30), chunks(rng), freedom=30) for _ in range(800)])
    for level in (0.01, 0.05, 0.2):
        assert (p <= level).mean() <= level + 3 * np.sqrt(level * (1 - level) / 800)


def test_nan_stays_nan() -> None:
    assert np.isnan(sequential_p(float("nan"), iter(()), freedom=1))
