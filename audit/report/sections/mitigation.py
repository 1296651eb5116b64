"""The page of `clip-audit mitigate`: a summary, the Pareto plot, the two tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from audit import formatting as fmt
from audit.figures.mitigation import pareto
from audit.mitigation.tables import NARROWER, WIDER
from audit.report.components import Drawing, Table, number_columns, text_columns

GAPS_SHOWN = 400
"""Rows of gaps on the page; all of them are in mitigation.csv."""


def mitigation_page(
    gaps: pd.DataFrame,
    cost: pd.DataFrame,
    *,
    about: Mapping[str, Any],
    methods: Mapping[str, Mapping[str, str]],
) -> dict[str, Any]:
    """Return what the template `mitigation.html.j2` shows.

    Parameters
    ----------
    gaps, cost
        As `audit.mitigation.tables` makes them.
    about
        suite, model, data, attribute, fitted, measured.
    methods
        Method -> `about` and `source`.
    """
    return {
        "title": f"What mitigations change: {about['model']}",
        "about": about,
        "sentences": [_sentence(row, gaps) for row in cost.to_dict("records")],
        "figure": Drawing(
            svg=pareto(cost, name="pareto", title="Widest gap that remains against change of accuracy"),
            caption="Each mark is a method; down is a smaller widest gap, left a loss of accuracy. Lines are "
            "95 % intervals of the change of accuracy. Grey: controls. No score joins the two.",
            table="cost",
        ),
        "cost": _cost_table(cost),
        "gaps": _gap_table(
            gaps.sort_values("p_adjusted", kind="stable", na_position="last").head(GAPS_SHOWN)
        ),
        "all_shown": len(gaps) <= GAPS_SHOWN,
        "methods": [{"name": name, **words} for name, words in methods.items()],
    }


def _sentence(row: Mapping[Any, Any], gaps: pd.DataFrame) -> str:
    if row["note"]:
        return f"{fmt.words(row['method'])}: not applied. {row['note']}"
    own = gaps[gaps["method"] == row["method"]]
    narrower, wider = (int((own["effect"] == effect).sum()) for effect in (NARROWER, WIDER))
    return (
        f"{fmt.words(row['method'])}: lowers {narrower} and widens {wider} of {len(own)} gaps on these "
        f"data beyond noise; accuracy changes by {fmt.points(row['utility_change'])} points "
        f"{fmt.points_interval(row['utility_low'], row['utility_high'])}; a linear classifier reads the "
        f"attribute from {fmt.percent(row['leakage_after'])} of the images "
        f"({fmt.percent(row['leakage_before'])} before, {fmt.percent(row['chance'])} by chance)."
    )


def _cost_table(cost: pd.DataFrame) -> Table:
    columns = [
        *text_columns("Method"),
        *number_columns(
            "Widest gap before, points", "After", "Leakage, linear, before", "After", "Change, points",
            "Leakage, non-linear, before", "After", "Accuracy before", "After", "Change, points",
            "95 % interval",
        ),
        *text_columns("Note"),
    ]  # fmt: skip
    rows = [
        [
            fmt.words(row["method"]), fmt.points(row["widest_gap_before"]),
            fmt.points(row["widest_gap_after"]),
            fmt.percent(row["leakage_before"]), fmt.percent(row["leakage_after"]),
            fmt.points(row["leakage_change"]), fmt.percent(row["nonlinear_before"]),
            fmt.percent(row["nonlinear_after"]), fmt.percent(row["utility_before"]),
            fmt.percent(row["utility_after"]), fmt.points(row["utility_change"]),
            fmt.points_interval(row["utility_low"], row["utility_high"]), row["note"],
        ]
        for row in cost.to_dict("records")
    ]  # fmt: skip
    return Table(caption="What each method costs", columns=columns, rows=rows, id="cost")


def _gap_table(gaps: pd.DataFrame) -> Table:
    columns = [
        *text_columns("Method", "Probe", "Outcome", "Group", "Reference"),
        *number_columns("n", "Gap before, points", "After", "Change", "95 % interval", "Adjusted p"),
        *text_columns("Effect"),
    ]
    rows: Sequence[Sequence[str]] = [
        [
            fmt.words(row["method"]), fmt.words(row["probe"]), fmt.words(row["outcome"]), row["group"],
            row["reference"], fmt.integer(row["n_group"]), fmt.points(row["before"]),
            fmt.points(row["after"]), fmt.points(row["change"]), fmt.points_interval(row["low"], row["high"]),
            fmt.p_value(row["p_adjusted"]), row["effect"],
        ]
        for row in gaps.to_dict("records")
    ]  # fmt: skip
    return Table(caption="What each method does to every gap", columns=columns, rows=rows, id="gaps")
