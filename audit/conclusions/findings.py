"""Findings: gaps that survive the correction for all comparisons of the audit, one finding a gap.

Two steps keep an audit without any disparity quiet in about 95 of 100 cases. An omnibus test asks of each
family (one specification, outcome and set of groups) whether its groups differ at all; Holm's adjustment runs
over the omnibus tests of all families of the audit. Only in families that pass are single groups named, those
with a Holm-adjusted p below 0.05 within the family.

A gap is asked for in many ways. Where it passes in some of them it is one finding, which says in how many it
holds: merging can only lower the number of findings, so the error control stays what it is for single ways.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from audit.conclusions.finding_sentences import caution, noise_words, sentence, titles_of
from audit.json_tables import table_rows
from audit.statistics.label_noise import wrong_labels, wrong_truths
from audit.statistics.multiplicity import holm
from audit.statistics.tests_of_proportions import SMALL_EXPECTED, homogeneity_p
from audit.tables.cluster_counts import ClusterCounts
from audit.tables.context import TableContext
from audit.tables.group_counts import JOINT, SPECIFICATION, GroupCounts
from audit.tables.specification_curves import GAP

LEVEL = 0.05
FAMILY = (*SPECIFICATION, "by")
FINDING_COLUMNS = (
    "id", *SPECIFICATION, "by", "group", "reference", "difference", "low", "high",
    "n_group", "n_reference", "p_adjusted", "omnibus_p_adjusted", "holds_in", "specifications",
    "difference_min", "difference_max", "wrong_labels", "wrong_truths", "sentence", "noise", "caution",
)  # fmt: skip


def finding_table(context: TableContext, gaps: pd.DataFrame) -> pd.DataFrame:
    """The findings of an audit, the widest gap first.

    Parameters
    ----------
    context, gaps
        Of the records, and the gaps that `audit.tables.rates.gap_table` makes of it.

    Returns
    -------
    Columns `FINDING_COLUMNS`, one row a gap (probe, outcome, group and reference) that holds in some way of
    asking. The specification, `difference`, its interval, `p_adjusted` and the sentence are those of the
    first way, in the order of the suite, in which it holds; the interval is the 95 % one of this contrast
    alone. `holds_in` of the `specifications` ways have it; `difference_min` and `difference_max` are over all
    of them. `wrong_labels` and `wrong_truths` (misclassification only) are those of `statistics.label_noise`.
    """
    return findings_among(context, with_omnibus(context, gaps))


def with_omnibus(context: TableContext, gaps: pd.DataFrame) -> pd.DataFrame:
    """The gaps, and before their note the adjusted p of the omnibus test of their family."""
    omnibus = omnibus_table(context, gaps).drop(columns="omnibus_p")
    tested = gaps.merge(omnibus, on=list(FAMILY), how="left", validate="many_to_one")
    return tested[[name for name in tested.columns if name != "note"] + ["note"]]


def holds(tested: pd.DataFrame) -> pd.Series:
    """Whether each gap of `with_omnibus` passes both steps."""
    return (tested["omnibus_p_adjusted"] < LEVEL) & (tested["p_adjusted"] < LEVEL)


def findings_among(context: TableContext, tested: pd.DataFrame) -> pd.DataFrame:
    """The findings among the gaps of `with_omnibus`; see `finding_table`."""
    found = tested[holds(tested)]
    found = found.assign(**_over_ways(tested, found)).drop_duplicates(list(GAP))
    found = found[distinct_contrasts(found, keys=("probe", "outcome", "by"))]
    found = found.sort_values("difference", key=lambda gap: -gap.abs(), kind="stable", ignore_index=True)
    found = found.rename(columns={"difference_low": "low", "difference_high": "high"})
    found = found.assign(id=[f"F{number}" for number in range(1, len(found) + 1)], **_tipping(found))
    titles, rows = titles_of(context.manifest), table_rows(found)
    found = found.assign(
        sentence=[sentence(row, titles) for row in rows],
        noise=[noise_words(row) for row in rows],
        caution=[caution(row, context.manifest["data"]) for row in rows],
    )[list(FINDING_COLUMNS)]
    whole = dict.fromkeys(("holds_in", "specifications", "wrong_labels"), "int64")
    return found.astype(whole | dict.fromkeys(("id", "sentence", "noise", "caution"), "str"))


def _over_ways(tested: pd.DataFrame, found: pd.DataFrame) -> dict[str, Any]:
    """How many ways of asking there are for each finding, in how many it holds, and how the gap ranges."""
    keys = list(GAP)
    ways = tested[tested["difference"].notna()].groupby(keys, sort=False)["difference"]
    over = ways.agg(specifications="count", difference_min="min", difference_max="max")
    over["holds_in"] = found.groupby(keys, sort=False).size()
    of_rows = over.reindex(pd.MultiIndex.from_frame(found[keys]))
    return {name: of_rows[name].to_numpy() for name in over.columns}


def _tipping(found: pd.DataFrame) -> dict[str, Any]:
    n1, n2 = (found[name].to_numpy() for name in ("n_group", "n_reference"))
    x1, x2 = (found[name].to_numpy() for name in ("count_group", "count_reference"))
    judged = found["outcome"].to_numpy() == "misclassified"
    return {
        "wrong_labels": wrong_labels(x1, n1, x2, n2),
        "wrong_truths": np.where(judged, wrong_truths(x1, n1, x2, n2), np.nan),
    }


def omnibus_table(context: TableContext, gaps: pd.DataFrame) -> pd.DataFrame:
    """Whether the groups of a family differ at all.

    Pearson's chi-squared over the groups with enough images, of their counts over the design effect where the
    records count by cluster; where an expected count is below 5, the least Holm-adjusted p of the family's
    contrasts, which are exact there.

    Returns
    -------
    Columns `FAMILY`, omnibus_p, omnibus_p_adjusted (Holm over all families of the audit); p is NaN with fewer
    than two groups.
    """
    tables = [
        _omnibus(groups, context.clusters, least=context.min_group(probe))
        for probe, groups in context.comparisons()
    ]
    least_p = gaps.groupby(list(FAMILY), dropna=False, as_index=False, sort=False)["p_adjusted"].min()
    if not tables:
        return least_p.drop(columns="p_adjusted").assign(omnibus_p=np.nan, omnibus_p_adjusted=np.nan)
    table = pd.concat(tables, ignore_index=True).merge(least_p, on=list(FAMILY), validate="one_to_one")
    p = np.where(table["exact"], table["p_adjusted"], table["chi_squared_p"])
    return table[list(FAMILY)].assign(omnibus_p=p, omnibus_p_adjusted=holm(p))


def distinct_contrasts(gaps: pd.DataFrame, *, keys: Sequence[str] = FAMILY) -> pd.Series:
    """True on one row a contrast: where two groups are each other's reference, on that of the higher rate.

    Parameters
    ----------
    keys
        Columns within which two groups mirror each other.
    """
    first, second = gaps["group"].to_numpy(dtype=object), gaps["reference"].to_numpy(dtype=object)
    swapped = first > second
    named = gaps[list(keys)].assign(
        low_name=np.where(swapped, second, first), high_name=np.where(swapped, first, second)
    )
    ordered = named.loc[gaps["difference"].sort_values(ascending=False, kind="stable").index]
    return ~ordered.duplicated().reindex(gaps.index)


def _omnibus(groups: GroupCounts, clusters: ClusterCounts | None, *, least: int) -> pd.DataFrame:
    n, count = groups.n.sum(axis=2), groups.count.sum(axis=2)
    effect = 1.0 if clusters is None else np.nan_to_num(clusters.rate_effects(groups), nan=1.0)
    n, count = np.where(n >= least, n / effect, 0), np.where(n >= least, count / effect, 0)
    with np.errstate(invalid="ignore"):
        pooled = count.sum(axis=1, keepdims=True) / n.sum(axis=1, keepdims=True)
    expected = np.asarray(np.where(n > 0, n * np.minimum(pooled, 1 - pooled), np.inf))
    return groups.specifications.assign(
        by=pd.Series(JOINT.join(groups.by), index=groups.specifications.index, dtype="str"),
        chi_squared_p=homogeneity_p(count, n),
        exact=np.any(expected < SMALL_EXPECTED, axis=1),
    )
