"""The mean of paired changes of images that may share a person, with a t interval.

N images, K clusters.
"""

from __future__ import annotations

import numpy as np
import scipy.stats
from numpy.typing import ArrayLike, NDArray


def clustered_mean(
    values: ArrayLike, clusters: NDArray[np.int64], *, confidence: float = 0.95
) -> tuple[float, float, float]:
    """Mean of values [N], and its interval from the sums of K clusters.

    The variance is that of the residuals summed by cluster, times K / (K - 1) (Liang & Zeger 1986, for a
    mean); the interval is Student's with K - 1 degrees of freedom.

    Returns
    -------
    mean, low, high. All are NaN without values; the limits are NaN with fewer than two clusters.

    Examples
    --------
    >>> clustered_mean([0.0, 0.0, 1.0, 1.0], np.array([0, 1, 2, 3]))[0]
    0.5
    """
    x = np.asarray(values, dtype=float)
    if not len(x):
        return np.nan, np.nan, np.nan
    mean = float(x.mean())
    sums = np.bincount(np.unique(clusters, return_inverse=True)[1], weights=x - mean)
    if len(sums) < 2:
        return mean, np.nan, np.nan
    error = np.sqrt(len(sums) / (len(sums) - 1) * np.sum(sums**2)) / len(x)
    reach = float(scipy.stats.t.ppf((1 + confidence) / 2, len(sums) - 1) * error)
    return mean, mean - reach, mean + reach
