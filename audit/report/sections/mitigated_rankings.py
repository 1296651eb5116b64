"""Rankings on the page of mitigations: what each method does to skew, and what a searcher loses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pandas as pd

from audit import formatting as fmt
from audit.figures.mitigation import ranking_pareto
from audit.mitigation.mitigation_tables import NARROWER, WIDER
from audit.mitigation.ranking_changes import EVERY_QUERY, RECALL, SHARE, SIMILARITY, TESTED
from audit.mitigation.ranking_costs import ranking_pareto as pareto_rows
from audit.report.components import ADJUSTED_P, INTERVAL, Column, Figure, table_of

__all__ = ["ROWS_SHOWN", "ranked_page"]

ROWS_SHOWN: Final = 400
"""Rows on the page; all of them are in ranking.csv."""


def ranked_page(ranking: pd.DataFrame, cost: pd.DataFrame, *, attribute: str) -> dict[str, Any]:
    """Return a sentence per method, Pareto plots, the table of means over queries, whether all are shown.

    Parameters
    ----------
    ranking
        `audit.mitigation.ranking_changes.ranking_frame`.
    cost
        `audit.mitigation.mitigation_tables.cost_frame`.
    attribute
        Whose gaps the methods are to lower.
    """
    means = ranking[ranking["query"] == EVERY_QUERY]
    tested = means[means["p"].notna()]
    place = {name: number for number, name in enumerate((*TESTED, RECALL, SIMILARITY, SHARE))}
    order = means.assign(_place=means["measure"].map(place)).sort_values(["_place", "by", "k"], kind="stable")
    return {
        "figures": _figures(pareto_rows(ranking, cost, attribute=attribute)),
        "sentences": _sentences(tested),
        "table": table_of(
            order.head(ROWS_SHOWN), _COLUMNS, caption="What each method does to rankings: means over queries"
        ),
        "all_shown": len(order) <= ROWS_SHOWN,
        "queries": int(ranking["query"].nunique() - 1),
    }


def _figures(costs: pd.DataFrame) -> list[Figure]:
    if costs.empty:
        return []
    k = int(costs["top_k"].iloc[0])
    return [
        Figure(
            svg=ranking_pareto(
                costs, x=x, scale=scale, label=label, name=f"pareto-{x}",
                title=f"MaxSkew at {k} that remains against change of {x}",
            ),
            caption=f"Each mark is a method, at {k} places; down is less skew, left a loss of {x}. Lines are "
            f"95 % intervals of the change of {x}. Grey: controls. {says}",
            table="rankings",
        )
        for x, scale, label, says in (
            ("recall", 100.0, f"change of recall at {k}, percentage points",
             "Recall is of the images whose label is the query, or else of those that came first before."),
            ("similarity", 100.0, f"change of the mean similarity of the {k} first, times 100",
             "Similarity is by the scores before."),
        )
    ]  # fmt: skip


def _sentences(tested: pd.DataFrame) -> list[str]:
    """How many measures of skew each method lowers, and raises."""
    of = int(tested.groupby("method").size().max()) if len(tested) else 0
    found = []
    for effect, words in ((NARROWER, "smaller"), (WIDER, "larger")):
        counts = (tested["effect"] == effect).groupby(tested["method"], sort=False).sum()
        some = [f"{fmt.words(str(name))} {count}" for name, count in counts.items() if count]
        told = ", ".join(some) or "none of any method"
        found.append(f"Measures of skew, of {of}, that become {words} on these data beyond noise: {told}.")
    return found


def _measure(row: Mapping[Any, Any]) -> str:
    at = "" if np.isnan(row["k"]) else f" at {int(row['k'])}"
    by = f" by {fmt.words(row['by'])}" if row["by"] else ""
    of = f", {fmt.words(row['group'])}" if row["group"] else ""
    return f"{row['measure']}{at}{by}{of}"


def _number(value: float) -> str:
    """A number with three decimals and a true minus sign; an en dash for NaN."""
    if np.isnan(value):
        return fmt.MISSING
    return f"{round(value, 3) + 0.0:.3f}".replace("-", fmt.MINUS)


def _interval(row: Mapping[Any, Any]) -> str:
    low, high = row["low"], row["high"]
    return fmt.MISSING if np.isnan(low + high) else f"{_number(low)} to {_number(high)}"


_COLUMNS: Final = (
    Column("method", "Method", fmt.words),
    Column("probe", "Probe", fmt.words),
    Column(_measure, "Measure"),
    Column("before", "Before", _number, number=True),
    Column("after", "After", _number, number=True),
    Column("change", "Change", _number, number=True),
    Column(_interval, INTERVAL, number=True),
    ADJUSTED_P,
    Column("effect", "Effect"),
    Column("note", "Note", lambda note: "" if note != note else str(note)),
)
