"""The page of `clip-audit mitigate`: a summary, the Pareto plot, the two tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from audit import formatting as fmt
from audit.comparison.run_changes import NOT_JUDGED
from audit.figures.mitigation import pareto
from audit.mitigation.mitigation_tables import NARROWER, WIDER
from audit.report.components import (
    CHANGE,
    CONTRAST,
    INTERVAL,
    NOTE,
    Column,
    Figure,
    between,
    table_of,
)
from audit.report.sections.mitigated_rankings import ranked_page

GAPS_SHOWN = 400
"""Rows of gaps on the page; all of them are in mitigation.csv."""


def mitigation_page(
    gaps: pd.DataFrame,
    cost: pd.DataFrame,
    *,
    about: Mapping[str, Any],
    methods: Mapping[str, Mapping[str, str]],
    transfer: pd.DataFrame | None = None,
    ranking: pd.DataFrame | None = None,
) -> dict[str, Any]:
    """Return what the template `mitigation.html.j2` shows.

    Parameters
    ----------
    gaps, cost
        As `audit.mitigation.mitigation_tables` makes them.
    about
        suite, model, data, attribute, fitted, measured.
    methods
        Method -> `about` and `source`.
    transfer
        Gaps of other data; None if no other data were named.
    ranking
        As `audit.mitigation.ranking_changes` makes it; None if the suite ranks nothing.
    """
    judged = cost[cost["method"].isin(gaps["method"]) | (cost["n"] == 0)]
    return {
        "title": f"What mitigations change: {about['model']}",
        "about": {
            **about,
            "attribute": fmt.words(about["attribute"]),
            **{name: fmt.integer(about[name]) for name in ("fitted", "measured")},
        },
        "sentences": [_sentence(row, gaps) for row in judged.to_dict("records")],
        "ranked": None if ranking is None else ranked_page(ranking, cost, attribute=about["attribute"]),
        "figure": None
        if gaps.empty
        else Figure(
            svg=pareto(judged, name="pareto", title="Widest gap that remains against change of accuracy"),
            caption="Each mark is a method; down is a smaller widest gap, left a loss of accuracy. Lines are "
            "95 % intervals of the change of accuracy; * trained once, no interval. Grey: controls. No score "
            "joins the two.",
            table="costs",
        ),
        "cost": table_of(judged, _costs(judged), caption="What each method costs"),
        "gaps": table_of(
            gaps.sort_values("p_adjusted", kind="stable", na_position="last").head(GAPS_SHOWN),
            _GAPS,
            caption="What each method does to every gap",
        ),
        "transfer": None
        if transfer is None
        else table_of(
            transfer.sort_values("p_adjusted", kind="stable", na_position="last").head(GAPS_SHOWN),
            (Column("data", "Data"), *_GAPS),
            caption="What each method does to the gaps of other data",
        ),
        "all_shown": len(gaps) <= GAPS_SHOWN,
        "methods": [{"name": fmt.words(name), **words} for name, words in methods.items()],
    }


def _sentence(row: Mapping[Any, Any], gaps: pd.DataFrame) -> str:
    if not row["n"]:
        return f"{fmt.words(row['method'])}: not applied. {row['note']}"
    own = gaps[gaps["method"] == row["method"]]
    if (own["effect"] == NOT_JUDGED).any():
        return f"{fmt.words(row['method'])}: {row['note']}."
    narrower, wider = (int((own["effect"] == effect).sum()) for effect in (NARROWER, WIDER))
    return (
        f"{fmt.words(row['method'])}: lowers {narrower} and widens {wider} of {len(own)} gaps on these "
        f"data beyond noise; accuracy changes by {fmt.points(row['utility_change'])} points "
        f"({fmt.points_interval(row['utility_low'], row['utility_high'])}); a linear classifier reads the "
        f"attribute from {fmt.percent(row['leakage_after'])} of the images "
        f"({fmt.percent(row['leakage_before'])} before, {fmt.percent(row['chance'])} by chance)."
    )


def _costs(cost: pd.DataFrame) -> tuple[Column, ...]:
    """The columns of cost, those of captions where a method was measured by them."""
    captions = cost["image_to_text_before"].notna().any()
    return (*_COST, *(_CAPTIONS if captions else ()), NOTE)


_COST = (
    Column("method", "Method", fmt.words),
    Column("widest_gap_before", "Widest gap before, points", fmt.points, number=True),
    Column("widest_gap_after", "After", fmt.points, number=True),
    Column("leakage_before", "Leakage, linear, before", fmt.percent, number=True),
    Column("leakage_after", "After", fmt.percent, number=True),
    Column("leakage_change", "Change, points", fmt.points, number=True),
    Column("nonlinear_before", "Leakage, non-linear, before", fmt.percent, number=True),
    Column("nonlinear_after", "After", fmt.percent, number=True),
    Column("utility_before", "Accuracy before", fmt.percent, number=True),
    Column("utility_after", "After", fmt.percent, number=True),
    Column("utility_change", "Change, points", fmt.points, number=True),
    Column(between("utility_low", "utility_high", fmt.points_interval), INTERVAL, number=True),
)
_CAPTIONS = tuple(
    column
    for way, words in (("image_to_text", "Caption found first"), ("text_to_image", "Image found first"))
    for column in (
        Column(f"{way}_before", f"{words}, before", fmt.percent, number=True),
        Column(f"{way}_change", "Change, points", fmt.points, number=True),
        Column(between(f"{way}_low", f"{way}_high", fmt.points_interval), INTERVAL, number=True),
    )
)
_GAPS = (
    Column("method", "Method", fmt.words),
    Column("probe", "Probe", fmt.words),
    Column("outcome", "Outcome", fmt.words),
    *CONTRAST,
    Column("before", "Gap before, points", fmt.points, number=True),
    Column("after", "After", fmt.points, number=True),
    *CHANGE,
    Column("effect", "Effect"),
)
