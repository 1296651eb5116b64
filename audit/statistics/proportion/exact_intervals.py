"""Intervals of a difference and a ratio whose coverage is never below their claim: gates use them.

Each limit joins one exact limit of either proportion (Clopper & Pearson 1934). The samples are independent,
so a limit joined from two that err with chances a1 and a2 holds with at least (1 - a1)(1 - a2), whatever the
rates, the sizes and the confidence. The price is width, 1.3 to 1.6 times that of Newcombe's interval. That
one holds on average, but not at every pair of rates, and falls far below the confidence that many contrasts
need.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from audit.statistics.clusters.cluster_robust import shortened_at
from audit.statistics.proportion.intervals import clopper_pearson, normal_quantile
from audit.statistics.proportion.proportions import Interval, as_counts
from clipmodel.array_types import Floats

# How the error may be shared between the two samples; the sizes decide, the events have no say.
_SHARES = np.linspace(0.02, 0.98, 49)


def exact_difference(
    count_1: ArrayLike,
    n_1: ArrayLike,
    count_2: ArrayLike,
    n_2: ArrayLike,
    *,
    confidence: float = 0.95,
    freedom: tuple[ArrayLike, ArrayLike] = (np.inf, np.inf),
) -> Interval:
    """Interval of p1 - p2 of independent proportions with a coverage of at least `confidence`.

    Counts may be effective ones (events and images over the design effect); `freedom` are then the degrees of
    freedom behind either side, and each limit is that of Korn & Graubard 1998. NaN where either n is 0.
    """
    (low1, high1), (low2, high2) = _joint_limits(
        count_1, n_1, count_2, n_2, confidence=confidence, freedom=freedom
    )
    return low1 - high2, high1 - low2


def exact_ratio(
    count_1: ArrayLike,
    n_1: ArrayLike,
    count_2: ArrayLike,
    n_2: ArrayLike,
    *,
    confidence: float = 0.95,
    freedom: tuple[ArrayLike, ArrayLike] = (np.inf, np.inf),
) -> Interval:
    """Interval of p1 / p2 of independent proportions with a coverage of at least `confidence`.

    The upper limit is infinite where group 2 has no event. NaN where either n is 0; `freedom` as in
    `exact_difference`.
    """
    (low1, high1), (low2, high2) = _joint_limits(
        count_1, n_1, count_2, n_2, confidence=confidence, freedom=freedom
    )
    with np.errstate(divide="ignore"):
        return low1 / high2, high1 / low2


def _joint_limits(
    count_1: ArrayLike,
    n_1: ArrayLike,
    count_2: ArrayLike,
    n_2: ArrayLike,
    *,
    confidence: float,
    freedom: tuple[ArrayLike, ArrayLike],
) -> tuple[Interval, Interval]:
    """Limits of p1 and p2 of which one of each holds together with the other, on either side."""
    x1, size1, x2, size2 = np.broadcast_arrays(*as_counts(count_1, n_1), *as_counts(count_2, n_2))
    normal_quantile(confidence)  # refuses what is no confidence
    error1, error2 = _shared_error((1 - confidence) / 2, size1, size2)
    limits = []
    for x, size, error, nu in ((x1, size1, error1, freedom[0]), (x2, size2, error2, freedom[1])):
        short = np.nan_to_num(shortened_at(size, nu, error))
        events = np.minimum(np.nan_to_num(x / size) * short, short)
        low, high = clopper_pearson(events, short, confidence=1 - 2 * error)
        unusable = np.isnan(size1) | np.isnan(size2)
        limits.append((np.where(unusable, np.nan, low), np.where(unusable, np.nan, high)))
    return limits[0], limits[1]


def _shared_error(error: float, n_1: Floats, n_2: Floats) -> tuple[Floats, Floats]:
    """a1 and a2 with (1 - a1)(1 - a2) = 1 - error that make the joined limit shortest at equal variances."""
    # 1 - (1 - error)^share, in the form that loses no digits where many contrasts leave each a small error.
    each = -np.expm1(_SHARES * np.log1p(-error))
    quantile = -special.ndtri(each)
    with np.errstate(invalid="ignore"):
        width = quantile / np.sqrt(n_1)[..., None] + quantile[::-1] / np.sqrt(n_2)[..., None]
    best = np.argmin(np.nan_to_num(width), axis=-1)
    return each[best], each[::-1][best]
