"""What a mitigation of rankings costs a searcher: recall and similarity of the images on top, by method."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from audit.mitigation.ranking_changes import EVERY_QUERY, MAX_SKEW, RECALL, SIMILARITY
from probes.records import attribute_column

__all__ = ["COSTS", "ranking_cost", "ranking_pareto"]

COSTS: Final = {"recall": RECALL, "similarity": SIMILARITY}
"""Columns of cost -> the measure."""
ENDS: Final = ("before", "after", "change", "low", "high")


def ranking_cost(tables: Sequence[pd.DataFrame]) -> dict[str, Any]:
    """Columns `top_k`, and recall_ and similarity_ before, after, change, low, high.

    Parameters
    ----------
    tables
        `audit.mitigation.ranking_changes.ranking_rows` of one method, a table per probe and template.

    Returns
    -------
    Means over the queries of the first probe and template, at the largest K that leaves some images out;
    empty if there is no such K.
    """
    if not tables:
        return {}
    means = _largest_k(tables[0])
    found: dict[str, Any] = {}
    for name, measure in COSTS.items():
        for row in means[means["measure"] == measure].to_dict("records"):
            found |= {"top_k": row["k"], **{f"{name}_{end}": row[end] for end in ENDS}}
    return found


def ranking_pareto(ranking: pd.DataFrame, cost: pd.DataFrame, *, attribute: str) -> pd.DataFrame:
    """One row per method: `method`, `top_k`, `skew` (MaxSkew after), changes of recall and similarity.

    MaxSkew is the mean over queries of the first probe and template at the K of `ranking_cost`, by the
    attribute, or by the first grouping if the probe is not split by it.
    """
    first = ranking.drop_duplicates(["method"]).set_index("method")
    rows = []
    for row in cost[cost["top_k"].notna()].to_dict("records"):
        one = first.loc[row["method"]]
        own = ranking[
            (ranking["method"] == row["method"]) & (ranking["probe"] == one["probe"])
            & (ranking["template"] == one["template"]) & (ranking["measure"] == MAX_SKEW)
            & (ranking["query"] == EVERY_QUERY) & (ranking["k"] == row["top_k"])
        ]  # fmt: skip
        named = own[own["by"] == attribute_column(attribute)]
        skew = float((named if len(named) else own)["after"].iloc[0])
        rows.append({**row, "skew": skew})
    changes = [f"{name}_{end}" for name in COSTS for end in ENDS[2:]]
    return pd.DataFrame(rows, columns=["method", "top_k", "skew", *changes])


def _largest_k(table: pd.DataFrame) -> pd.DataFrame:
    means = table[(table["query"] == EVERY_QUERY) & (table["group"] == "") & table["change"].notna()]
    return means[means["k"] == means["k"].max()] if np.isfinite(means["k"].max()) else means.iloc[:0]
