"""Drawings of a training run: the loss, and whatever was measured, against the epoch; each an SVG string."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from audit.figures.drawing import Panel
from audit.figures.layout import (
    LEGEND_ROW_POINTS,
    MARKERS,
    Entry,
    axis_below,
    axis_left,
    legend,
    panel,
    series_dash,
    series_role,
)
from audit.figures.replacement import replaceable
from audit.figures.scales import limits_around
from audit.figures.svg import to_svg
from audit.formatting import words

PLOT_ROWS = 12
WIDTH = 1.2  # of a curve, in points
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
    # At most 150 bins: steps of a long run are more than there are pixels.
    bins = np.arange(len(log)) * min(BINS, len(log)) // max(1, len(log))
    shown = log.groupby(bins).agg(
        epoch=("epoch", "mean"),
        loss=("loss", "mean"),
        # 5 % and 95 %: the band shows the spread between batches, not an interval.
        low=("loss", lambda part: part.quantile(0.05)),
        high=("loss", lambda part: part.quantile(0.95)),
    )
    epochs, losses, lows, highs = (shown[one].tolist() for one in ("epoch", "loss", "low", "high"))
    plot = panel(
        rows=PLOT_ROWS, left=[LOSS_ROOM], right=["0"], x=limits_around(epochs),
        y=limits_around([*lows, *highs, *losses]),
    )  # fmt: skip
    axis_below(plot, label="epoch")
    axis_left(plot, label="contrastive loss")
    plot.band(epochs, lows, highs, role="accent", opacity=0.2)
    plot.line(epochs, losses, role="accent", width=1.4)
    first, last = log["loss"].iloc[0], shown.iloc[-1]
    description = f"From {first:.2f} to {last['loss']:.2f} at epoch {last['epoch']:.1f}."
    return to_svg(plot.drawing, name=name, title=title, description=description)


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
    ends = 100 * rows[["value", "low", "high"]].to_numpy(dtype=float).ravel()
    y = (
        limits_around([0.0, *ends]) if zero
        else (0.0, min(103.0, 1.05 * max(1.0, float(np.nan_to_num(100 * rows["high"].max())))))
    )  # fmt: skip
    x = limits_around(rows["epoch"])
    plot = panel(rows=PLOT_ROWS, left=[PERCENT_ROOM], right=["0"], below=below, x=x, y=y)
    axis_below(plot, label="epoch")
    axis_left(plot, label=axis)
    if zero:
        plot.level(0, role="ink", width=0.9)
    for index, one in enumerate(series):
        _draw_series(plot, rows[(rows["series"] == one) & rows["value"].notna()], index=index)
    entries = [
        Entry(label=words(one), role=series_role(i), shape=MARKERS[i % len(MARKERS)], size=4.5, width=WIDTH,
              dash=series_dash(i, width=WIDTH))
        for i, one in enumerate(series)
    ]  # fmt: skip
    legend(plot.drawing, entries, columns=2)
    return to_svg(plot.drawing, name=name, title=title, description=_described(rows, series))


def _draw_series(plot: Panel, part: pd.DataFrame, *, index: int) -> None:
    """A line at its true epochs, in the band of its intervals: bars would have to be moved apart."""
    role, shape = series_role(index), MARKERS[index % len(MARKERS)]
    epochs = part["epoch"].tolist()
    values, lows, highs = ((100 * part[one].astype(float)).tolist() for one in ("value", "low", "high"))
    plot.band(epochs, lows, highs, role=role, opacity=0.12)
    if len(part) == 1:  # a band of one point cannot be seen
        plot.spans(epochs, lows, highs, role=role, width=WIDTH, upright=True, opacity=0.5)
    plot.line(epochs, values, role=role, width=WIDTH, dash=series_dash(index, width=WIDTH))
    strong = part["holds"].to_numpy(dtype=bool) if "holds" in part else np.ones(len(part), dtype=bool)
    for own, fill in ((strong, role), (~strong, "paper")):
        at = np.flatnonzero(own)
        xs, ys = [epochs[place] for place in at], [values[place] for place in at]
        plot.marks(xs, ys, shape=shape, size=4.5, role=role, fill=fill)


def _described(rows: pd.DataFrame, series: Sequence[str]) -> str:
    last = rows[rows["value"].notna()].drop_duplicates("series", keep="last").set_index("series")
    ends = [f"{words(one)} {100 * last['value'][one]:.1f}" for one in series if one in last.index]
    epoch = f" at epoch {rows['epoch'].max():.1f}" if len(rows) else ""
    return f"Last values in percent{epoch}: {'; '.join(ends)}."
