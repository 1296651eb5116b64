"""The page of `clip-audit mitigate`: a summary, the Pareto plot, the two tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
    counted = _counted(judged, gaps)
    return {
        "title": f"What mitigations change: {about['model']}",
        "about": {
            **about,
            "attribute": fmt.words(about["attribute"]),
            **{name: fmt.integer(about[name]) for name in ("fitted", "measured")},
        },
        "sentences": _sentences(counted, judged),
        "summary": table_of(counted, _SUMMARY, caption=_caption(counted)) if len(counted) else None,
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


def _counted(cost: pd.DataFrame, gaps: pd.DataFrame) -> pd.DataFrame:
    """The methods that were measured, with how many gaps each narrows and widens; -1 of one not judged."""
    rows = []
    for row in cost[cost["n"] > 0].to_dict("records"):
        effects = gaps.loc[gaps["method"] == row["method"], "effect"]
        told = not (effects == NOT_JUDGED).any()
        numbers = [int((effects == effect).sum()) if told else -1 for effect in (NARROWER, WIDER)]
        rows.append(row | dict(zip((NARROWER, WIDER), numbers, strict=True)) | {"gaps": len(effects)})
    return pd.DataFrame(rows, columns=[*cost.columns, NARROWER, WIDER, "gaps"])


def _sentences(counted: pd.DataFrame, cost: pd.DataFrame) -> list[str]:
    """Which methods lower gaps, and widen none; which were not judged or not applied, and why."""
    judged = counted[counted[NARROWER] >= 0]
    lowers, widens = judged[NARROWER] > 0, judged[WIDER] > 0
    found = [
        f"{words}: {', '.join(map(_numbers, own.to_dict('records')))}."
        for words, own in (
            ("Lower gaps on these data beyond noise, and widen none", judged[lowers & ~widens]),
            ("Lower some gaps and widen others", judged[lowers & widens]),
            ("Widen gaps and lower none", judged[~lowers & widens]),
            ("Change no gap beyond noise", judged[~lowers & ~widens]),
        )
        if len(own)
    ]
    found += [
        f"{fmt.words(row['method'])}: {row['note']}."
        for row in counted[counted[NARROWER] < 0].to_dict("records")
    ]
    return found + [
        f"Not applied: {', '.join(map(fmt.words, own['method']))}: {str(reason).rstrip('.')}."
        for reason, own in cost[cost["n"] == 0].groupby("note", sort=False)
    ]


def _caption(counted: pd.DataFrame) -> str:
    widest, leakage = _before(counted, "widest_gap"), _before(counted, "leakage", fmt.percent)
    chance = fmt.percent(float(counted["chance"].iloc[0]))
    return (
        f"Each method in one row; before, the widest gap is {widest} points and the linear leakage {leakage} "
        f"({chance} by chance)"
    )


def _before(counted: pd.DataFrame, name: str, words: Callable[[float], str] = fmt.points) -> str:
    """What all methods start from; the first one that was measured says it."""
    known = counted[f"{name}_before"].dropna()
    return words(float(known.iloc[0])) if len(known) else fmt.MISSING


def _numbers(row: Mapping[Any, Any]) -> str:
    counts = [f"{row[effect]} {effect}" for effect in (NARROWER, WIDER) if row[effect]]
    of = f" ({' and '.join(counts)} of {row['gaps']})" if counts else ""
    return f"{fmt.words(row['method'])}{of}"


def _count(number: int) -> str:
    return fmt.MISSING if number < 0 else fmt.integer(number)


_SUMMARY = (
    Column("method", "Method", fmt.words),
    Column(NARROWER, "Gaps narrower", _count, number=True),
    Column(WIDER, "Gaps wider", _count, number=True),
    Column("gaps", "Of", fmt.integer, number=True),
    Column("widest_gap_after", "Widest gap after, points", fmt.points, number=True),
    Column("utility_change", "Accuracy, change in points", fmt.points, number=True),
    Column(between("utility_low", "utility_high", fmt.points_interval), INTERVAL, number=True),
    Column("leakage_after", "Leakage, linear", fmt.percent, number=True),
)


def _costs(cost: pd.DataFrame) -> tuple[Column, ...]:
    """The columns of cost, those of captions where a method was measured by them."""
    captions = cost["image_to_text_before"].notna().any()
    return (*_COST, *(_CAPTIONS if captions else ()), NOTE)


def _of_specifications(row: Mapping[Any, Any]) -> str:
    return f"{row['narrower_in']} of {row['specifications']}"


def _of_seeds(row: Mapping[Any, Any]) -> str:
    return f"{row['narrower_in_seeds']} of {row['seeds']}" if row["seeds"] else fmt.MISSING


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
    Column(_of_specifications, "Smaller in specifications", number=True),
    Column(_of_seeds, "Smaller with seeds", number=True),
)
