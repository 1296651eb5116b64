"""Drawings of a training run: the loss, and whatever was measured, against the epoch; each an SVG string."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes

from audit.figures.layout import DASHES, LEGEND_ROW_POINTS, MARKERS, canvas, series_colour
from audit.figures.replacement import replaceable
from audit.figures.svg import ROLES, to_svg
from audit.formatting import words

PLOT_ROWS = 12
BINS = 150  # of steps, in a drawing of the loss
LOSS_ROOM, PERCENT_ROOM = "10.000", "\N{MINUS SIGN}100.00"  # the longest number of an axis, and its label


@replaceable
def loss_curve(log: pd.DataFrame, *, name: str, title: str) -> str:
    """Draw the loss of every step: its mean over neighbouring steps, in the band of nine tenths of them.

    Parameters
    ----------
    log
        `TrainingHistory.log`.
    name
        Prefix of the ids inside the drawing, unique on its page.
    title
        The accessible title.
    """
    bins = np.arange(len(log)) * min(BINS, len(log)) // max(1, len(log))
    shown = log.groupby(bins).agg(
        epoch=("epoch", "mean"),
        loss=("loss", "mean"),
        low=("loss", lambda part: part.quantile(0.05)),
        high=("loss", lambda part: part.quantile(0.95)),
    )
    with canvas(rows=PLOT_ROWS, left=[LOSS_ROOM], right=["0"]) as (figure, ax):
        ax.fill_between(
            shown["epoch"], shown["low"], shown["high"], color=ROLES["accent"], alpha=0.2, linewidth=0
        )
        sns.lineplot(data=shown, x="epoch", y="loss", ax=ax, color=ROLES["accent"], linewidth=1.4)
        ax.set(xlabel="epoch", ylabel="contrastive loss")
        _both_grids(ax)
    first, last = log["loss"].iloc[0], shown.iloc[-1]
    description = f"From {first:.2f} to {last['loss']:.2f} at epoch {last['epoch']:.1f}."
    return to_svg(figure, name=name, title=title, description=description)


@replaceable
def measure_curves(rows: pd.DataFrame, *, axis: str, name: str, title: str, zero: bool = False) -> str:
    """Draw series of shares against the epoch, each point with its interval.

    Parameters
    ----------
    rows
        epoch, series, value, low, high; shares or differences of shares. Where there is a column holds, a
        filled mark is one that holds and an open one is any other. NaN is left out.
    axis
        Label of the vertical axis.
    zero
        Mark zero with a line, and let the axis reach below it.
    name, title
        As for `loss_curve`.
    """
    series = list(dict.fromkeys(rows["series"]))
    below = 40 + LEGEND_ROW_POINTS * -(-len(series) // 2)
    with canvas(rows=PLOT_ROWS, left=[PERCENT_ROOM], right=["0"], below=below) as (figure, ax):
        if zero:
            ax.axhline(0, color=ROLES["ink"], linewidth=0.9)
        for index, one in enumerate(series):
            part = rows[(rows["series"] == one) & rows["value"].notna()]
            _draw_series(ax, part, label=words(one), index=index)
        ax.set(xlabel="epoch", ylabel=axis)
        if not zero:
            ax.set_ylim(0, min(103.0, 105 * max(0.01, float(np.nanmax(rows["high"], initial=0.0)))))
        _both_grids(ax)
        figure.legend(*ax.get_legend_handles_labels(), loc="lower center", ncols=2, handlelength=3)
    return to_svg(figure, name=name, title=title, description=_described(rows, series))


def _draw_series(ax: Axes, part: pd.DataFrame, *, label: str, index: int) -> None:
    """A line at its true epochs, in the band of its intervals: bars would have to be moved apart."""
    colour, x = series_colour(index), part["epoch"]
    ax.fill_between(
        x, 100 * part["low"].astype(float), 100 * part["high"].astype(float), color=colour, alpha=0.12,
        linewidth=0,
    )  # fmt: skip
    if len(part) == 1:  # a band of one point cannot be seen
        ax.vlines(x, 100 * part["low"], 100 * part["high"], color=colour, linewidth=1.2, alpha=0.5)
    strong = part["holds"].to_numpy(dtype=bool) if "holds" in part else np.ones(len(part), dtype=bool)
    style: dict[str, Any] = {
        "color": colour, "marker": MARKERS[index % len(MARKERS)], "markersize": 4.5, "clip_on": False
    }  # fmt: skip
    dash = DASHES[index % len(DASHES)]
    line: dict[str, Any] = {"linewidth": 1.2, "linestyle": (0, dash) if dash else "-"}
    ax.plot(x, 100 * part["value"], label=label, markevery=strong.nonzero()[0].tolist(), **style, **line)
    ax.plot(
        x[~strong], 100 * part["value"][~strong], linestyle="none", markerfacecolor=ROLES["paper"], **style
    )


def _both_grids(ax: Axes) -> None:
    ax.grid(axis="both", color=ROLES["grid"], linewidth=0.6, clip_on=False)


def _described(rows: pd.DataFrame, series: Sequence[str]) -> str:
    last = rows[rows["value"].notna()].drop_duplicates("series", keep="last").set_index("series")
    ends = [f"{words(one)} {100 * last['value'][one]:.1f}" for one in series if one in last.index]
    epoch = f" at epoch {rows['epoch'].max():.1f}" if len(rows) else ""
    return f"Last values in percent{epoch}: {'; '.join(ends)}."
