"""Drawings of an evaluation: accuracy by set, shift on logit axes, few-shot curves; each an SVG string."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.special import logit

from audit.figures.layout import (
    DASHED_LINE,
    DASHES,
    LEGEND_ROW_POINTS,
    MARKERS,
    canvas,
    draw_intervals,
    forest_canvas,
    marked,
    percent_limits,
    series_colour,
    series_mark,
    stack,
)
from audit.figures.svg import ROLES, to_svg
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
    with forest_canvas(shown, n="n") as (figure, ax):
        for place, row in marked(shown):
            if np.isfinite(row["chance"]):
                ax.plot(100 * row["chance"], place, marker="|", markersize=9, color=ROLES["muted"])
        draw_intervals(ax, shown, centre="value", low="low", high="high")
        percent_limits(ax, shown["high"])
        ax.set_xlabel("%; the grey bar is a guess")
    texts = [f"{row['label']} {percent(row['value'])}" for _, row in marked(shown)]
    return to_svg(figure, name=name, title=title, description=f"{'; '.join(texts)}.")


def shift_plot(rows: pd.DataFrame, line: Line | None, *, name: str, title: str) -> str:
    """Draw accuracy under shift against accuracy without it, on logit axes.

    Parameters
    ----------
    rows
        model, task, id_accuracy, id_low, id_high, shift_accuracy, shift_low, shift_high.
    line
        Standard models and their line; None if there are none for this shift.
    """
    points = rows[(rows["id_accuracy"].between(0.001, 0.999)) & rows["shift_accuracy"].between(0.001, 0.999)]
    labels = [f"{row['model']}, {row['task']}" for row in points.to_dict("records")]
    below = 40 + LEGEND_ROW_POINTS * (len(labels) + (2 if line else 1))
    with canvas(rows=PLOT_ROWS, left=[ROOM], right=["0"], below=below) as (figure, ax):
        spans = [points["id_low"], points["id_high"], points["shift_low"], points["shift_high"]]
        values = np.concatenate([np.asarray(span, dtype=float) for span in spans])
        if line is not None:
            values = np.concatenate([values, line.models.ravel()])
        known = values[(values > 0.001) & (values < 0.999)]
        low, high = (float(known.min()), float(known.max())) if len(known) else (0.1, 0.9)
        grid = np.linspace(logit(low) - 0.2, logit(high) + 0.2, 100)
        ax.plot(grid, grid, label="equal accuracy", **DASHED_LINE)
        if line is not None:
            place = 1 / (1 + np.exp(-grid))
            known_models = f"{len(line.models)} standard models and their line"
            at = logit(line.models)
            ax.plot(at[:, 0], at[:, 1], "o", markersize=2.6, color=ROLES["muted"], label=known_models)
            ax.plot(grid, logit(line.predict(place)), color=ROLES["muted"], linewidth=1.2)
        for index, (label, row) in enumerate(zip(labels, points.to_dict("records"), strict=True)):
            x, y = logit(row["id_accuracy"]), logit(row["shift_accuracy"])
            colour = series_colour(index)
            ax.plot(_logits(row["id_low"], row["id_high"]), [y, y], color=colour, linewidth=1.2)
            ax.plot([x, x], _logits(row["shift_low"], row["shift_high"]), color=colour, linewidth=1.2)
            ax.plot(x, y, label=label, **series_mark(index))
        ticks = [tick for tick in TICKS if logit(low) - 0.3 <= logit(tick / 100) <= logit(high) + 0.3]
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_ticks([float(logit(tick / 100)) for tick in ticks], [str(tick) for tick in ticks])
        ax.set(xlabel="accuracy without shift, %", ylabel="accuracy under shift, %")
        ax.set_xlim(grid[0], grid[-1])
        ax.set_ylim(grid[0], grid[-1])
        ax.grid(axis="both", color=ROLES["grid"], linewidth=0.6)
        figure.legend(*ax.get_legend_handles_labels(), loc="lower center", ncols=1)
    texts = [
        f"{label} {percent(row['id_accuracy'])} and {percent(row['shift_accuracy'])}"
        for label, row in zip(labels, points.to_dict("records"), strict=True)
    ]
    return to_svg(figure, name=name, title=title, description=f"{'; '.join(texts)}.")


def few_shot_curves(series: Sequence[tuple[str, pd.DataFrame]], *, name: str, title: str) -> str:
    """Draw accuracy against images per class.

    Parameters
    ----------
    series
        Label and a table of `few_shot_table` each.
    """
    below = 40 + LEGEND_ROW_POINTS * len(series)
    with canvas(rows=PLOT_ROWS - 3, left=[ROOM], right=["0"], below=below) as (figure, ax):
        shots = sorted({int(shot) for _, table in series for shot in table["shots"]})
        for index, (label, table) in enumerate(series):
            x, colour = np.log2(table["shots"].to_numpy(dtype=float)), series_colour(index)
            ends = np.column_stack([100 * table["low"], 100 * table["high"], np.full(len(table), np.nan)])
            ax.plot(np.repeat(x, 3), ends.ravel(), color=colour, linewidth=1.2, alpha=0.6)
            dash = DASHES[index % len(DASHES)]
            ax.plot(
                x, 100 * table["accuracy"], label=label, color=colour, marker=MARKERS[index % len(MARKERS)],
                markersize=4.5, linewidth=1.2, linestyle=(0, dash) if dash else "-",
            )  # fmt: skip
        ax.set_xticks(np.log2(shots), [str(shot) for shot in shots])
        ax.set(xlabel="training images per class", ylabel="accuracy, %")
        ax.set_ylim(0, None)
        ax.grid(axis="both", color=ROLES["grid"], linewidth=0.6)
        figure.legend(*ax.get_legend_handles_labels(), loc="lower center", ncols=1)
    ends_text = [f"{label} up to {percent(float(table['accuracy'].iloc[-1]))}" for label, table in series]
    return to_svg(figure, name=name, title=title, description=f"{'; '.join(ends_text)}.")


def _logits(low: float, high: float) -> list[float]:
    return [float(logit(np.clip(value, 0.0005, 0.9995))) for value in (low, high)]
