"""Confidence intervals of proportions, of their difference and of their ratio: array-level functions.

Counts broadcast against each other. Where a group has no images the answer is NaN, never an interval of width
zero or one. `confidence` is two-sided.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from audit.statistics.proportion.proportions import (
    Interval,
    adjusted_wilson,
    as_counts,
    nan_where,
    newcombe,
    normal_quantile,
    wilson,
)
from clipmodel.array_types import Floats

__all__ = [
    "adjusted_wilson", "clopper_pearson", "joined_difference", "katz", "koopman", "newcombe",
    "normal_quantile", "wilson",
]  # fmt: skip

# Beyond e^40 no ratio of two counts is told apart from infinity; 70 halvings leave less than 1e-19 of it.
_LOG_RATIO_BOUND = 40.0
_HALVINGS = 70


def clopper_pearson(count: ArrayLike, n: ArrayLike, *, confidence: ArrayLike = 0.95) -> Interval:
    """Exact interval of a proportion, by beta quantiles (Clopper & Pearson 1934).

    Its coverage is never below `confidence`, which may be an array. NaN where n is 0.
    """
    x, size = as_counts(count, n)
    tail = (1 - np.asarray(confidence, dtype=float)) / 2
    # The quantile does not exist for a parameter of 0. There the limit is 0 or 1, which the last line puts
    # in.
    low = special.betaincinv(np.where(x > 0, x, 1.0), np.where(x > 0, size - x + 1, size), tail)
    high = special.betaincinv(np.where(x < size, x + 1, size), np.where(x < size, size - x, 1.0), 1 - tail)
    return nan_where(np.isnan(size), np.where(x == 0, 0.0, low), np.where(x == size, 1.0, high))


def joined_difference(
    rate_1: ArrayLike,
    limits_1: Interval,
    rate_2: ArrayLike,
    limits_2: Interval,
    *,
    correlation: ArrayLike = 0.0,
) -> Interval:
    """Interval of p1 - p2 from those of p1 and of p2, within [-1, 1] (MOVER: Zou & Donner 2008; Newcombe
    1998).

    Each limit keeps the distances of the two limits that it depends on, so that each side brings its own
    quantile and degrees of freedom. `correlation` is that of the two estimates, where they share clusters
    (Newcombe 1998b).
    """
    p1, p2 = np.asarray(rate_1, dtype=float), np.asarray(rate_2, dtype=float)
    difference = p1 - p2
    low = difference - _joined(p1 - limits_1[0], limits_2[1] - p2, correlation)
    high = difference + _joined(limits_1[1] - p1, p2 - limits_2[0], correlation)
    return np.maximum(low, -1.0), np.minimum(high, 1.0)


def _joined(one: Floats, other: Floats, correlation: ArrayLike) -> Floats:
    square = one**2 + other**2 - 2 * np.asarray(correlation, dtype=float) * one * other
    return np.asarray(np.sqrt(np.maximum(square, 0.0)))


def katz(
    count_1: ArrayLike,
    n_1: ArrayLike,
    count_2: ArrayLike,
    n_2: ArrayLike,
    *,
    confidence: float = 0.95,
    correlation: ArrayLike = 0.0,
) -> Interval:
    """Interval of the ratio p1 / p2, normal on the logarithm (Katz et al. 1978, method C).

    `correlation` is that of the two rates, where they share clusters.

    NaN where either n is 0, and where a count is 0 or both groups consist of events only: there the standard
    error is infinite or zero. `koopman` answers in those cases.
    """
    x1, size1 = as_counts(count_1, n_1)
    x2, size2 = as_counts(count_2, n_2)
    with np.errstate(divide="ignore", invalid="ignore"):
        first, second = (np.sqrt(np.maximum(1 / x - 1 / size, 0.0)) for x, size in ((x1, size1), (x2, size2)))
        variance = _joined(first, second, correlation) ** 2
        ratio = (x1 / size1) / (x2 / size2)
        factor = np.exp(normal_quantile(confidence) * np.sqrt(variance))
        usable = (x1 > 0) & (x2 > 0) & ~((x1 == size1) & (x2 == size2))
        return nan_where(~usable, ratio / factor, ratio * factor)


def koopman(
    count_1: ArrayLike, n_1: ArrayLike, count_2: ArrayLike, n_2: ArrayLike, *, confidence: float = 0.95
) -> Interval:
    """Score interval of the ratio p1 / p2 (Koopman 1984; the form of Miettinen & Nurminen 1985, uncorrected).

    Defined at zero cells: low is 0 where group 1 has no event, high is infinite where group 2 has none, and
    without any event the interval is [0, inf]. NaN where either n is 0.
    """
    x1, size1, x2, size2 = np.broadcast_arrays(*as_counts(count_1, n_1), *as_counts(count_2, n_2))
    z = normal_quantile(confidence)
    low = np.exp(_root_of_score(x1, size1, x2, size2, target=z))
    high = np.exp(_root_of_score(x1, size1, x2, size2, target=-z))
    low = np.where(x1 == 0, 0.0, low)
    high = np.where(x2 == 0, np.inf, high)
    return nan_where(np.isnan(size1) | np.isnan(size2), low, high)


def _root_of_score(x1: Floats, n1: Floats, x2: Floats, n2: Floats, *, target: float) -> Floats:
    """Logarithm of the ratio at which the score, which falls with the ratio, equals `target`."""
    below = np.full(x1.shape, -_LOG_RATIO_BOUND)
    above = np.full(x1.shape, _LOG_RATIO_BOUND)
    for _ in range(_HALVINGS):
        middle = (below + above) / 2
        too_high = _score(np.exp(middle), x1, n1, x2, n2) < target
        below, above = np.where(too_high, below, middle), np.where(too_high, middle, above)
    limit: Floats = (below + above) / 2
    return limit


def _score(ratio: Floats, x1: Floats, n1: Floats, x2: Floats, n2: Floats) -> Floats:
    """(p1 - ratio p2) over its standard error under p1 = ratio p2, at the restricted maximum likelihood."""
    linear = ratio * (n1 + x2) + x1 + n2
    root = np.sqrt(np.maximum(linear**2 - 4 * ratio * (n1 + n2) * (x1 + x2), 0))
    # The smaller root of the quadratic, in the form that loses no digits.
    p2 = np.clip(2 * (x1 + x2) / (linear + root), 0, 1)
    p1 = np.clip(ratio * p2, 0, 1)
    variance = p1 * (1 - p1) / n1 + ratio**2 * p2 * (1 - p2) / n2
    distance = x1 / n1 - ratio * x2 / n2
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(distance == 0, 0.0, distance / np.sqrt(variance))
