"""Bootstrap of counts: replicates as if the rows were drawn again, which cost as much as cells, not rows.

Rows drawn with replacement fall into the cells of a table by the multinomial distribution. So the counts are
drawn, and every metric that is a function of counts is computed for all replicates at once.

B replicates, G groups, C cells, K clusters. A statistic takes counts [..., C] (or [..., G, C]) and works on
the last axes.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from audit.statistics.proportion.proportions import Interval, nan_where
from clipmodel.array_types import Floats

Counts = NDArray[np.int64]


def resample_rows(counts: ArrayLike, *, replicates: int, seed: int) -> Counts:
    """Draw all rows again, multinomial over all cells: [B, *shape of counts]; group sizes vary."""
    table = np.asarray(counts, dtype=np.int64)
    total = int(table.sum())
    shares = table.ravel() / max(total, 1)
    drawn = np.random.default_rng(seed).multinomial(total, shares, size=replicates) if total else 0
    return np.broadcast_to(drawn, (replicates, table.size)).reshape(replicates, *table.shape).astype(np.int64)


def resample_groups(counts: ArrayLike, *, replicates: int, seed: int) -> Counts:
    """Draw the rows of each group again: [G, C] to [B, G, C]. Group sizes stay, so no group is ever lost."""
    table = np.asarray(counts, dtype=np.int64)
    n = table.sum(axis=-1)
    shares = table / np.maximum(n, 1)[..., None]
    # A group without rows draws none, wherever its shares point.
    shares[n == 0] = 1 / table.shape[-1]
    return np.random.default_rng(seed).multinomial(n, shares, size=(replicates, *n.shape))


def resample_clusters(counts: ArrayLike, *, replicates: int, seed: int) -> Floats:
    """Draw whole clusters again, by Poisson weights of mean one: [K, ...] to [B, ...].

    The table of a replicate is the weighted sum over clusters, so that images of one person or drawing stay
    together. Its total varies by its own distribution, which ratios of counts do not notice.
    """
    table = np.asarray(counts, dtype=float)
    clusters = len(table)
    flat = table.reshape(clusters, -1)
    weights = np.random.default_rng(seed).poisson(1.0, size=(replicates, clusters)).astype(float)
    resampled: Floats = (weights @ flat).reshape(replicates, *table.shape[1:])
    return resampled


def percentile_interval(replicates: ArrayLike, *, confidence: float = 0.95) -> Interval:
    """Quantiles over the first axis; replicates in which the statistic is undefined (NaN) take no part.

    NaN where none is defined, and where all are equal: a width of zero is no interval.
    """
    values = np.asarray(replicates, dtype=float)
    tail = (1 - confidence) / 2
    # A column of zeros instead of one without any value: it is all equal, and so NaN in the end.
    values = np.where(np.isnan(values).all(axis=0), 0.0, values)
    low, high = np.nanquantile(values, [tail, 1 - tail], axis=0)
    return nan_where(np.nanmax(values, axis=0) == np.nanmin(values, axis=0), low, high)


def bca_interval(
    counts: ArrayLike,
    statistic: Callable[[Floats], Floats],
    *,
    replicates: int = 2000,
    seed: int = 0,
    confidence: float = 0.95,
) -> Interval:
    """Bias-corrected and accelerated interval of a statistic of counts (Efron 1987).

    Parameters
    ----------
    counts
        [C], or [G, C] where the rows of each group are drawn on their own.
    statistic
        From [..., *shape of counts] to [...].

    Returns
    -------
    NaN where the statistic of the counts is not finite, or does not vary.
    """
    table = np.asarray(counts, dtype=float)
    drawn = (resample_groups if table.ndim > 1 else resample_rows)(table, replicates=replicates, seed=seed)
    values = statistic(drawn.astype(float))
    values = values[np.isfinite(values)]
    observed = float(statistic(table))
    if not np.isfinite(observed) or not len(values) or np.ptp(values) == 0:
        return np.asarray(np.nan), np.asarray(np.nan)
    # Ties count by half: statistics of counts take few values.
    below = np.mean(values < observed) + np.mean(values == observed) / 2
    # Half a replicate from 0 and 1: the normal quantile of either is infinite.
    bias = special.ndtri(np.clip(below, 0.5 / len(values), 1 - 0.5 / len(values)))
    z = bias + special.ndtri([(1 - confidence) / 2, (1 + confidence) / 2])
    levels = special.ndtr(bias + z / (1 - acceleration(table, statistic) * z))
    low, high = np.quantile(values, levels)
    return np.asarray(low), np.asarray(high)


def acceleration(counts: Floats, statistic: Callable[[Floats], Floats]) -> float:
    """Skewness of the jackknife, one row left out at a time; all rows of a cell are alike."""
    flat = counts.ravel()
    occupied = np.flatnonzero(flat)
    without = np.repeat(flat[None], len(occupied), axis=0)
    without[np.arange(len(occupied)), occupied] -= 1
    values = statistic(without.reshape(-1, *counts.shape))
    weights = np.where(np.isfinite(values), flat[occupied], 0)
    values = np.where(np.isfinite(values), values, 0)
    deviation = np.average(values, weights=weights) - values
    spread = np.sum(weights * deviation**2)
    return float(np.sum(weights * deviation**3) / (6 * spread**1.5)) if spread > 0 else 0.0
