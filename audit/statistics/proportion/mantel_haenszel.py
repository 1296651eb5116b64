"""A contrast adjusted for composition: what remains of a gap within the strata of a control.

If a group occurs in other proportions of the control than its reference, the raw gap mixes the two. K
strata on the last axis; strata without images on either side say nothing of the contrast and take no part.

The variances are of independent images. `inflation` multiplies them where images come in clusters: the design
effect of `stratified_effect`, and the square of Student's quantile over the normal one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from audit.statistics.clusters.cluster_robust import PRIOR_CLUSTERS
from audit.statistics.proportion.intervals import normal_quantile
from clipmodel.array_types import Floats

Estimate = tuple[Floats, Floats, Floats]
_FEW_EVENTS = 10


def mantel_haenszel_difference(
    x1: ArrayLike,
    n1: ArrayLike,
    x2: ArrayLike,
    n2: ArrayLike,
    *,
    confidence: float = 0.95,
    inflation: ArrayLike = 1.0,
) -> Estimate:
    """Common difference p1 - p2 over strata, weighted by n1 n2 / (n1 + n2), with its interval.

    The variance is Sato's (1989), which holds for many small strata as for few large ones. With fewer than
    ten events on a side (or images without it) it is too small; there each stratum's rate has one event and
    one image without it added. [..., K] to [...]; NaN where no stratum has images on both sides.
    """
    a, m1, c, m2, total = _usable(x1, n1, x2, n2)
    weight = m1 * m2 / total
    sum_of_weights = weight.sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        difference = ((a * m2 - c * m1) / total).sum(axis=-1) / sum_of_weights
        p = (m1**2 * c - m2**2 * a + m1 * m2 * (m2 - m1) / 2) / total**2
        q = (a * (m2 - c) + c * (m1 - a)) / (2 * total)
        variance = (difference * p.sum(axis=-1) + q.sum(axis=-1)) / sum_of_weights**2
        spread = np.where(
            weight > 0, weight**2 * (_cautious_variance(a, m1) + _cautious_variance(c, m2)), 0.0
        )
        cautious = spread.sum(axis=-1) / sum_of_weights**2
    least = np.min([v.sum(axis=-1) for v in (a, m1 - a, c, m2 - c)], axis=0)
    variance = np.where(least < _FEW_EVENTS, np.fmax(variance, cautious), variance)
    return _within_one(difference, variance * np.asarray(inflation), confidence=confidence)


def mantel_haenszel_ratio(
    x1: ArrayLike,
    n1: ArrayLike,
    x2: ArrayLike,
    n2: ArrayLike,
    *,
    confidence: float = 0.95,
    inflation: ArrayLike = 1.0,
) -> Estimate:
    """Common ratio p1 / p2 over strata, with the interval of Greenland & Robins 1985, equation 13.

    [..., K] to [...]; NaN where a side has no event in the strata that count.
    """
    a, m1, c, m2, total = _usable(x1, n1, x2, n2)
    above, below = (a * m2 / total).sum(axis=-1), (c * m1 / total).sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = above / below
        spread = ((m1 * m2 * (a + c) - a * c * total) / total**2).sum(axis=-1)
        variance = spread / (above * below) * np.asarray(inflation)
    usable = (above > 0) & (below > 0) & (variance > 0)
    factor = np.exp(normal_quantile(confidence) * np.sqrt(np.where(usable, variance, np.nan)))
    return np.where(below > 0, ratio, np.nan), ratio / factor, ratio * factor


def mantel_haenszel_p(
    x1: ArrayLike,
    n1: ArrayLike,
    x2: ArrayLike,
    n2: ArrayLike,
    *,
    design_effect: ArrayLike = 1.0,
    freedom: ArrayLike = np.inf,
) -> Floats:
    """Two-sided p of no difference in any stratum (Mantel & Haenszel 1959), without continuity correction.

    [..., K] to [...]; NaN where no stratum has images on both sides, 1 where nothing can differ. With a
    design effect and degrees of freedom, the statistic is divided by its root and of Student's distribution.
    """
    a, m1, c, m2, total = _usable(x1, n1, x2, n2)
    events = a + c
    expected = m1 * events / total
    # The 1 keeps a stratum that takes no part from 0 / 0, and one of small weights from a negative variance.
    variance = m1 * m2 * events * (total - events) / (total**2 * np.maximum(total - 1, 1))
    distance, spread = (a - expected).sum(axis=-1), variance.sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        z = np.where(spread > 0, distance / np.sqrt(spread * np.asarray(design_effect)), 0.0)
    usable = (m1 * m2).sum(axis=-1) > 0
    nu = np.asarray(freedom, dtype=float)
    student = special.stdtr(np.where(np.isfinite(nu), nu, 1.0), -np.abs(z))
    return np.where(usable, 2 * np.where(np.isfinite(nu), student, special.ndtr(-np.abs(z))), np.nan)


def standardised_difference(
    x1: ArrayLike,
    n1: ArrayLike,
    x2: ArrayLike,
    n2: ArrayLike,
    *,
    confidence: float = 0.95,
    inflation: ArrayLike = 1.0,
) -> Estimate:
    """Difference of the rates that both groups would have with the composition of both together.

    The strata are weighted by n1 + n2. The variance of a stratum's rate has one event and one image without
    it added, so that a stratum of few images is not taken for certain. [..., K] to [...].
    """
    a, m1, c, m2, _ = _usable(x1, n1, x2, n2)
    weight = m1 + m2
    with np.errstate(invalid="ignore", divide="ignore"):
        share = weight / weight.sum(axis=-1, keepdims=True)
        gap = np.where(weight > 0, a / m1 - c / m2, 0.0)
        spread = sum(_cautious_variance(x, m) for x, m in ((a, m1), (c, m2)))
    difference = (share * gap).sum(axis=-1)
    variance = (share**2 * np.where(weight > 0, spread, 0.0)).sum(axis=-1)
    return _within_one(difference, variance * np.asarray(inflation), confidence=confidence)


def stratified_effect(
    x1: Floats, n1: Floats, x2: Floats, n2: Floats, *, correlation: ArrayLike, standardised: bool = False,
    squares: tuple[Floats, Floats] | None = None,
) -> tuple[Floats, Floats]:  # fmt: skip
    """Design effect of a difference over strata, and degrees of freedom of its clusters.

    A cluster adds to the difference what its images add in all strata and on both sides: the square of that
    sum over clusters, against the variance of independent images from the same residuals, is its own design
    effect. As in `cluster_robust.precision_of`, the one that the common correlation implies is joined with
    it.

    Parameters
    ----------
    x1, n1, x2, n2
        [..., K, S] events and images of K clusters in S strata, of the group and of its reference.
    correlation
        Of the images of a cluster.
    standardised
        Weigh strata by n1 + n2, not by n1 n2 / (n1 + n2).
    squares
        [..., K, S] sums of squared weights of both sides, if events and images are sums of weights. The
        design effect is then at least that of the unequal weights alone (Kish 1965).

    Returns
    -------
    Both [...]; 1 and infinite where every cluster holds one image.
    """
    sides = [tuple(np.asarray(v, dtype=float) for v in side) for side in ((x1, n1), (x2, n2))]
    totals = [n.sum(axis=-2, keepdims=True) for _, n in sides]
    both = (totals[0] > 0) & (totals[1] > 0)
    size = np.where(both, totals[0] + totals[1], 1.0)
    weight = np.where(both, size if standardised else totals[0] * totals[1] / size, 0.0)
    # Without any stratum with images on both sides all weights are 0, and stay 0.
    weight = weight / np.maximum(weight.sum(axis=-1, keepdims=True), 1e-300)
    influence, independent, shares, told = 0.0, 0.0, 0.0, []
    for sign, (x, n), total in zip((1, -1), sides, totals, strict=True):
        with np.errstate(invalid="ignore", divide="ignore"):
            rate = np.where(both, x.sum(axis=-2, keepdims=True) / total, 0.0)
            scale = np.where(both, weight / total, 0.0)
        influence = influence + sign * (scale * (x - rate * n)).sum(axis=-1)
        independent = independent + (scale**2 * total * rate * (1 - rate)).sum(axis=(-2, -1))
        shares = shares + (scale * n).sum(axis=-1) ** 2
        events, others = ((scale > 0) * v for v in (x, n - x))
        told += [np.count_nonzero(v.sum(axis=-1) > 0, axis=-1) for v in (events, others)]
    images = sum(
        (np.where(both, weight / np.where(both, total, 1), 0.0) ** 2 * total).sum(axis=(-2, -1))
        for total in totals
    )
    # What images alone add: the sum over them of their squared weights in the difference.
    single = (
        images
        if squares is None
        else sum(
            (np.where(both, weight / np.where(both, total, 1), 0.0) ** 2 * q).sum(axis=(-2, -1))
            for total, q in zip(totals, squares, strict=True)
        )
    )
    least = np.minimum.reduce(told)
    spread = np.asarray(shares).sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        own = np.nan_to_num((np.asarray(influence) ** 2).sum(axis=-1) / independent, nan=1.0, posinf=1.0)
        unequal = np.asarray(single) / images
        common = unequal + np.asarray(correlation) * np.maximum(spread / images - unequal, 0.0)
        joined = (least * own + PRIOR_CLUSTERS * common) / (least + PRIOR_CLUSTERS)
        freedom = np.maximum(spread**2 / (np.asarray(shares) ** 2).sum(axis=-1) - 1, 1.0)
    several = np.asarray(sides[0][1] + sides[1][1]).sum(axis=-1).max(axis=-1, initial=0) > 1
    several = several if squares is None else np.ones(several.shape, dtype=bool)
    return (
        np.where(several, np.maximum(np.nan_to_num(joined, nan=1.0), np.nan_to_num(unequal, nan=1.0)), 1.0),
        np.where(several, np.nan_to_num(freedom, nan=1.0), np.inf),
    )


def share_compared(n1: ArrayLike, n2: ArrayLike) -> Floats:
    """Share of the first group's images in strata where the second has some: the contrast speaks of these."""
    m1, m2 = np.asarray(n1, dtype=float), np.asarray(n2, dtype=float)
    with np.errstate(invalid="ignore"):
        share: Floats = np.where(m2 > 0, m1, 0.0).sum(axis=-1) / m1.sum(axis=-1)
        return share


def _within_one(difference: Floats, variance: Floats, *, confidence: float) -> Estimate:
    """A difference with its normal limits, which differences of rates cannot leave."""
    half = normal_quantile(confidence) * np.sqrt(variance)
    return difference, np.maximum(difference - half, -1.0), np.minimum(difference + half, 1.0)


def _cautious_variance(x: Floats, n: Floats) -> Floats:
    rate = (x + 1) / (n + 2)
    with np.errstate(divide="ignore"):
        return np.asarray(rate * (1 - rate) / n)


def _usable(x1: ArrayLike, n1: ArrayLike, x2: ArrayLike, n2: ArrayLike) -> tuple[Floats, ...]:
    """Broadcast as floats, strata with an empty side set to nothing; last the size of each, 1 if empty."""
    arrays = np.broadcast_arrays(*(np.asarray(v, dtype=float) for v in (x1, n1, x2, n2)))
    both = (arrays[1] > 0) & (arrays[3] > 0)
    total = np.where(both, arrays[1] + arrays[3], 1.0)
    return (*(np.where(both, v, 0.0) for v in arrays), total)
