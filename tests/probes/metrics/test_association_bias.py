"""Association bias against loops over its definition."""

from __future__ import annotations

import math

import numpy as np
import pytest

from probes.metrics.association_bias import association_bias


def naive_bias(assigned: np.ndarray, is_first: np.ndarray) -> float:
    """mean over y of |P(y | first) - P(y | second)|, as it is defined."""
    total = 0.0
    for y in range(assigned.shape[1]):
        first = [float(row[y]) for row, own in zip(assigned, is_first, strict=True) if own]
        second = [float(row[y]) for row, own in zip(assigned, is_first, strict=True) if not own]
        total += abs(math.fsum(first) / len(first) - math.fsum(second) / len(second))
    return total / assigned.shape[1]


@pytest.mark.parametrize("seed", range(4))
def test_the_bias_is_that_of_loops_over_the_definition(seed: int) -> None:
    rng = np.random.default_rng(seed)
    probabilities, is_first = rng.dirichlet(np.ones(4), 60), rng.random(60) < 0.4
    for values in (probabilities, probabilities.argmax(1)[:, None] == np.arange(4)):
        assert association_bias(values, is_first).bias == pytest.approx(naive_bias(values, is_first))


def test_shares_by_hand() -> None:
    """Of four women three are cooks and one a judge, of five men one and four; nobody is a pilot."""
    assigned = np.array([[1, 0, 0]] * 3 + [[0, 1, 0]] + [[1, 0, 0]] + [[0, 1, 0]] * 4, bool)
    found = association_bias(assigned, np.arange(9) < 4)
    assert found.difference.tolist() == pytest.approx([0.55, -0.55, 0])
    assert found.bias == pytest.approx(1.1 / 3)
