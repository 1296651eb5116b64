"""Partially pooled rates of the groups of one grouping, beside the raw ones.

S specifications, G groups.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from audit.statistics.clusters.cluster_robust import Precision, shortened
from audit.statistics.variation.partial_pooling import pooled_rates
from audit.tables.groups.group_counts import GroupCounts
from clipmodel.array_types import Floats

POOLED = ("pooled", "pooled_low", "pooled_high")
"""Columns of the hierarchical estimate: the rate, and its 95 % interval."""


def pooled_columns(
    groups: GroupCounts, rate: Floats, precision: Precision, enough: NDArray[np.bool_]
) -> dict[str, Floats]:
    """`POOLED`, each [S, G]: what `partial_pooling.pooled_rates` makes of effective counts.

    Images of a cluster enter as effective images, fewer where few clusters tell how few they are. A group
    that gets no rate gets no pooled one either, and tells nothing about the others.

    Parameters
    ----------
    rate
        [S, G] the raw rates, weighted where images stand for a population.
    precision, enough
        [S, G] how much each rate tells, and whether the group has enough images.

    Returns
    -------
    NaN over all images, and in a specification in which fewer than two groups have enough images.
    """
    if not groups.by or not rate.size:
        return {name: np.full(rate.shape, np.nan) for name in POOLED}
    size = np.where(enough, shortened(precision.effective, precision.freedom), 0.0)
    # One family for many specifications: those that ask the same in the same images often count the same.
    families, place = np.unique(np.concatenate([rate * size, size], axis=1), axis=0, return_inverse=True)
    events, told = np.split(families, 2, axis=1)
    found = pooled_rates(np.minimum(events, told), told, _levels(groups))
    kept = [np.where(enough, part[place.ravel()], np.nan) for part in (found.rate, found.low, found.high)]
    return dict(zip(POOLED, kept, strict=True))


def _levels(groups: GroupCounts) -> NDArray[np.intp]:
    """[G, A] codes of the values of each attribute."""
    codes = [pd.factorize(groups.groups[name])[0] for name in groups.by]
    return np.stack(codes, axis=1).astype(np.intp)
