"""A rate along an attribute that has an order: the smooth curve, its intervals, and the groups beside it."""

from __future__ import annotations

import textwrap

import pandas as pd

from audit.figures.layout import axis_below, axis_left, panel
from audit.figures.replacement import replaceable
from audit.figures.scales import limits_around
from audit.figures.svg import to_svg
from audit.formatting import percent, words

ROWS = 11.0
NAMED = 7  # groups whose names fit below the axis
WIDTH = 9  # letters of a line of them


@replaceable
def trend_curve(curve: pd.DataFrame, *, bins: pd.DataFrame, name: str, title: str, axis: str) -> str:
    """Draw a smooth rate with its band, and the rates of the groups as marks with their intervals.

    Parameters
    ----------
    curve, bins
        Columns at, rate, low, high; of the bins also group, which few of them write at the axis.
    name
        Prefix of the ids inside the figure.
    title
        The accessible title.
    axis
        What the attribute is called.
    """
    shown = curve.sort_values("at")
    at, x = shown["at"].tolist(), bins["at"].tolist() if len(bins) else []
    rates, lows, highs = ((100 * shown[one]).tolist() for one in ("rate", "low", "high"))
    own = [
        [100 * value for value in bins[one].tolist()] if len(bins) else [] for one in ("rate", "low", "high")
    ]
    top = limits_around([0.0, *highs, *rates, *own[0], *own[2]])[1]
    named = 0 < len(bins) <= NAMED
    plot = panel(
        rows=ROWS, left=["100 %"], right=["00"], above=6, below=52, x=limits_around([*at, *x]), y=(0.0, top)
    )
    axis_left(plot, label="% of images")
    names = [textwrap.fill(words(group), WIDTH) for group in bins["group"]] if named else None
    axis_below(plot, label=axis, ticks=x if named else None, names=names, grid=False)
    plot.band(at, lows, highs, role="heat-1")
    plot.line(at, rates, role="accent", width=1.5)
    plot.spans(x, own[1], own[2], role="muted", width=0.9, upright=True)
    plot.marks(x, own[0], shape="o", size=3.5, role="ink")
    ends = [shown.iloc[0], shown.iloc[-1]]
    told = "; ".join(f"{row['at']:g}: {percent(row['rate'])}" for row in ends)
    return to_svg(plot.drawing, name=name, title=title, description=f"From end to end, {told}")
