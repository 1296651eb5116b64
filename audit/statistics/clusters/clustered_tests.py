"""p of equal rates of two groups whose images come in clusters."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from audit.statistics.clusters.cluster_robust import Precision, shortened_at
from audit.statistics.proportion.intervals import joined_difference
from audit.statistics.proportion.proportions import Interval
from clipmodel.array_types import Floats

# p is bisected on its logarithm, so that a small one has as many digits as a large one: 36 halvings of 60
# leave a relative error below 1e-9.
_LEAST_LOG_P = -60.0
_HALVINGS = 36


def difference_p(
    rate_1: ArrayLike, first: Precision, rate_2: ArrayLike, second: Precision, *, correlation: ArrayLike = 0.0
) -> NDArray[np.float64]:
    """The level at which the interval of the difference just touches zero, two-sided.

    So a p below 0.05 and a 95 % interval that excludes zero are the same thing. The interval is that of
    `joined_difference` from the limits of either side, each with its own degrees of freedom. Where a group of
    5 to 40 clusters meets 200, with correlations up to .6 and rates from .05, its size is at most .065 at
    .05, .0042 at .0036 and .0005 at .00018 (10,000 draws each).

    Returns
    -------
    NaN where a rate is NaN; 1 where the rates are equal.
    """
    arrays = np.broadcast_arrays(
        np.asarray(rate_1, dtype=float), first.effective, first.freedom, np.asarray(rate_2, dtype=float),
        second.effective, second.freedom, np.asarray(correlation, dtype=float),
    )  # fmt: skip
    p1, n1, f1, p2, n2, f2, r = (np.asarray(a, dtype=float) for a in arrays)
    known = ~(np.isnan(p1) | np.isnan(p2)) & (n1 > 0) & (n2 > 0)
    sides = [a[known] for a in (p1, n1, f1, p2, n2, f2, r)]
    found = np.full(p1.shape, np.nan)
    found[known] = _touching(*sides)
    return found


def _touching(p1: Floats, n1: Floats, f1: Floats, p2: Floats, n2: Floats, f2: Floats, r: Floats) -> Floats:
    low, high = np.full(p1.shape, _LEAST_LOG_P), np.zeros(p1.shape)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        tail = np.exp(middle) / 2
        limits = [_score_limits(p, n, f, tail) for p, n, f in ((p1, n1, f1), (p2, n2, f2))]
        below, above = joined_difference(p1, limits[0], p2, limits[1], correlation=r)
        apart = (below > 0) | (above < 0)
        high, low = np.where(apart, middle, high), np.where(apart, low, middle)
    return np.where(p1 == p2, 1.0, np.exp(high))


def _score_limits(p: Floats, effective: Floats, freedom: Floats, tail: Floats) -> Interval:
    """Wilson's limits of effective images, with the quantile of Student's distribution."""
    z2n = special.ndtri(tail) ** 2 / shortened_at(effective, freedom, tail)
    centre = (p + z2n / 2) / (1 + z2n)
    half = np.sqrt(z2n * (p * (1 - p) + z2n / 4)) / (1 + z2n)
    return np.asarray(np.clip(centre - half, 0, 1)), np.asarray(np.clip(centre + half, 0, 1))
