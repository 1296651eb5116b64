"""Gaps adjusted for composition: each group against its reference within the strata of a control."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from audit.statistics.clusters.cluster_robust import (
    ClusterMoments,
    common_correlation,
    shortened,
)
from audit.statistics.multiplicity import holm
from audit.statistics.proportion.mantel_haenszel import (
    mantel_haenszel_difference,
    mantel_haenszel_p,
    mantel_haenszel_ratio,
    share_compared,
    standardised_difference,
    stratified_effect,
)
from audit.tables.context import TableContext
from audit.tables.groups.group_counts import JOINT, GroupCounts, outcome_counts
from audit.tables.groups.group_rows import GroupRows, in_suite_order
from audit.tables.groups.reference_groups import THE_REST, reference_sides
from clipmodel.plurals import number_of

CONTROLLED_COLUMNS = {
    "group": "str", "by": "str", "reference": "str", "control": "str", "strata": "int64", "n_group": "int64",
    "n_reference": "int64", "clusters_group": "int64", "clusters_reference": "int64",
    "share_compared": "float64", "raw_difference": "float64", "difference": "float64",
    "difference_low": "float64", "difference_high": "float64", "ratio": "float64", "ratio_low": "float64",
    "ratio_high": "float64", "standardised": "float64", "standardised_low": "float64",
    "standardised_high": "float64", "p": "float64", "p_adjusted": "float64",
    "design_effect": "float64", "note": "str",
}  # fmt: skip

Numbers = NDArray[np.int64] | NDArray[np.float64]
Effect = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Design effects and degrees of freedom [S, G]."""


class Cells(NamedTuple):
    """Counts [S, G, K] of each group and of its reference in K strata, or the sums of their weights; 0 if a
    contrast has too few images."""

    events: Numbers
    n: Numbers
    other_events: Numbers
    other_n: Numbers


def controlled_table(context: TableContext) -> pd.DataFrame:
    """The gaps of probes with a `control`, for every split that does not cross the control itself.

    The reference is the group that `references` name, or the rest. Strata in which either side has no image
    say nothing and take no part; `share_compared` is the share of the group's images in the others.

    Returns
    -------
    Columns `SPECIFICATION`, the attributes, group, by, reference, control, strata (with images on both
    sides), n_group, n_reference, share_compared, raw_difference (without control), difference and ratio
    (Mantel-Haenszel, with 95 % intervals), standardised (both rates as if the strata had the sizes of both
    sides together), p (Mantel-Haenszel) and p_adjusted (Holm within a specification and `by`), design_effect,
    note. Variances are multiplied by the design effect of the clusters in all strata together, intervals and
    p are of Student's distribution with the degrees of freedom of these clusters. If images stand for a
    population, events, images and strata are weighted, and the variance is linearised (Binder 1983).
    """
    parts = []
    for probe in context.probes:
        control = tuple(probe.get("control") or ())
        splits = [tuple(by) for by in probe["groups"] if not set(by) & set(control)]
        if not control or not splits:
            continue
        crossed = {**probe, "groups": [[*by, *control] for by in splits]}
        plain = {**probe, "groups": [list(by) for by in splits]}
        least = context.min_group(probe)
        fine = [groups for groups in outcome_counts(context.counts, crossed) if groups.by]
        coarse = [groups for groups in outcome_counts(context.counts, plain) if groups.by]
        for groups, strata in zip(coarse, fine, strict=True):
            parts.append(_controlled(context, groups, strata, probe, least=least))
    return in_suite_order(parts, context.attributes, CONTROLLED_COLUMNS)


def _controlled(
    context: TableContext,
    groups: GroupCounts,
    strata: GroupCounts,
    probe: Mapping[str, Any],
    *,
    least: int,
) -> GroupRows:
    sides = reference_sides(groups, _named_references(probe), least=least)
    shape = (len(groups.specifications), len(groups.groups), -1)
    n, count = (a.sum(axis=2).reshape(shape) for a in (strata.n, strata.count))
    total, other = n.sum(axis=2), _reference(n, sides.index).sum(axis=2)
    enough = (total >= least) & (other >= least) & ~sides.is_reference
    told = (count, n) if not context.weighted else _weighted_cells(context, strata, shape)
    sums = [side for a in told for side in (a, _reference(a, sides.index))]
    cells = Cells(*(np.where(enough[..., None], sums[place], 0) for place in (0, 2, 1, 3)))
    precision = context.contrast(groups, sides)
    tested = precision.group.enough & precision.reference.enough
    effects = [_effects(context, groups, strata, sides.index, standardised=one) for one in (False, True)]
    compared = np.count_nonzero((cells.n > 0) & (cells.other_n > 0), axis=2)
    effect, freedom = effects[0]
    p = np.where(tested, mantel_haenszel_p(*cells, design_effect=effect, freedom=freedom), np.nan)
    reasons = [
        f"fewer than {number_of(least, 'image')} on a side",
        "no stratum has images on both sides",
        f"fewer than {context.min_clusters} clusters on a side: too few to test",
    ]
    columns = {
        "group": np.broadcast_to(np.array(groups.names, dtype=object), total.shape),
        "by": JOINT.join(groups.by),
        "reference": np.where(sides.names == "", THE_REST, sides.names),
        "control": JOINT.join(probe["control"]),
        "strata": compared, "n_group": total, "n_reference": other,
        "clusters_group": np.rint(precision.group.clusters).astype(np.int64),
        "clusters_reference": np.rint(precision.reference.clusters).astype(np.int64),
        **_estimates(cells, *effects),
        "p": p,
        # Two groups are each other's reference, so that both rows are one test.
        "p_adjusted": p if len(groups.groups) == 2 else holm(p),
        "design_effect": np.where(enough & (compared > 0), effect, np.nan),
        "note": np.select([~enough, compared == 0, ~tested], reasons, default=""),
    }  # fmt: skip
    return GroupRows(groups=groups, columns=columns, kept=~sides.is_reference)


