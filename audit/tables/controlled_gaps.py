"""Gaps at equal make-up: each group against its reference within the strata of what is controlled for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from audit.statistics.clusters.cluster_robust import (
    LEAST_CLUSTERS,
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
from audit.tables.group_counts import JOINT, SPECIFICATION, GroupCounts, outcome_counts
from audit.tables.rates import in_suite_order
from audit.tables.reference_groups import THE_REST, reference_sides

CONTROLLED_COLUMNS = {
    "group": "str", "by": "str", "reference": "str", "control": "str", "strata": "int64", "n_group": "int64",
    "n_reference": "int64", "clusters_group": "int64", "clusters_reference": "int64",
    "share_compared": "float64", "raw_difference": "float64", "difference": "float64",
    "difference_low": "float64", "difference_high": "float64", "ratio": "float64", "ratio_low": "float64",
    "ratio_high": "float64", "standardised": "float64", "standardised_low": "float64",
    "standardised_high": "float64", "p": "float64", "p_adjusted": "float64",
    "design_effect": "float64", "note": "str",
}  # fmt: skip


def controlled_table(context: TableContext) -> pd.DataFrame:
    """The gaps of probes with a `control`, for every split that does not cross the control itself.

    The reference is the group that `references` name, or the rest. Strata in which either side has no image
    say nothing and take no part; `share_compared` is the share of the group's images in the others.

    Returns
    -------
    Columns `SPECIFICATION`, the attributes, group, by, reference, control, strata (with images on both
    sides), n_group, n_reference, share_compared, raw_difference (without control), difference and ratio
    (Mantel-Haenszel, with 95 % intervals), standardised (both rates as if the strata were made up as in both
    sides together), p (Mantel-Haenszel) and p_adjusted (Holm within a specification and `by`), design_effect,
    note. Variances are multiplied by the design effect of the clusters in all strata together, intervals and
    p are of Student's distribution with the degrees of freedom of these clusters.
    """
    tables = []
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
            tables.append(_controlled(context, groups, strata, probe, least=least))
    return in_suite_order(tables, [*SPECIFICATION, *context.attributes], CONTROLLED_COLUMNS)


def _controlled(
    context: TableContext,
    groups: GroupCounts,
    strata: GroupCounts,
    probe: Mapping[str, Any],
    *,
    least: int,
) -> pd.DataFrame:
    references = {
        name: value
        for name, value in (probe.get("references") or {}).items()
        if not str(value).startswith("(")
    }
    sides = reference_sides(groups, references, least=least)
    shape = (len(groups.specifications), len(groups.groups), -1)
    n, count = (a.sum(axis=2).reshape(shape) for a in (strata.n, strata.count))
    n2, count2 = (_reference(a, sides.index) for a in (n, count))
    total, other = n.sum(axis=2), n2.sum(axis=2)
    enough = ((total >= least) & (other >= least) & ~sides.is_reference)[..., None]
    cells = tuple(np.where(enough, a, 0) for a in (count, n, count2, n2))
    precision = context.contrast(groups, sides)
    tested = precision.group.enough & precision.reference.enough
    effect, freedom = _effects(context, groups, strata, sides.index, standardised=False)
    longer = effect / shortened(1.0, freedom)
    difference, ratio = (
        estimate(*cells, inflation=longer) for estimate in (mantel_haenszel_difference, mantel_haenszel_ratio)
    )
    of_standard, its_freedom = _effects(context, groups, strata, sides.index, standardised=True)
    standard = standardised_difference(*cells, inflation=of_standard / shortened(1.0, its_freedom))
    p = mantel_haenszel_p(*cells, design_effect=effect, freedom=freedom)
    p = np.where(tested, p, np.nan)
    compared = np.count_nonzero((cells[1] > 0) & (cells[3] > 0), axis=2)
    with np.errstate(invalid="ignore"):
        raw = cells[0].sum(axis=2) / cells[1].sum(axis=2) - cells[2].sum(axis=2) / cells[3].sum(axis=2)
        share = share_compared(cells[1], cells[3])
    reasons = [
        f"fewer than {least} images on a side",
        "no stratum has images on both sides",
        f"fewer than {LEAST_CLUSTERS} clusters on a side: too few to test",
    ]
    columns = {
        "group": groups.names * shape[0],
        "by": JOINT.join(groups.by),
        "reference": [name or THE_REST for name in sides.names.ravel()],
        "control": JOINT.join(probe["control"]),
        "strata": compared, "n_group": total, "n_reference": other,
        "clusters_group": np.rint(precision.group.clusters).astype(np.int64),
        "clusters_reference": np.rint(precision.reference.clusters).astype(np.int64),
        "share_compared": share,
        "raw_difference": raw,
        "difference": difference[0], "difference_low": difference[1], "difference_high": difference[2],
        "ratio": ratio[0], "ratio_low": ratio[1], "ratio_high": ratio[2],
        "standardised": standard[0], "standardised_low": standard[1], "standardised_high": standard[2],
        "p": p,
        "p_adjusted": p if len(groups.groups) == 2 else holm(p),
        "design_effect": np.where(enough[..., 0] & (compared > 0), effect, np.nan),
        "note": np.select([~enough[..., 0], compared == 0, ~tested], reasons, default=""),
    }  # fmt: skip
    flat = {
        name: value.ravel() if isinstance(value, np.ndarray) else value for name, value in columns.items()
    }
    table = groups.frame(context.attributes).drop(columns=["n", "count"]).assign(**flat)
    return table[~sides.is_reference.ravel()].reset_index(drop=True)


def _effects(
    context: TableContext,
    groups: GroupCounts,
    strata: GroupCounts,
    index: NDArray[np.intp],
    *,
    standardised: bool,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Design effects and degrees of freedom [S, G]; 1 and infinite where images are independent."""
    effect, freedom = np.ones(index.shape), np.full(index.shape, np.inf)
    if context.clusters is None:
        return effect, freedom
    width = len(groups.groups)
    for rows, x, n in context.clusters.cells(strata):
        by_stratum = [a.reshape(*a.shape[:-1], width, -1) for a in (x, np.broadcast_to(n, x.shape))]
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
                *own, *other, correlation=correlation, standardised=standardised
            )
    return effect, freedom


def _reference(values: NDArray[np.int64], index: NDArray[np.intp]) -> NDArray[np.int64]:
    """[S, G, K] of each group's reference: one group, or all others."""
    of_group = np.take_along_axis(values, np.maximum(index, 0)[..., None], axis=1)
    return np.where(index[..., None] >= 0, of_group, values.sum(axis=1, keepdims=True) - values)
