"""Rates by group, accuracy by group, and the gaps between groups, each with its interval.

A rate is P(event | group): of the images of a group, the share to which the event happened. It is never
P(group | event), the composition of those to which it happened: that is `composition.composition_table`.

Several images of one drawing or person are no independent draws. Their intervals are of effective images and
with the degrees of freedom of the group's own clusters (`statistics.cluster_robust`); the columns `clusters`,
`design_effect` and `df` hold what they rest on. Where images are independent, there are as many clusters as
images, the design effect is 1 and `df` is NaN.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from audit.statistics.clusters.cluster_robust import Precision, shortened
from audit.statistics.proportion.intervals import adjusted_wilson
from audit.statistics.variation.shrinkage import shrunken_rates
from audit.tables.context import TableContext
from audit.tables.gaps import CONTRAST_COLUMNS, SIZES, WORDS, contrasts
from audit.tables.group_counts import (
    SPECIFICATION,
    GroupCounts,
    correct_counts,
    number_rows,
)
from audit.tables.pooled_rates import POOLED, pooled_columns

RATE_COLUMNS = {
    "clusters": "int64", "kish_n": "float64", "rate": "float64", "low": "float64", "high": "float64",
    "shrunk": "float64", "pooled": "float64", "pooled_low": "float64", "pooled_high": "float64",
    "design_effect": "float64", "df": "float64", "note": "str",
}  # fmt: skip


UNWEIGHTED_BALANCED = "balanced accuracy is not weighted to the population: left out"


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
    without weights), rate, low, high, shrunk, pooled, pooled_low,
    pooled_high, design_effect, df, note. The interval is `intervals.adjusted_wilson` of effective images;
    `shrunk` is the rate drawn towards those of the other groups of its split (`shrinkage.shrunken_rates`),
    `pooled` the estimate of a hierarchical model over the attributes of the split, with its own interval
    (`pooled_rates.pooled_columns`): both for small groups, NaN over all images. All are NaN,
    with the reason in `note`, where a group has fewer images than the probe's `min_group`.
    """
    tables = []
    for probe, groups in context.groupings():
        least, precision = context.min_group(probe), context.precision(groups)
        tables.append(
            _with_rates(
                groups, context.attributes, min_group=least, precision=precision, pooled=pooled,
                weighted=precision.rate if context.weighted else None,
            )
        )  # fmt: skip
    numbers = {name: dtype for name, dtype in RATE_COLUMNS.items() if pooled or name not in POOLED}
    return in_suite_order(tables, [*SPECIFICATION, *context.attributes, "n", "count"], numbers)


def accuracy_table(context: TableContext) -> pd.DataFrame:
    """Share of right predictions for the probes that have a truth, over all images and by group.

    Returns
    -------
    As `rate_table`, without the outcome, and with `balanced`: the mean of the recalls of the classes, NaN
    where a class that has images elsewhere has none in the group.
    """
    tables = []
    for probe in context.probes:
        if not probe.get("truth"):
            continue
        wrong = next((o["name"] for o in probe["outcomes"] if o["kind"] == "misclassified"), "")
        for right in correct_counts(context.counts.frame, probe):
            least = context.min_group(probe)
            precision = context.precision(right, outcome=wrong)
            weighted = 1 - precision.rate if context.weighted and precision.rate is not None else None
            table = _with_rates(
                right, context.attributes, min_group=least, precision=precision, weighted=weighted
            )
            balanced = np.where(table["n"] < least, np.nan, balanced_accuracy(right).ravel())
            if context.weighted:
                balanced[:] = np.nan
                table["note"] = _after(table["note"], UNWEIGHTED_BALANCED)
            tables.append(table.assign(balanced=balanced, note=table.pop("note")))
    numbers = {**RATE_COLUMNS, "balanced": "float64", "note": "str"}
    keys = [*SPECIFICATION, *context.attributes, "n", "count"]
    return in_suite_order(tables, keys, numbers).drop(columns="outcome")


