"""A rate along an attribute that has an order: the smooth curve, its intervals, and the groups beside it."""

from __future__ import annotations

import textwrap

import pandas as pd

from audit.figures.layout import canvas
from audit.figures.svg import ROLES, to_svg
from audit.formatting import percent, words

ROWS = 11.0
NAMED = 7  # groups whose names fit below the axis
WIDTH = 9  # letters of a line of them


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
    with canvas(rows=ROWS, left=["100 %"], above=6, below=52) as (figure, ax):
        ax.grid(axis="y", color=ROLES["grid"], linewidth=0.6)
        at = shown["at"].to_numpy()
        ax.fill_between(at, 100 * shown["low"], 100 * shown["high"], color=ROLES["heat-1"], linewidth=0)
        ax.plot(at, 100 * shown["rate"].to_numpy(), color=ROLES["accent"], linewidth=1.5)
        if len(bins):
            x = bins["at"].to_numpy()
            ax.vlines(x, 100 * bins["low"], 100 * bins["high"], color=ROLES["muted"], linewidth=0.9)
            ax.plot(x, 100 * bins["rate"].to_numpy(), "o", color=ROLES["ink"], markersize=3.5)
            if len(bins) <= NAMED:
                ax.set_xticks(x, [textwrap.fill(name, WIDTH) for name in bins["group"].map(words)])
        ax.set_xlabel(axis)
        ax.set_ylabel("% of images")
        ax.set_ylim(bottom=0)
    ends = [shown.iloc[0], shown.iloc[-1]]
    told = "; ".join(f"{row['at']:g}: {percent(row['rate'])}" for row in ends)
    return to_svg(figure, name=name, title=title, description=f"From end to end, {told}")
