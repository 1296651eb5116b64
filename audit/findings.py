"""Findings: gaps that survive the correction for all comparisons of the audit, each said in one sentence.

Two steps keep an audit without any disparity quiet in about 95 of 100 cases. An omnibus test asks of each
family (one specification, outcome and set of groups) whether its groups differ at all; Holm's adjustment runs
over the omnibus tests of all families of the audit. Only in families that pass are single groups named, those
with a Holm-adjusted p below 0.05 within the family.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from audit.counts import JOINT, SPECIFICATION, GroupCounts, outcome_counts
from audit.disparity import min_group
from audit.formatting import integer, p_value, percent, points, points_interval, words
from audit.multiplicity import holm
from audit.significance import SMALL_EXPECTED, homogeneity_p
from audit.storage import table_rows

LEVEL = 0.05
SMALL_GROUP = 30
"""Images below which a finding carries a caution."""
FAMILY = (*SPECIFICATION, "by")
FINDING_COLUMNS = (
    "id", *SPECIFICATION, "by", "group", "reference", "difference", "low", "high",
    "n_group", "n_reference", "p_adjusted", "omnibus_p_adjusted", "sentence", "caution",
)  # fmt: skip


def finding_table(counts: pd.DataFrame, manifest: Mapping[str, Any], gaps: pd.DataFrame) -> pd.DataFrame:
    """The findings of an audit, the widest gap first.

    Parameters
    ----------
    counts
        `Records.counts`.
    manifest
        Of the records.
    gaps
        As `disparity.gap_table` makes it from them.

    Returns
    -------
    Columns `FINDING_COLUMNS`. `difference`, `low` and `high` are those of the gap: the interval is the 95 %
    one of this contrast alone.
    """
    omnibus = omnibus_table(counts, manifest, gaps)
    tested = gaps.merge(omnibus, on=list(FAMILY), how="left", validate="many_to_one")
    found = tested[
        (tested["omnibus_p_adjusted"] < LEVEL) & (tested["p_adjusted"] < LEVEL) & distinct_contrasts(tested)
    ]
    found = found.sort_values("difference", key=lambda gap: -gap.abs(), kind="stable", ignore_index=True)
    titles = _titles(manifest)
    rows = table_rows(found)
    found = found.assign(
        id=[f"F{number}" for number in range(1, len(found) + 1)],
        low=found["difference_low"],
        high=found["difference_high"],
        sentence=[_sentence(row, titles) for row in rows],
        caution=[_caution(row, manifest["data"]) for row in rows],
    )[list(FINDING_COLUMNS)]
    return found.astype(dict.fromkeys(("id", "sentence", "caution"), "str"))


def omnibus_table(counts: pd.DataFrame, manifest: Mapping[str, Any], gaps: pd.DataFrame) -> pd.DataFrame:
    """Whether the groups of a family differ at all.

    Pearson's chi-squared over the groups with enough images; where an expected count is below 5, the least
    Holm-adjusted p of the family's contrasts, which are exact there.

    Returns
    -------
    Columns `FAMILY`, omnibus_p, omnibus_p_adjusted (Holm over all families of the audit); p is NaN with fewer
    than two groups.
    """
    tables = [
        _omnibus(groups, least=min_group(probe, manifest))
        for probe in manifest["probes"]
        for groups in outcome_counts(counts, probe)
        if groups.by
    ]
    least_p = gaps.groupby(list(FAMILY), dropna=False, as_index=False, sort=False)["p_adjusted"].min()
    if not tables:
        return least_p.drop(columns="p_adjusted").assign(omnibus_p=np.nan, omnibus_p_adjusted=np.nan)
    table = pd.concat(tables, ignore_index=True).merge(least_p, on=list(FAMILY), validate="one_to_one")
    p = np.where(table["exact"], table["p_adjusted"], table["chi_squared_p"])
    return table[list(FAMILY)].assign(omnibus_p=p, omnibus_p_adjusted=holm(p))


def distinct_contrasts(gaps: pd.DataFrame) -> pd.Series:
    """True on one row a contrast: where two groups are each other's reference, on that of the higher rate."""
    first, second = gaps["group"].to_numpy(dtype=object), gaps["reference"].to_numpy(dtype=object)
    swapped = first > second
    keys = gaps[list(FAMILY)].assign(
        low_name=np.where(swapped, second, first), high_name=np.where(swapped, first, second)
    )
    ordered = keys.loc[gaps["difference"].sort_values(ascending=False, kind="stable").index]
    return ~ordered.duplicated().reindex(gaps.index)


def _omnibus(groups: GroupCounts, *, least: int) -> pd.DataFrame:
    n, count = groups.n.sum(axis=2), groups.count.sum(axis=2)
    n, count = np.where(n >= least, n, 0), np.where(n >= least, count, 0)
    with np.errstate(invalid="ignore"):
        pooled = count.sum(axis=1, keepdims=True) / n.sum(axis=1, keepdims=True)
    expected = np.asarray(np.where(n > 0, n * np.minimum(pooled, 1 - pooled), np.inf))
    return groups.specifications.assign(
        by=pd.Series(JOINT.join(groups.by), index=groups.specifications.index, dtype="str"),
        chi_squared_p=homogeneity_p(count, n),
        exact=np.any(expected < SMALL_EXPECTED, axis=1),
    )


def _titles(manifest: Mapping[str, Any]) -> dict[tuple[str, str], tuple[str, str]]:
    """Titles of probe and outcome by their names."""
    return {
        (probe["name"], outcome["name"]): (
            probe.get("title") or words(probe["name"]),
            outcome.get("title") or words(outcome["name"]),
        )
        for probe in manifest["probes"]
        for outcome in probe["outcomes"]
    }


def _sentence(row: Mapping[str, Any], titles: Mapping[tuple[str, str], tuple[str, str]]) -> str:
    probe, outcome = titles[row["probe"], row["outcome"]]
    more = "more" if row["difference"] > 0 else "less"
    group, reference = words(row["group"]), words(row["reference"])
    return (
        f"{probe}, {specification_words(row)}: {outcome} {more} often for {group} than for {reference}, "
        f"{percent(row['rate_group'])} of {integer(row['n_group'])} images against "
        f"{percent(row['rate_reference'])} of {integer(row['n_reference'])}: {points(row['difference'])} "
        f"percentage points (95\N{NO-BREAK SPACE}% interval "
        f"{points_interval(row['difference_low'], row['difference_high'])}; "
        f"adjusted p {_p_words(row['p_adjusted'])})."
    )


def specification_words(row: Mapping[str, Any]) -> str:
    """A specification in words: "design default, template plain, threshold 0.2"."""
    rule = "" if row["rule"] == "argmax" else f", threshold {row['threshold']:g}"
    return f"design {words(row['design'])}, template {words(row['template'])}{rule}"


def _p_words(p: float) -> str:
    text = p_value(p)
    return text if text.startswith("<") else f"= {text}"


def _caution(row: Mapping[str, Any], data: Mapping[str, Any]) -> str:
    parts = []
    if min(row["n_group"], row["n_reference"]) < SMALL_GROUP:
        parts.append(f"One side has fewer than {SMALL_GROUP} images.")
    if data.get("cluster"):
        parts.append(
            f"Images that share a {words(data['cluster'])} depend on each other; the interval takes them as "
            "independent and may be too narrow."
        )
    if data.get("caution"):
        parts.append(str(data["caution"]))
    return " ".join(parts)