def _after(notes: pd.Series, more: str) -> pd.Series:
    return notes.where(notes == "", notes + "; ") + more


def balanced_accuracy(right: GroupCounts) -> NDArray[np.float64]:
    """Mean recall over the truths that occur, [S, G]; NaN where a group lacks one of them."""
    occurring = right.n.sum(axis=1, keepdims=True) > 0
    with np.errstate(invalid="ignore"):
        recall = right.count / right.n
        mean: NDArray[np.float64] = np.where(occurring, recall, 0.0).sum(axis=2) / occurring.sum(axis=2)
        return mean


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
    tables = [
        contrasts(
            groups,
            attributes=context.attributes,
            references=probe.get("references") or {},
            least=context.min_group(probe),
            precision=context.contrast,
        )
        for probe, groups in context.comparisons()
    ]
    dtypes = {
        name: "str" if name in WORDS else "int64" if name in SIZES else "float64" for name in CONTRAST_COLUMNS
    }
    return in_suite_order(tables, [*SPECIFICATION, *context.attributes], dtypes)


def _with_rates(
    groups: GroupCounts, attributes: Sequence[str], *, min_group: int, precision: Precision,
    pooled: bool = True, weighted: NDArray[np.float64] | None = None,
) -> pd.DataFrame:  # fmt: skip
    """Rates with their intervals; `weighted` are the rates [S, G] where images stand for a population."""
    table = groups.frame(attributes)
    n, count = table["n"].to_numpy(), table["count"].to_numpy()
    enough = n >= min_group
    size, events = np.where(enough, n, 0), np.where(enough, count, 0)
    effective = np.where(enough, precision.effective.ravel(), 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        rate = events / size if weighted is None else np.where(enough, weighted.ravel(), np.nan)
        effect = size / effective
    told_events = events if weighted is None else np.nan_to_num(rate) * size
    low, high = rate_interval(told_events, size, effective, precision.freedom.ravel())
    told = (np.nan_to_num(rate) * effective).reshape(groups.n.shape[:2])
    shrunk = shrunken_rates(told, effective.reshape(told.shape)).ravel()
    reasons = ["no images", f"fewer than {min_group} images"]
    note = np.select([n == 0, ~enough], reasons, default="")
    hierarchical = {}
    if pooled:
        of_rate = np.nan_to_num(rate).reshape(told.shape)
        hierarchical = pooled_columns(groups, of_rate, precision, enough.reshape(told.shape))
    kish = n.astype(float) if weighted is None or precision.kish is None else precision.kish.ravel()
    return table.assign(
        clusters=np.rint(precision.clusters.ravel()).astype(np.int64),
        kish_n=kish,
        rate=rate,
        low=low,
        high=high,
        shrunk=np.where(enough, shrunk, np.nan),
        **{name: values.ravel() for name, values in hierarchical.items()},
        design_effect=effect,
        df=finite(np.where(enough, precision.freedom.ravel(), np.nan)),
        note=pd.Series(note, dtype="str"),
    )


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


def in_suite_order(tables: list[pd.DataFrame], keys: list[str], last: Mapping[str, str]) -> pd.DataFrame:
    """One table with all parts of a specification together; the right dtypes where there is no row."""
    whole = [table for table in tables if len(table)]
    if not whole:
        numbers = {"threshold": "float64", "n": "int64", "count": "int64", **last}
        return pd.DataFrame({name: pd.Series(dtype=numbers.get(name, "str")) for name in [*keys, *last]})
    table = pd.concat(whole, ignore_index=True)
    words = [name for name in table.columns if not pd.api.types.is_numeric_dtype(table[name])]
    table = table.astype(dict.fromkeys(words, "str"))
    order = np.argsort(number_rows(table[list(SPECIFICATION)]), kind="stable")
    return table.take(order).reset_index(drop=True)
