"""Rates by group, accuracy by group, and the gaps between groups, each with its interval.

A rate is P(event | group): of the images of a group, the share to which the event happened. It is never
P(group | event), the composition of those to which it happened: that is `composition.composition_table`.

Several images of one drawing or person are no independent draws. Their intervals are of effective images and
with the degrees of freedom of the group's own clusters (`statistics.clusters.cluster_robust`); the columns
`clusters`, `design_effect` and `df` hold what they rest on. Where images are independent, there are as many
clusters as images, the design effect is 1 and `df` is NaN.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from audit.statistics.clusters.cluster_robust import Precision, shortened
from audit.statistics.proportion.intervals import adjusted_wilson
from audit.statistics.variation.shrinkage import shrunken_rates
from audit.tables.context import OUTCOMES_NEEDED, TableContext
from audit.tables.gaps import CONTRAST_COLUMNS, WEIGHTED_SHARE, contrasts
from audit.tables.groups.group_counts import GroupCounts, correct_counts, joined_truths
from audit.tables.groups.group_rows import GroupRows, in_suite_order
from audit.tables.groups.joint_outcomes import specification_list
from audit.tables.groups.probe_cluster_counts import group_codes
from audit.tables.pooled_rates import POOLED, pooled_columns
from clipmodel.array_types import Floats
from clipmodel.plurals import number_of
from probes.records import DID_NOT, WEIGHTED
from probes.rules.rule_registry import one_class_rules

Words = NDArray[np.object_]

RATE_COLUMNS = {
    "n": "int64", "count": "int64", "clusters": "int64", "kish_n": "float64", "rate": "float64",
    "low": "float64", "high": "float64", "shrunk": "float64", "pooled": "float64", "pooled_low": "float64",
    "pooled_high": "float64", "design_effect": "float64", "df": "float64", "note": "str",
}  # fmt: skip


def rate_table(context: TableContext, *, pooled: bool = True) -> pd.DataFrame:
    """Rates of every outcome over all images and by group, with 95 % intervals.

    Parameters
    ----------
    context
        Of `Records.counts`, or of `Records.curves` for the rates at every threshold.
    pooled
        Whether to add the hierarchical estimates; the points of a curve have none.

    Returns
    -------
    Columns `SPECIFICATION`, the attributes, n, count, clusters, kish_n (Kish's effective number of images; n
    without weights), rate, low, high, shrunk, pooled, pooled_low, pooled_high, design_effect, df, note. The
    interval is `intervals.adjusted_wilson` of effective images; `shrunk` is the rate drawn towards those of
    the other groups of its split (`shrinkage.shrunken_rates`), `pooled` the estimate of a hierarchical model
    over the attributes of the split, with its own interval (`pooled_rates.pooled_columns`): both for small
    groups, NaN over all images. All are NaN, with the reason in `note`, where a group has fewer images than
    the probe's `min_group`.
    """
    parts = []
    for probe, groups in context.groupings():
        least, precision = context.min_group(probe), context.precision(groups)
        weighted = precision.rate if context.weighted else None
        columns = _rates(groups, min_group=least, precision=precision, pooled=pooled, weighted=weighted)
        parts.append(GroupRows(groups=groups, columns=columns))
    dtypes = {name: dtype for name, dtype in RATE_COLUMNS.items() if pooled or name not in POOLED}
    return in_suite_order(parts, context.attributes, dtypes)


def accuracy_table(context: TableContext) -> pd.DataFrame:
    """Share of right predictions for the probes that have a truth, over all images and by group.

    Returns
    -------
    As `rate_table`, without the outcome, and with `balanced`: the mean of the recalls of the classes, NaN
    where a class that has images elsewhere has none in the group. If images stand for a population, recalls
    are weighted; that needs the outcomes of single images.
    """
    parts = []
    for probe in context.probes:
        if not probe.get("truth"):
            continue
        wrong = next((o["name"] for o in probe["outcomes"] if o["kind"] == "misclassified"), "")
        for right in correct_counts(context.counts, probe):
            least = context.min_group(probe)
            precision = context.precision(right, outcome=wrong)
            weighted = 1 - precision.rate if context.weighted and precision.rate is not None else None
            columns = _rates(right, min_group=least, precision=precision, weighted=weighted)
            recalls: Floats | None = balanced_accuracy(right.count, right.n)
            if context.weighted:
                recalls = weighted_balanced_accuracy(context, probe, right, wrong=wrong)
            if recalls is None:
                recalls = np.full(columns["n"].shape, np.nan)
                columns["note"] = _after(columns["note"], f"balanced accuracy: {OUTCOMES_NEEDED}")
            balanced = np.where(columns["n"] < least, np.nan, recalls)
            parts.append(GroupRows(groups=right, columns=columns | {"balanced": balanced}))
    dtypes = {**RATE_COLUMNS, "balanced": "float64"}
    dtypes["note"] = dtypes.pop("note")
    return in_suite_order(parts, context.attributes, dtypes).drop(columns="outcome")


def _after(notes: Words, more: str) -> Words:
    return np.where(notes == "", more, notes + "; " + more)


def balanced_accuracy(right: ArrayLike, n: ArrayLike) -> NDArray[np.float64]:
    """Mean recall over the truths that occur, [S, G]; NaN where a group lacks one of them.

    `right` and `n` are correct predictions and images [S, G, T], or the sums of their weights.
    """
    sizes = np.asarray(n)
    occurring = sizes.sum(axis=1, keepdims=True) > 0
    with np.errstate(invalid="ignore"):
        recall = np.asarray(right) / sizes
        mean: NDArray[np.float64] = np.where(occurring, recall, 0.0).sum(axis=2) / occurring.sum(axis=2)
        return mean


def weighted_balanced_accuracy(
    context: TableContext, probe: Mapping[str, Any], right: GroupCounts, *, wrong: str
) -> NDArray[np.float64] | None:
    """`balanced_accuracy` of weighted images, from what happened to each; None if that was not kept.

    Parameters
    ----------
    right
        As `correct_counts` makes it.
    wrong
        Name of the outcome that counts misclassifications.
    """
    table = context.outcomes
    if table is None:
        return None
    rows = np.flatnonzero(table.having("probe", probe["name"]) & table.having("outcome", wrong))
    if not len(rows):
        return None
    own = table.frame.iloc[rows]
    keys = ["design", "template", "rule"]
    listed = specification_list(probe).reset_index(drop=True)
    places = right.specifications[keys].merge(
        listed[listed["rule"].isin(one_class_rules())].reset_index(names="place")[[*keys, "place"]],
        on=keys,
        how="left",
    )["place"]
    code, bit_strings = pd.factorize(own["outcome_bits"].to_numpy())
    characters = np.array([list(text) for text in bit_strings], dtype="U1")
    weight, group = own[WEIGHTED[0]].to_numpy(dtype=float), group_codes(table, right, rows)
    sums = np.zeros((2, *right.n.shape))
    for row, (place, design) in enumerate(zip(places, right.specifications["design"], strict=True)):
        truths = own["truth"].astype("str").replace(joined_truths(probe, str(design)))
        truth = pd.Index(right.truths).get_indexer(pd.Index(truths))
        kept = (truth >= 0) & (group >= 0)
        hit = characters[:, int(place)][code] == DID_NOT
        flat = group[kept] * len(right.truths) + truth[kept]
        for part, told in zip(sums[:, row], (weight * hit, weight), strict=True):
            part[:] = np.bincount(flat, told[kept], minlength=part.size).reshape(part.shape)
    return balanced_accuracy(sums[0], sums[1])


def gap_table(context: TableContext) -> pd.DataFrame:
    """Each group against its reference, for every outcome and specification of groups.

    The reference is what the probe's `references` say, where they say it of every attribute that is crossed:
    a group; "(overall)", all images; "(best)", the group in which the event is rarest. Otherwise it is the
    rest: all images of the other groups. Where only two groups have images, the rest of each is the other:
    their two rows are one contrast. The best group is chosen by the data, so its intervals hold for all pairs
    of groups at once.

    Returns
    -------
    Columns `SPECIFICATION`, the attributes, then `CONTRAST_COLUMNS`. Differences are of proportions, with
    a 95 % interval that joins Wilson's of both sides (Newcombe's, where images are independent); ratios have
    Katz's, or Koopman's where a cell of the 2 x 2 table is 0, and an upper limit that is infinite is NaN with
    a note. `p` is two-sided and of this contrast alone: `conclusions.error_control` adjusts it for all
    contrasts of the audit. Intervals and p are of effective images, with the degrees of freedom of either
    side's own clusters; `design_effect` is by how much the variance of the difference exceeds that of
    independent images, `correlation` that of the two rates where they share clusters. All are NaN, with the
    reason in `note`, where either side has fewer images than `min_group`; p alone is NaN where a side has
    fewer than `min_clusters` clusters of several images (10, unless the suite says otherwise).
    """
    parts = [
        contrasts(
            groups,
            references=probe.get("references") or {},
            least=context.min_group(probe),
            precision=context.contrast,
            rates=context.weighted_rates(groups),
        )
        for probe, groups in context.comparisons()
    ]
    more = {WEIGHTED_SHARE: "float64"} if context.weighted else {}
    return in_suite_order(parts, context.attributes, CONTRAST_COLUMNS | more)


def _rates(
    groups: GroupCounts, *, min_group: int, precision: Precision, pooled: bool = True,
    weighted: Floats | None = None,
) -> dict[str, NDArray[Any]]:  # fmt: skip
    """`RATE_COLUMNS`, each [S, G]; `weighted` are the rates where images stand for a population."""
    n, count = groups.n.sum(axis=2), groups.count.sum(axis=2)
    enough = n >= min_group
    size, events = np.where(enough, n, 0), np.where(enough, count, 0)
    effective = np.where(enough, precision.effective, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        rate = events / size if weighted is None else np.where(enough, weighted, np.nan)
        effect = size / effective
    told_events = events if weighted is None else np.nan_to_num(rate) * size
    low, high = rate_interval(told_events, size, effective, precision.freedom)
    shrunk = shrunken_rates(np.nan_to_num(rate) * effective, effective)
    reasons = ["no images", f"fewer than {number_of(min_group, 'image')}"]
    hierarchical = pooled_columns(groups, np.nan_to_num(rate), precision, enough) if pooled else {}
    return {
        "n": n, "count": count,
        "clusters": np.rint(precision.clusters).astype(np.int64),
        "kish_n": n.astype(float) if weighted is None or precision.kish is None else precision.kish,
        "rate": rate, "low": low, "high": high,
        "shrunk": np.where(enough, shrunk, np.nan),
        **hierarchical,
        "design_effect": effect,
        "df": finite(np.where(enough, precision.freedom, np.nan)),
        "note": np.select([n == 0, ~enough], reasons, default="").astype(object),
    }  # fmt: skip


def rate_interval(
    count: ArrayLike, n: ArrayLike, effective: ArrayLike, freedom: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The 95 % interval of every rate of an audit: `adjusted_wilson` of effective images.

    NaN where n is 0. `freedom` is infinite or NaN where images are independent.
    """
    x, size = np.asarray(count, dtype=float), np.asarray(n, dtype=float)
    short = np.where(size > 0, shortened(effective, freedom), 0.0)
    # A rate of 1 times its images must not exceed them by a rounding.
    events = np.minimum(np.divide(x, size, out=np.zeros(size.shape), where=size > 0) * short, short)
    return adjusted_wilson(events, short)


def finite(freedom: NDArray[np.float64]) -> NDArray[np.float64]:
    """NaN instead of infinity, which JSON does not have."""
    return np.where(np.isfinite(freedom), freedom, np.nan)
