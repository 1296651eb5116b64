"""Pareto plots of mitigations: what remains of a gap or a skew, against what it costs."""

from __future__ import annotations

import numpy as np
import pandas as pd

from audit.figures.layout import LEGEND_ROW_POINTS, MARKERS, Entry, axis_below, axis_left, legend, panel
from audit.figures.scales import limits_around
from audit.figures.svg import to_svg
from audit.formatting import percent, points

__all__ = ["pareto", "ranking_pareto"]

ROWS = 15.0
LEGEND_COLUMNS = 2
CONTROLS = ("none", "random")


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
    shown = cost[cost["utility_change"].notna() & cost["widest_gap_after"].notna()]
    marks = _marks(shown, x="utility", y=100 * shown["widest_gap_after"], scale=100.0)
    described = "; ".join(
        f"{row['method']}: gap {percent(row['widest_gap_after'])}, accuracy {points(row['utility_change'])}"
        for row in shown.to_dict("records")
    )
    return _drawn(
        marks, labels=("change of accuracy, percentage points", "widest gap that remains, points"),
        name=name, title=title, described=described,
    )  # fmt: skip


def ranking_pareto(costs: pd.DataFrame, *, x: str, scale: float, label: str, name: str, title: str) -> str:
    """Draw the skew that remains against the change of recall or similarity, one mark per method.

    Parameters
    ----------
    costs
        `audit.mitigation.ranking_costs.ranking_pareto`.
    x
        recall or similarity.
    scale
        What the changes are multiplied by: 100 for percentage points.
    label
        Of the horizontal axis.
    """
    shown = costs[costs[f"{x}_change"].notna() & costs["skew"].notna()]
    marks = _marks(shown, x=x, y=shown["skew"], scale=scale)
    described = "; ".join(
        f"{row['method']}: MaxSkew {row['skew']:.3f}, {x} {scale * row[f'{x}_change']:+.3f}"
        for row in shown.to_dict("records")
    )
    return _drawn(marks, labels=(label, "MaxSkew that remains"), name=name, title=title, described=described)


def _marks(shown: pd.DataFrame, *, x: str, y: pd.Series, scale: float) -> pd.DataFrame:
    """method, x, low, high, y of each mark."""
    ends = {
        end: scale * shown[f"{x}_{name}"] for end, name in (("x", "change"), ("low", "low"), ("high", "high"))
    }
    return pd.DataFrame({"method": shown["method"], **ends, "y": y})


def _drawn(marks: pd.DataFrame, *, labels: tuple[str, str], name: str, title: str, described: str) -> str:
    rows = marks.to_dict("records")
    x = limits_around(row[end] for row in rows for end in ("low", "high", "x"))
    top = limits_around([0.0, *(row["y"] for row in rows)])[1]
    below = 40 + LEGEND_ROW_POINTS * -(-len(rows) // LEGEND_COLUMNS)
    plot = panel(rows=ROWS, left=["100 %"], right=["00"], above=6, below=below, x=x, y=(0.0, top))
    axis_below(plot, label=labels[0])
    axis_left(plot, label=labels[1])
    entries = []
    for place, row in enumerate(rows):
        role = "muted" if row["method"] in CONTROLS else "ink"
        # A model trained once has no interval: another seed may change it as much.
        alone = not np.isfinite([row["low"], row["high"]]).all()
        if not alone:
            plot.spans([row["y"]], [row["low"]], [row["high"]], role=role, width=0.9)
        shape, fill = MARKERS[place % len(MARKERS)], role if place < len(MARKERS) else "paper"
        plot.marks([row["x"]], [row["y"]], shape=shape, size=5, role=role, fill=fill)
        label = str(row["method"]).replace("_", " ") + (" *" if alone else "")
        entries.append(Entry(label=label, role=role, shape=shape, fill=fill, edge=role))
    legend(plot.drawing, entries, columns=LEGEND_COLUMNS)
    return to_svg(plot.drawing, name=name, title=title, description=described)
