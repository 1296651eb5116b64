"""How much a rate varies between groups, without what their finite sizes add (Lum, Zhang & Bower 2022).

S specifications, G groups, B replicates. Groups without images take no part.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from audit.statistics.bootstrap import percentile_interval
from audit.statistics.proportion.proportions import Interval
from clipmodel.array_types import Floats


def between_group_variance(count: ArrayLike, n: ArrayLike, *, resampled: bool = False) -> Floats:
    """Variance of the groups' true rates, estimated without bias: below zero at times, where it is small.

    The variance S^2 of the observed rates contains that of sampling, s^2 = p (1 - p) / n in each group, so
    its mean is taken off (arXiv 2205.05770). In a bootstrap replicate noise enters twice: the doubly
    corrected estimate is S^2 - 2 mean(s^2) + mean(s^2 / n). Here s^2 is estimated without bias as well, by p
    (1 - p) / (n - 1) and, in a replicate, by p (1 - p) n / (n - 1)^2.

    Parameters
    ----------
    count, n
        Shape [..., G].
    resampled
        The counts are those of bootstrap replicates.

    Returns
    -------
    Shape [...]; NaN with fewer than two groups.
    """
    x, size = np.broadcast_arrays(np.asarray(count, dtype=float), np.asarray(n, dtype=float))
    size = np.where(size == 0, np.nan, size)
    rate = x / size
    groups = np.count_nonzero(~np.isnan(rate), axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.nansum(rate, axis=-1) / groups
        spread = np.nansum((rate - mean[..., None]) ** 2, axis=-1) / (groups - 1)
        short = np.where(size > 1, 1 - 1 / size, 1.0)
        noise = rate * (1 - rate) / size / (short**2 if resampled else short)
        taken = noise * (2 - 1 / size) if resampled else noise
        estimate = spread - np.nansum(taken, axis=-1) / groups
    return np.where(groups >= 2, estimate, np.nan)


def between_group_interval(
    count: ArrayLike, n: ArrayLike, *, seed: int, replicates: int = 500, confidence: float = 0.95
) -> Interval:
    """Percentile interval of `between_group_variance`, the images of each group drawn again.

    Shapes [..., G] to [...]; cut off at zero, NaN with fewer than two groups. Where all rates are 0 or 1, no
    replicate varies, and the interval is NaN.
    """
    x, size = np.broadcast_arrays(np.asarray(count, dtype=np.int64), np.asarray(n, dtype=np.int64))
    rng = np.random.default_rng(seed)
    drawn = rng.binomial(size, x / np.maximum(size, 1), size=(replicates, *x.shape))
    values = between_group_variance(drawn, size, resampled=True)
    low, high = percentile_interval(values, confidence=confidence)
    return np.maximum(low, 0.0), np.maximum(high, 0.0)
