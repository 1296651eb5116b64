"""Images that belong together: several of one person, or recolourings of one drawing.

Such images tell less than as many independent ones. The design effect says how much less: the variance of a
rate over clusters as a multiple of that of independent images. Counts over their design effect enter the
usual intervals and tests as effective counts (Rao & Scott 1992), which keeps them inside [0, 1] and off zero
width.

K clusters, G groups, S specifications.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from clipmodel.array_types import Floats


def rate_design_effect(count: ArrayLike, n: ArrayLike) -> Floats:
    """Design effect of a rate, at least 1.

    Parameters
    ----------
    count, n
        [K, ...] events and images of each cluster.

    Returns
    -------
    [...]. Where the event happened never, always, or in one cluster only, the images of a cluster are taken
    as one image: sum n^2 / sum n. NaN without images.
    """
    x, size = np.asarray(count, dtype=float), np.asarray(n, dtype=float)
    total, events = size.sum(axis=0), x.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        rate = events / total
        clusters = np.count_nonzero(size > 0, axis=0)
        robust = ((x - rate * size) ** 2).sum(axis=0) * clusters / (clusters - 1)
        effect = robust / (total * rate * (1 - rate))
        whole = (size**2).sum(axis=0) / total
    known = (rate > 0) & (rate < 1) & (clusters > 1) & (np.count_nonzero(x, axis=0) > 1)
    return _at_least_one(np.where(known, _for_few_clusters(effect, clusters), whole))


def difference_design_effect(x1: ArrayLike, n1: ArrayLike, x2: ArrayLike, n2: ArrayLike) -> Floats:
    """Design effect of the difference of two rates, at least 1; clusters may have images on both sides.

    The arguments are [K, ...], events and images of each cluster on either side. Where a side has no variance
    to see (no event, only events), that side's clusters count as one image each.
    """
    sides = [(np.asarray(x, dtype=float), np.asarray(n, dtype=float)) for x, n in ((x1, n1), (x2, n2))]
    linear, independent, whole = [], [], []
    with np.errstate(invalid="ignore", divide="ignore"):
        for x, size in sides:
            total = size.sum(axis=0)
            rate = x.sum(axis=0) / total
            linear.append((x - rate * size) / total)
            independent.append(rate * (1 - rate) / total)
            whole.append((size**2).sum(axis=0) / total)
        clusters = np.count_nonzero(sides[0][1] + sides[1][1] > 0, axis=0)
        robust = ((linear[0] - linear[1]) ** 2).sum(axis=0) * clusters / (clusters - 1)
        effect = robust / (independent[0] + independent[1])
    known = (independent[0] > 0) & (independent[1] > 0) & (clusters > 1)
    return _at_least_one(np.where(known, _for_few_clusters(effect, clusters), np.fmax(whole[0], whole[1])))


def change_design_effect(
    change: Floats, counted: NDArray[np.bool_], side: ArrayLike, clusters: ArrayLike, *,
    weights: ArrayLike | None = None,
) -> Floats:  # fmt: skip
    """Design effect of the mean of paired changes, or of the difference of two sides' means; at least 1.

    Parameters
    ----------
    change
        [N, W] -1, 0 or 1.
    counted
        [N, W] whether the image takes part.
    side
        [N] 1 for the group, -1 for its reference if there is one, 0 for other images.
    clusters
        [N] codes.
    weights
        [N] what each image counts for; the same for all if left out.

    Returns
    -------
    [W]. Where no image of a side changes, or all change alike, its clusters count as one image each. With
    weights the variance is that of the weighted means (Binder 1983), in units of as many independent images
    of equal weight, and at least what the unequal weights alone make of it (Kish 1965).
    """
    inside = np.asarray(side) != 0
    change, counted, side = change[inside], counted[inside], np.asarray(side)[inside]
    weight = np.ones(int(inside.sum())) if weights is None else np.asarray(weights, dtype=float)[inside]
    _, cluster = np.unique(np.asarray(clusters)[inside], return_inverse=True)
    influence, independent, whole, kish = np.zeros_like(change), [], [], []
    with np.errstate(invalid="ignore", divide="ignore"):
        for sign in np.unique(side):
            own = counted & (side == sign)[:, None]
            told = own * weight[:, None]
            n, total = own.sum(axis=0), told.sum(axis=0)
            residual = np.where(own, change - (change * told).sum(axis=0) / total, 0.0)
            influence += sign * residual * told / total
            independent.append((told * residual**2).sum(axis=0) / total / n)
            kish.append((told**2).sum(axis=0) * n / total**2)
            whole.append((sums_by_cluster(told, cluster) ** 2).sum(axis=0) * n / total**2)
        present = np.count_nonzero(sums_by_cluster(counted, cluster), axis=0)
        robust = (sums_by_cluster(influence, cluster) ** 2).sum(axis=0) * present / (present - 1)
        effect = robust / sum(independent)
        unequal = sum(v * k for v, k in zip(independent, kish, strict=True)) / sum(independent)
    known = np.all(np.array(independent) > 0, axis=0) & (present > 1)
    largest = np.fmax.reduce(np.array(whole), axis=0)
    found = _at_least_one(np.where(known, _for_few_clusters(effect, present), largest))
    return found if weights is None else np.where(known, np.fmax(found, unequal), found)


def sums_by_cluster(values: Floats | NDArray[np.bool_], cluster: NDArray[np.intp]) -> Floats:
    """[N, W] to [K, W] sums."""
    clusters = int(cluster.max(initial=-1)) + 1
    return np.stack([np.bincount(cluster, weights=one, minlength=clusters) for one in values.T], axis=1)


def _for_few_clusters(effect: Floats, clusters: NDArray[np.int64]) -> Floats:
    """Enlarged as Student's t enlarges a normal interval: the variance over few clusters is uncertain."""
    freedom = np.maximum(clusters - 1, 1)
    return np.asarray(effect * (special.stdtrit(freedom, 0.975) / special.ndtri(0.975)) ** 2)


def _at_least_one(effect: Floats) -> Floats:
    return np.where(np.isnan(effect), np.nan, np.maximum(effect, 1.0))
