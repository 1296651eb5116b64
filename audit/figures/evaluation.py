"""Drawings of an evaluation: accuracy by set, shift on logit axes, few-shot curves; each an SVG string."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import logit

from audit.figures.drawing import Panel
from audit.figures.layout import (
    DASHED_LINE,
    LEGEND_ROW_POINTS,
    MARKERS,
    Entry,
    axis_below,
    axis_left,
    draw_intervals,
    forest,
    legend,
    marked,
    panel,
    percent_limits,
    series_dash,
    series_mark,
    series_role,
    stack,
)
from audit.figures.scales import limits_around
from audit.figures.svg import to_svg
from audit.formatting import percent
from clipmodel.evaluation.robustness.baseline import Line

PLOT_ROWS = 15
ROOM = "100.0 %"
TICKS = (1, 2, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 98, 99)


def accuracy_by_set(rows: pd.DataFrame, *, name: str, title: str) -> str:
    """Draw a metric of each set with its interval and the chance level.

    Parameters
    ----------
    rows
        model, label, value, low, high, n, chance; one block per model.
    name, title
        Prefix of the ids inside the drawing, unique on its page; the accessible title.
    """
    shown = stack([(str(model), part) for model, part in rows.groupby("model", sort=False)])
    plot = forest(shown, n="n", x=percent_limits(shown["high"]), axis="%; the grey bar is a guess")
    chances = [(place, 100 * row["chance"]) for place, row in marked(shown)]
    plot.marks([chance for _, chance in chances], [place for place, _ in chances], shape="|", size=9,
               role="muted", edge_width=1.3)  # fmt: skip
    draw_intervals(plot, shown, centre="value", low="low", high="high")
    texts = [f"{row['label']} {percent(row['value'])}" for _, row in marked(shown)]
    return to_svg(plot.drawing, name=name, title=title, description=f"{'; '.join(texts)}.")


def shift_plot(rows: pd.DataFrame, line: Line | None, *, name: str, title: str) -> str:
    """Draw accuracy under shift against accuracy without it, on logit axes.

    Parameters
    ----------
    rows
        model, task, id_accuracy, id_low, id_high, shift_accuracy, shift_low, shift_high.
    line
        Standard models and their line; None if there are none for this shift.
    """
    # The logits of 0 and 1 are infinite.
    points = rows[(rows["id_accuracy"].between(0.001, 0.999)) & rows["shift_accuracy"].between(0.001, 0.999)]
    labels = [f"{row['model']}, {row['task']}" for row in points.to_dict("records")]
    below = 40 + LEGEND_ROW_POINTS * (len(labels) + (2 if line else 1))
    spans = [points["id_low"], points["id_high"], points["shift_low"], points["shift_high"]]
    values = np.concatenate([np.asarray(span, dtype=float) for span in spans])
    if line is not None:
        values = np.concatenate([values, line.models.ravel()])
    known = values[(values > 0.001) & (values < 0.999)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.1, 0.9)
    grid = np.linspace(logit(low) - 0.2, logit(high) + 0.2, 100)
    ends = (float(grid[0]), float(grid[-1]))
    plot = panel(rows=PLOT_ROWS, left=[ROOM], right=["0"], below=below, x=ends, y=ends)
    ticks = [tick for tick in TICKS if ends[0] <= logit(tick / 100) <= ends[1]]
    at = [float(logit(tick / 100)) for tick in ticks]
    axis_below(plot, label="accuracy without shift, %", ticks=at, names=[str(tick) for tick in ticks])
    axis_left(plot, label="accuracy under shift, %", ticks=at, names=[str(tick) for tick in ticks])
    plot.line(ends, ends, **DASHED_LINE)
    entries = [Entry(label="equal accuracy", role="muted", width=0.8, dash=DASHED_LINE["dash"])]
    if line is not None:
        models, predicted = logit(line.models), logit(line.predict(1 / (1 + np.exp(-grid))))
        plot.marks(models[:, 0].tolist(), models[:, 1].tolist(), shape="o", size=2.6, role="muted")
        plot.line(grid.tolist(), predicted.tolist(), role="muted", width=1.2)
        told = f"{len(line.models)} standard models and their line"
        entries.append(Entry(label=told, role="muted", shape="o", size=2.6))
    for index, (label, row) in enumerate(zip(labels, points.to_dict("records"), strict=True)):
        entries.append(_shift_point(plot, row, label=label, index=index))
    legend(plot.drawing, entries, columns=1)
    texts = [
        f"{label} {percent(row['id_accuracy'])} and {percent(row['shift_accuracy'])}"
        for label, row in zip(labels, points.to_dict("records"), strict=True)
    ]
    return to_svg(plot.drawing, name=name, title=title, description=f"{'; '.join(texts)}.")


def few_shot_curves(series: Sequence[tuple[str, pd.DataFrame]], *, name: str, title: str) -> str:
    """Draw accuracy against images per class.

    Parameters
    ----------
    series
        Label and a table of `few_shot_table` each.
    """
    below = 40 + LEGEND_ROW_POINTS * len(series)
    shots = sorted({int(shot) for _, table in series for shot in table["shots"]})
    ends = [100 * end for _, table in series for one in ("accuracy", "high") for end in table[one].tolist()]
    # Powers of two are at equal distances on this axis.
    x_limits, y_limits = limits_around(np.log2(shots).tolist()), (0.0, limits_around([0.0, *ends])[1])
    plot = panel(rows=PLOT_ROWS - 3, left=[ROOM], right=["0"], below=below, x=x_limits, y=y_limits)
    names = [str(shot) for shot in shots]
    axis_below(plot, label="training images per class", ticks=np.log2(shots).tolist(), names=names)
    axis_left(plot, label="accuracy, %")
    entries = []
    for index, (label, table) in enumerate(series):
        x, role = np.log2(table["shots"].to_numpy(dtype=float)).tolist(), series_role(index)
        values, lows, highs = ((100 * table[one]).tolist() for one in ("accuracy", "low", "high"))
        plot.spans(x, lows, highs, role=role, width=1.2, upright=True, opacity=0.6)
        dash, shape = series_dash(index, width=1.2), MARKERS[index % len(MARKERS)]
        plot.line(x, values, role=role, width=1.2, dash=dash)
        plot.marks(x, values, shape=shape, size=4.5, role=role)
        entries.append(Entry(label=label, role=role, shape=shape, size=4.5, width=1.2, dash=dash))
    legend(plot.drawing, entries, columns=1)
    ends_text = [f"{label} up to {percent(float(table['accuracy'].iloc[-1]))}" for label, table in series]
    return to_svg(plot.drawing, name=name, title=title, description=f"{'; '.join(ends_text)}.")


def _shift_point(plot: Panel, row: Mapping[Any, Any], *, label: str, index: int) -> Entry:
    """Draw a model with both intervals, cut at the edge; return its line of the legend."""
    x, y = float(logit(row["id_accuracy"])), float(logit(row["shift_accuracy"]))
    (left, right), (low, high) = (
        _logits(row["id_low"], row["id_high"]),
        _logits(row["shift_low"], row["shift_high"]),
    )
    role, look = series_role(index), series_mark(index)
    plot.spans([y], [left], [right], role=role, width=1.2)
    plot.spans([x], [low], [high], role=role, width=1.2, upright=True)
    plot.marks([x], [y], **look)
    return Entry(label=label, role=role, shape=look["shape"], size=look["size"], edge="paper")


def _logits(low: float, high: float) -> list[float]:
    # An end of 0 or 1 is drawn to just beyond the axis.
    return [float(logit(np.clip(value, 0.0005, 0.9995))) for value in (low, high)]
