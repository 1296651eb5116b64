"""One number for a whole split: how much the rate varies between its groups, without what sampling adds.

The largest gap over many groups is large by chance alone. The corrected spread is not: it is around zero
where no group differs, however many there are.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from audit.statistics.proportion.tests_of_proportions import (
    SMALL_EXPECTED,
    homogeneity_p,
    permutation_homogeneity_p,
)
from audit.statistics.variation.between_group_variance import between_group_interval, between_group_variance
from audit.tables.context import TableContext
from audit.tables.groups.cluster_counts import ClusterCounts
from audit.tables.groups.group_counts import JOINT, GroupCounts
from audit.tables.groups.group_rows import GroupRows, in_suite_order
from clipmodel.array_types import Floats

DRAWS = 999
VARIATION_COLUMNS = {
    "by": "str", "groups": "int64", "n": "int64", "lowest": "str", "lowest_rate": "float64", "highest": "str",
    "highest_rate": "float64", "sd_observed": "float64", "sd": "float64", "sd_low": "float64",
    "sd_high": "float64", "p": "float64", "note": "str",
}  # fmt: skip


def variation_table(context: TableContext) -> pd.DataFrame:
    """The spread of the rates of every split: a row per specification, outcome and `by`.

    Returns
    -------
    Columns `SPECIFICATION`, by, groups (with at least `min_group` images), n, the groups of the lowest and
    the highest rate, sd_observed (the plain standard deviation of the rates), sd (corrected for sampling, 0
    where the variance would be below), sd_low and sd_high (bootstrap, doubly corrected; Lum, Zhang & Bower
    2022), p (chi-squared over the groups, by permutation where an expected count is below 5), note. Images
    of a cluster are taken as dependent where the records count by cluster.
    """
    parts = [
        _spread(groups, context.clusters, least=context.min_group(probe), seed=context.seed)
        for probe, groups in context.comparisons()
    ]
    return in_suite_order(parts, (), VARIATION_COLUMNS)


def _spread(groups: GroupCounts, clusters: ClusterCounts | None, *, least: int, seed: int) -> GroupRows:
    n, count = groups.n.sum(axis=2), groups.count.sum(axis=2)
    n, count = np.where(n >= least, n, 0), np.where(n >= least, count, 0)
    effect = np.ones(n.shape)
    if clusters is not None:
        precision = clusters.precision(groups)
        effective = precision.effective
        if clusters.weighted and precision.rate is not None:
            count = np.nan_to_num(precision.rate) * n
        effect = np.divide(n, effective, out=effect, where=(effective > 0) & (n > 0))
    # One empty group where all images miss an attribute, so that the row says so.
    n, count, effect = (
        np.pad(a, ((0, 0), (0, int(not a.shape[1]))), constant_values=a.dtype.type(e))
        for a, e in ((n, 0), (count, 0), (effect, 1))
    )
    with np.errstate(invalid="ignore"):
        rate = count / n
        # Bootstrap and permutations draw whole images: effective ones are rounded down, so as to tell no
        # more than they do.
        sizes = np.where(effect > 1, np.floor(n / effect), n)
        events = np.rint(np.nan_to_num(rate) * sizes)
    present = np.count_nonzero(n, axis=1)
    enough = present >= 2
    low, high = between_group_interval(events, sizes, seed=seed)
    # Without two groups there is nothing to vary.
    filled = np.where(enough[:, None], rate, 0.0)
    extremes = [choose(filled, axis=1) for choose in (np.nanargmin, np.nanargmax)]
    names = np.array(groups.names or [""], dtype=object)
    lowest, highest = (np.where(enough, names[place], "") for place in extremes)
    rates = [
        np.where(enough, np.take_along_axis(rate, place[:, None], axis=1)[:, 0], np.nan) for place in extremes
    ]
    flat = enough & np.isnan(low)
    columns = {
        "by": JOINT.join(groups.by),
        "groups": present,
        "n": n.sum(axis=1),
        "lowest": lowest,
        "lowest_rate": rates[0],
        "highest": highest,
        "highest_rate": rates[1],
        "sd_observed": np.where(
            enough, np.nanstd(filled, axis=1, ddof=1) if filled.shape[1] > 1 else np.nan, np.nan
        ),
        "sd": np.sqrt(np.maximum(between_group_variance(events, sizes), 0.0)),
        "sd_low": np.sqrt(low),
        "sd_high": np.sqrt(high),
        "p": _homogeneity(events, sizes, homogeneity_p(count / effect, n / effect), seed=seed),
        "note": np.select(
            [~enough, flat],
            ["fewer than two groups with enough images", "the rates do not vary in any replicate"],
            default="",
        ),
    }
    return GroupRows(groups=groups, columns=columns, by_group=False)


def _homogeneity(events: Floats, sizes: Floats, p: Floats, *, seed: int) -> Floats:
    """p of equal rates, by permutation in the rows where the distribution of chi-squared is poor."""
    total, size = events.sum(axis=1, keepdims=True), sizes.sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):
        expected = np.where(sizes > 0, sizes * np.minimum(total, size - total) / size, np.inf)
    small = (expected < SMALL_EXPECTED).any(axis=1) & ~np.isnan(p)
    if small.any():
        p = p.copy()
        p[small] = permutation_homogeneity_p(events[small], sizes[small], replicates=DRAWS, seed=seed)
    return p
