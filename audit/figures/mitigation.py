"""The Pareto plot of mitigations: how wide the widest gap remains, against what it costs in accuracy."""

from __future__ import annotations

import numpy as np
import pandas as pd

from audit.figures.layout import LEGEND_ROW_POINTS, MARKERS, Entry, axis_below, axis_left, legend, panel
from audit.figures.scales import limits_around
from audit.figures.svg import to_svg
from audit.formatting import percent, points

ROWS = 15.0
LEGEND_COLUMNS = 3


def pareto(cost: pd.DataFrame, *, name: str, title: str) -> str:
    """Draw the widest gap that remains against the change of accuracy, one mark per method.

    Parameters
    ----------
    cost
        `audit.mitigation.mitigation_tables.cost_frame`. Methods without an accuracy are left out.
    name
        Prefix of the ids inside the figure.
    title
        The accessible title.
    """
    shown = cost[cost["utility_change"].notna() & cost["widest_gap_after"].notna()].reset_index(drop=True)
    rows = shown.to_dict("records")
    x = limits_around(
        100 * row[end] for row in rows for end in ("utility_low", "utility_high", "utility_change")
    )
    top = limits_around([0.0, *(100 * row["widest_gap_after"] for row in rows)])[1]
    below = 40 + LEGEND_ROW_POINTS * -(-len(rows) // LEGEND_COLUMNS)
    plot = panel(rows=ROWS, left=["100 %"], right=["00"], above=6, below=below, x=x, y=(0.0, top))
    axis_below(plot, label="change of accuracy, percentage points")
    axis_left(plot, label="widest gap that remains, points")
    entries = []
    for place, row in enumerate(rows):
        role = "muted" if row["method"] in ("none", "random") else "ink"
        x_at, y_at = 100 * row["utility_change"], 100 * row["widest_gap_after"]
        ends = [100 * row["utility_low"]], [100 * row["utility_high"]]
        plot.spans([y_at], *ends, role=role, width=0.9)
        shape, fill = MARKERS[place % len(MARKERS)], role if place < len(MARKERS) else "paper"
        plot.marks([x_at], [y_at], shape=shape, size=5, role=role, fill=fill)
        label = str(row["method"]).replace("_", " ")
        entries.append(Entry(label=label, role=role, shape=shape, fill=fill, edge=role))
    legend(plot.drawing, entries, columns=LEGEND_COLUMNS)
    return to_svg(plot.drawing, name=name, title=title, description=_described(shown))


def _described(shown: pd.DataFrame) -> str:
    return "; ".join(
        f"{row['method']}: gap {percent(row['widest_gap_after'])}, accuracy {points(row['utility_change'])}"
        for row in shown.to_dict("records")
        if not np.isnan(row["utility_change"])
    )