def _weighted_cells(
    context: TableContext, strata: GroupCounts, shape: tuple[int, int, int]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weights of events and of images [S, G, K]; 0 in a specification whose clusters were not counted."""
    events, n = np.zeros(strata.n.shape[:2]), np.zeros(strata.n.shape[:2])
    assert context.clusters is not None
    for rows, x, size, _ in context.clusters.cells(strata):
        events[rows], n[rows] = x.sum(axis=1), size.sum(axis=0)
    return events.reshape(shape), n.reshape(shape)


def _named_references(probe: Mapping[str, Any]) -> dict[str, str]:
    """References that are groups: within a stratum there is no "(overall)" or "(best)" of its own."""
    references = probe.get("references") or {}
    return {name: value for name, value in references.items() if not str(value).startswith("(")}


def _estimates(cells: Cells, plain: Effect, of_standardised: Effect) -> dict[str, NDArray[np.float64]]:
    """The columns of the contrasts [S, G]: unadjusted, over strata, and standardised."""
    # The functions take one factor of the variance. An interval of Student's distribution instead of the
    # normal one is wider by the ratio of the quantiles, which is a factor of the variance too.
    inflation, standard = (effect / shortened(1.0, freedom) for effect, freedom in (plain, of_standardised))
    difference, low, high = mantel_haenszel_difference(*cells, inflation=inflation)
    ratio, ratio_low, ratio_high = mantel_haenszel_ratio(*cells, inflation=inflation)
    standardised, standard_low, standard_high = standardised_difference(*cells, inflation=standard)
    count, n, other_count, other_n = (a.sum(axis=2) for a in cells)
    with np.errstate(invalid="ignore"):
        raw = count / n - other_count / other_n
        share = share_compared(cells.n, cells.other_n)
    return {
        "share_compared": share, "raw_difference": raw,
        "difference": difference, "difference_low": low, "difference_high": high,
        "ratio": ratio, "ratio_low": ratio_low, "ratio_high": ratio_high,
        "standardised": standardised, "standardised_low": standard_low, "standardised_high": standard_high,
    }  # fmt: skip


def _effects(
    context: TableContext,
    groups: GroupCounts,
    strata: GroupCounts,
    index: NDArray[np.intp],
    *,
    standardised: bool,
) -> Effect:
    """Design effects and degrees of freedom [S, G]; 1 and infinite where images are independent."""
    effect, freedom = np.ones(index.shape), np.full(index.shape, np.inf)
    if context.clusters is None:
        return effect, freedom
    width = len(groups.groups)
    for rows, x, *sizes in context.clusters.cells(strata):
        by_stratum = [
            a.reshape(*a.shape[:-1], width, -1) for a in (x, *(np.broadcast_to(a, x.shape) for a in sizes))
        ]
        # Over all strata together, as the variances are: a cluster may have images in several.
        correlation = common_correlation(ClusterMoments.of(*(a.sum(axis=-1) for a in by_stratum)))[..., 0]
        for group in range(width):
            own = [a[..., group, :] for a in by_stratum]
            named = np.maximum(index[rows, group], 0)[:, None, None, None]
            other = [
                np.where(
                    index[rows, group][:, None, None] >= 0,
                    np.take_along_axis(a, named, axis=2)[:, :, 0],
                    a.sum(axis=2) - a[..., group, :],
                )
                for a in by_stratum
            ]
            effect[rows, group], freedom[rows, group] = stratified_effect(
                *own[:2], *other[:2], correlation=correlation, standardised=standardised,
                squares=(own[2], other[2]) if context.weighted else None,
            )  # fmt: skip
    return effect, freedom


def _reference(values: Numbers, index: NDArray[np.intp]) -> Numbers:
    """[S, G, K] of each group's reference: one group, or all others."""
    of_group = np.take_along_axis(values, np.maximum(index, 0)[..., None], axis=1)
    return np.asarray(np.where(index[..., None] >= 0, of_group, _all_others(values)))


def _all_others(values: Numbers) -> Numbers:
    """[S, G, K] summed over all groups but each one, one by one: sums of weights leave no rounding behind."""
    if np.issubdtype(values.dtype, np.integer):
        return np.asarray(values.sum(axis=1, keepdims=True) - values)
    others = 1 - np.eye(values.shape[1])
    return np.asarray(np.einsum("gh,shk->sgk", others, values))
