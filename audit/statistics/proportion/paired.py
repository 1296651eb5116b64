"""The same images asked twice: tests and intervals of a paired difference, from the joint table of both
answers.

`both`, `only_first`, `only_second` and `neither` count the images to which the event happened under both
specifications, one of them, or none: the columns of `Records.pairs`. Arrays broadcast against each other.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from audit.statistics.proportion.proportions import Interval, wilson
from clipmodel.array_types import Floats


def mcnemar_p(
    only_first: ArrayLike, only_second: ArrayLike, *, method: Literal["exact", "mid-p"] = "exact"
) -> Floats:
    """Two-sided p of equal rates under both specifications (McNemar 1947), by the binomial distribution.

    Images that change in one direction only decide; of these, either direction is as likely. "mid-p" counts
    the observed table by half: closer to its level on average, and above it at times (Fagerland, Lydersen &
    Laake 2013). 1 where no image changes.
    """
    first, second = (np.asarray(a, dtype=float) for a in np.broadcast_arrays(only_first, only_second))
    least, changed = np.minimum(first, second), first + second
    tail = special.bdtr(least, changed.astype(np.int64), 0.5)
    if method == "mid-p":
        own = np.exp(_log_choose(changed, least) - changed * np.log(2))
        # At a tie the whole distribution is as extreme, and half of the middle leaves 1 - own / 2.
        mid_p: Floats = np.where(first == second, 1 - own / 2, np.minimum(2 * tail - own, 1.0))
        return mid_p
    p_value: Floats = np.minimum(2 * tail, 1.0)
    return p_value


def newcombe_paired(
    both: ArrayLike,
    only_first: ArrayLike,
    only_second: ArrayLike,
    neither: ArrayLike,
    *,
    confidence: float = 0.95,
) -> Interval:
    """Interval of the paired difference p_first - p_second (Newcombe 1998, paired data, method 10).

    Two Wilson intervals, joined with the correlation of the answers, a positive one corrected for continuity.
    Within [-1, 1]; NaN without images; never of width zero, also where no image changes.
    """
    a, b, c, d = (
        np.asarray(v, dtype=float) for v in np.broadcast_arrays(both, only_first, only_second, neither)
    )
    n = a + b + c + d
    size = np.where(n == 0, np.nan, n)
    first, second = (a + b) / size, (a + c) / size
    low1, high1 = wilson(a + b, n, confidence=confidence)
    low2, high2 = wilson(a + c, n, confidence=confidence)
    correlation = _correlation(a, b, c, d)
    low = _joined(first - low1, high2 - second, correlation)
    high = _joined(high1 - first, second - low2, correlation)
    return np.maximum(first - second - low, -1.0), np.minimum(first - second + high, 1.0)


def _correlation(a: Floats, b: Floats, c: Floats, d: Floats) -> Floats:
    """Correlation of the two answers; 0 where one of them is the same for all images."""
    n, product = a + b + c + d, a * d - b * c
    margins = (a + b) * (c + d) * (a + c) * (b + d)
    corrected = np.where(product > 0, np.maximum(product - n / 2, 0), product)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(margins > 0, corrected / np.sqrt(margins), 0.0)


def _joined(one: Floats, other: Floats, correlation: Floats) -> Floats:
    return np.sqrt(np.maximum(one**2 - 2 * correlation * one * other + other**2, 0))


def _log_choose(n: Floats, k: Floats) -> Floats:
    return np.asarray(special.gammaln(n + 1) - special.gammaln(k + 1) - special.gammaln(n - k + 1))
