"""Intervals of a proportion and of the difference of two: array-level functions.

Counts broadcast against each other. Where a group has no images the answer is NaN, never an interval of width
zero or one. `confidence` is two-sided. `adjusted_wilson` is the interval next to every rate.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from clipmodel.array_types import Floats

Interval = tuple[Floats, Floats]

# Beyond ten events the Poisson limit is no lower than Wilson's.
_FEW_EVENTS = 10


def wilson(count: ArrayLike, n: ArrayLike, *, confidence: float = 0.95) -> Interval:
    """Score interval of a proportion (Wilson 1927, equation 4).

    Parameters
    ----------
    count, n
        Events and images, broadcast against each other.

    Returns
    -------
    low, high
        Within [0, 1], around count / n; NaN where n is 0.
    """
    x, size = as_counts(count, n)
    z = normal_quantile(confidence)
    share, z2n = x / size, z**2 / size
    centre = (share + z2n / 2) / (1 + z2n)
    half = z / (1 + z2n) * np.sqrt(share * (1 - share) / size + z2n / (4 * size))
    # Exact at the ends, where rounding would leave 1e-17 beside the estimate.
    low = np.where(x == 0, 0.0, np.clip(centre - half, 0, 1))
    high = np.where(x == size, 1.0, np.clip(centre + half, 0, 1))
    return nan_where(np.isnan(size), low, high)


def adjusted_wilson(count: ArrayLike, n: ArrayLike, *, confidence: float = 0.95) -> Interval:
    """Wilson's interval, made longer where events, or their absence, are few: what stands next to a rate.

    Wilson's coverage falls to .84 where few events are expected. With up to ten events the lower limit is
    that of the Poisson distribution, the quantile 1 - `confidence` of chi-squared with 2 x degrees over 2 n,
    where that is lower, as Brown, Cai & DasGupta 2001 do for up to three; with up to ten images without the
    event, the upper limit likewise. `clip-audit calibrate` shows the coverage. Shapes and NaN as in `wilson`.
    """
    x, size = as_counts(count, n)
    low, high = wilson(x, size, confidence=confidence)
    fewest = _poisson_limit(x, confidence=confidence) / size
    fewest_without = _poisson_limit(size - x, confidence=confidence) / size
    return np.fmin(low, fewest), np.fmax(high, 1 - fewest_without)


def _poisson_limit(events: Floats, *, confidence: float) -> Floats:
    """Lower limit of the expected events, NaN where there are more than a few or none."""
    few = np.where((events > 0) & (events <= _FEW_EVENTS), events, np.nan)
    return np.asarray(special.gammaincinv(few, 1 - confidence), dtype=float)


def newcombe(
    count_1: ArrayLike, n_1: ArrayLike, count_2: ArrayLike, n_2: ArrayLike, *, confidence: float = 0.95
) -> Interval:
    """Interval of the difference p1 - p2 of independent proportions (Newcombe 1998, method 10).

    Built from the two Wilson intervals; within [-1, 1]; NaN where either n is 0.
    """
    x1, size1 = as_counts(count_1, n_1)
    x2, size2 = as_counts(count_2, n_2)
    p1, p2 = x1 / size1, x2 / size2
    low1, high1 = wilson(x1, size1, confidence=confidence)
    low2, high2 = wilson(x2, size2, confidence=confidence)
    difference = p1 - p2
    low = difference - np.hypot(p1 - low1, high2 - p2)
    high = difference + np.hypot(high1 - p1, p2 - low2)
    return np.maximum(low, -1.0), np.minimum(high, 1.0)


def normal_quantile(confidence: float) -> float:
    """The z of a two-sided confidence: 1.96 for 0.95.

    Raises
    ------
    ValueError
        `confidence` does not lie strictly between 0 and 1.
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie between 0 and 1, not {confidence!r}")
    return float(special.ndtri(0.5 + confidence / 2))


def as_counts(count: ArrayLike, n: ArrayLike) -> tuple[Floats, Floats]:
    """Floats, n of 0 as NaN.

    Raises
    ------
    ValueError
        A count lies outside 0 ... n.
    """
    x, size = np.asarray(count, dtype=float), np.asarray(n, dtype=float)
    if np.any((x < 0) | (x > size)):
        raise ValueError("a count must lie between 0 and its n")
    return x, np.where(size == 0, np.nan, size)


def nan_where(unusable: NDArray[np.bool_], low: Floats, high: Floats) -> Interval:
    return np.where(unusable, np.nan, low), np.where(unusable, np.nan, high)
