"""Rates by group, accuracy by group, and the gaps between groups, each with its interval.

A rate is P(event | group): of the images of a group, the share to which the event happened. It is never
P(group | event), the make-up of those to which it happened: that is `composition.composition_table`.

Several images of one drawing or person are no independent draws. Where the records count by cluster,
intervals and tests are of the counts over their design effect (`statistics.design_effects`), which the column
`design_effect` holds: 1 for data without clusters, NaN where clusters exist but were not counted, and images
are taken as independent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from audit.statistics.intervals import adjusted_wilson
from audit.statistics.shrinkage import shrunken_rates
from audit.tables.context import TableContext
from audit.tables.gaps import CONTRAST_COLUMNS, contrasts
from audit.tables.group_counts import (
    SPECIFICATION,
    GroupCounts,
    correct_counts,
    number_rows,
)

RATE_COLUMNS = {
    "rate": "float64", "low": "float64", "high": "float64", "shrunk": "float64", "design_effect": "float64",
    "note": "str",
}  # fmt: skip


def rate_table(context: TableContext) -> pd.DataFrame:
    """Rates of every outcome over all images and by group, with 95 % intervals.

    Parameters
    ----------
    context
        Of `Records.counts`, or of `Records.curves` for the rates at every threshold.

    Returns
    -------
    Columns `SPECIFICATION`, the attributes, n, count, rate, low, high, shrunk, design_effect, note. The
    interval is `intervals.adjusted_wilson`; `shrunk` is the rate drawn towards those of the other groups of
    its split (`shrinkage.shrunken_rates`), for small groups, NaN over all images. All are NaN, with the
    reason in `note`, where a group has fewer images than the probe's `min_group`.
    """
    tables = []
    for probe, groups in context.groupings():
        clusters = context.clusters
        effect = _no_effect(groups) if clusters is None else clusters.rate_effects(groups)
        least = context.min_group(probe)
        tables.append(_with_rates(groups, context.attributes, min_group=least, design_effect=effect))
    return in_suite_order(tables, [*SPECIFICATION, *context.attributes, "n", "count"], RATE_COLUMNS)


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
            effect = _no_effect(right)
            if context.clusters is not None:
                effect = context.clusters.rate_effects(right, outcome=wrong)
            table = _with_rates(right, context.attributes, min_group=least, design_effect=effect)
            balanced = np.where(table["n"] < least, np.nan, balanced_accuracy(right).ravel())
            tables.append(table.assign(balanced=balanced, note=table.pop("note")))
    numbers = {**RATE_COLUMNS, "balanced": "float64", "note": "str"}
    keys = [*SPECIFICATION, *context.attributes, "n", "count"]
    return in_suite_order(tables, keys, numbers).drop(columns="outcome")


def balanced_accuracy(right: GroupCounts) -> NDArray[np.float64]:
    """Mean recall over the truths that occur, [S, G]; NaN where a group lacks one of them."""
    occurring = right.n.sum(axis=1, keepdims=True) > 0
    with np.errstate(invalid="ignore"):
        recall = right.count / right.n
        return np.where(occurring, recall, 0.0).sum(axis=2) / occurring.sum(axis=2)


def gap_table(context: TableContext) -> pd.DataFrame:
    """Each group against its reference, for every outcome and specification of groups.

    The reference is what the probe's `references` say, where they say it of every attribute that is crossed:
    a group; "(overall)", all images; "(best)", the group in which the event is rarest. Otherwise it is the
    rest: all images of the other groups. Where only two groups have images, the rest of each is the other:
    their two rows are one contrast, and Holm's adjustment counts it once. The best group is chosen by the
    data, so its intervals and adjusted p hold for all pairs of groups at once.

    Returns
    -------
    Columns `SPECIFICATION`, the attributes, then `CONTRAST_COLUMNS`. Differences are of proportions, with
    Newcombe's 95 % interval; ratios have Katz's, or Koopman's where a cell of the 2 x 2 table is 0, and an
    upper limit that is infinite is NaN with a note. `p` is two-sided; `p_adjusted` is Holm's within the rows
    of one specification and `by`; `smallest_detectable` has 80 % power at a level of 0.05, for one test;
    `design_effect` is by how much the variance of the difference exceeds that of independent images, and
    intervals, tests and sizes to detect allow for it. All are NaN, with the reason in `note`, where either
    side has fewer images than `min_group`.
    """
    tables = [
        contrasts(
            groups,
            attributes=context.attributes,
            references=probe.get("references") or {},
            least=context.min_group(probe),
            clusters=context.clusters,
        )
        for probe, groups in context.comparisons()
    ]
    words = ("group", "by", "reference", "note")
    sizes = ("n_group", "n_reference", "count_group", "count_reference")
    dtypes = {
        name: "str" if name in words else "int64" if name in sizes else "float64" for name in CONTRAST_COLUMNS
    }
    return in_suite_order(tables, [*SPECIFICATION, *context.attributes], dtypes)


def _no_effect(groups: GroupCounts) -> NDArray[np.float64]:
    return np.ones((len(groups.specifications), len(groups.groups)))


def _with_rates(
    groups: GroupCounts, attributes: Sequence[str], *, min_group: int, design_effect: NDArray[np.float64]
) -> pd.DataFrame:
    table = groups.frame(attributes)
    n, count = table["n"].to_numpy(), table["count"].to_numpy()
    enough = n >= min_group
    size, events = np.where(enough, n, 0), np.where(enough, count, 0)
    effect = np.where(enough, design_effect.ravel(), np.nan)
    divisor = np.where(np.isnan(effect), 1.0, effect)
    low, high = adjusted_wilson(events / divisor, size / divisor)
    with np.errstate(invalid="ignore"):
        rate = events / size
    shape = groups.n.shape[:2]
    shrunk = shrunken_rates(events.reshape(shape), size.reshape(shape)).ravel()
    reasons = ["no images", f"fewer than {min_group} images"]
    note = np.select([n == 0, ~enough], reasons, default="")
    return table.assign(
        rate=rate,
        low=low,
        high=high,
        shrunk=np.where(enough, shrunk, np.nan),
        design_effect=effect,
        note=pd.Series(note, dtype="str"),
    )


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
