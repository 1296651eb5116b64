"""The drawings of the report, each from one tidy frame of an `AuditResult` and each an SVG string.

Every drawing is 324 points wide, so that its lettering stays legible on a phone and two stand side by side
on a desk. Meaning is carried by shape, position or dash as well as by colour. The ids of a drawing start with
its `name`, which is to be unique on its page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from audit.figures.layout import (
    DASHED_LINE,
    DASHES,
    LEGEND_ROW_POINTS,
    MARKERS,
    against_blocks,
    canvas,
    draw_intervals,
    forest_around_zero,
    forest_canvas,
    label_left,
    marked,
    n_words,
    ordered,
    percent_limits,
    series_colour,
    series_mark,
    stack,
)
from audit.figures.replacement import replaceable
from audit.figures.svg import ROLES, to_svg
from audit.formatting import counted, in_order, percent, points, words
from audit.tables.group_counts import group_attributes
from probes.records import ALL

__all__ = [
    "MeasureUnit",
    "design_dumbbell",
    "difference_forest",
    "intersection_map",
    "measure_forest",
    "rate_forest",
    "threshold_curves",
]

MeasureUnit = Literal["share", "points", "effect"]
MEASURE_AXES: dict[MeasureUnit, str] = {
    "share": "% of n",
    "points": "percentage points",
    "effect": "effect size",
}
HEAT_STEPS = 7
CURVE_POINTS = 50
BAND_POINTS = 15
"""Points of a shaded band: more would be seen by nobody and double the page."""


@replaceable
def rate_forest(rates: pd.DataFrame, *, attributes: Sequence[str], name: str, title: str, axis: str) -> str:
    """Draw the rate of every group, attribute by attribute, with its interval, n and (in brackets) clusters.

    Parameters
    ----------
    rates
        Rows of `AuditResult.rates` or `.accuracy` of one specification and outcome. The row in which every
        attribute is "(all)" becomes the dashed line. A row whose rate is NaN keeps its place, without a mark.
    attributes
        Which attributes to show, one block each; rows split by two attributes at once are left out.
    name
        Prefix of the ids inside the drawing, unique on its page.
    title, axis
        The accessible title and the label under the axis.
    """
    rows = _group_rows(rates, attributes=attributes)
    overall = rates[_split_by(rates) == 0]
    with forest_canvas(rows, n="n") as (figure, ax):
        for rate in overall["rate"]:
            ax.axvline(100 * rate, **DASHED_LINE)
        draw_intervals(ax, rows, centre="rate", low="low", high="high")
        percent_limits(ax, rows["high"])
        ax.set_xlabel(axis)
    shares = [
        f"{row['label']} {percent(row['rate'])}, n {counted(row['n'], row.get('clusters'))}"
        for _, row in marked(rows)
    ]
    return to_svg(figure, name=name, title=title, description=f"{axis}: {'; '.join(shares)}.")


@replaceable
def difference_forest(gaps: pd.DataFrame, *, name: str, title: str) -> str:
    """Draw the difference of every group from its reference with its Newcombe interval and a line at zero.

    Parameters
    ----------
    gaps
        Rows of `AuditResult.gaps` of one specification and outcome. A filled diamond marks a difference whose
        adjusted p is below .05, an open circle any other.
    name, title
        As for `rate_forest`.
    """
    return forest_around_zero(
        against_blocks(gaps), centre="difference", low="difference_low", high="difference_high", n="n_group",
        axis="difference, percentage points", name=name, title=title,
        lead="Difference from the reference in percentage points",
    )  # fmt: skip


@replaceable
def design_dumbbell(
    rates: pd.DataFrame, *, attributes: Sequence[str], name: str, title: str, axis: str
) -> str:
    """Draw the same rate under every class design, one row a group, the designs joined by a line.

    Parameters
    ----------
    rates
        Rows of `AuditResult.rates` that differ in design only: one template, rule, threshold and outcome.
    attributes, name, title, axis
        As for `rate_forest`.
    """
    designs = list(dict.fromkeys(rates["design"]))
    rows = _group_rows(rates[rates["design"] == designs[0]], attributes=attributes)
    keys = group_attributes(rates)
    by_design = {design: part.set_index(keys)["rate"] for design, part in rates.groupby("design")}
    below = 40 + LEGEND_ROW_POINTS * -(-len(designs) // 2)
    with forest_canvas(rows, n="n", below=below) as (figure, ax):
        for place, row in marked(rows):
            cell = tuple(row[key] for key in keys)
            values = [100 * by_design[design].loc[cell] for design in designs]
            ax.plot([min(values), max(values)], [place] * 2, color=ROLES["muted"], linewidth=1.4, zorder=1,
                    clip_on=False)  # fmt: skip
            for index, value in enumerate(values):
                ax.plot(value, place, **series_mark(index))
        percent_limits(ax, rates.loc[_split_by(rates) <= 1, "rate"])
        ax.set_xlabel(axis)
        handles = [ax.plot([], [], label=words(d), **series_mark(i))[0] for i, d in enumerate(designs)]
        figure.legend(handles=handles, loc="lower center", ncols=2)
    spans = [f"{words(d)} {percent(by_design[d].min())} to {percent(by_design[d].max())}" for d in designs]
    description = f"Range of the groups' rates by class design: {'; '.join(spans)}."
    return to_svg(figure, name=name, title=title, description=description)


@replaceable
def threshold_curves(
    rates: pd.DataFrame, *, attribute: str, name: str, title: str, axis: str, thresholds: Sequence[float] = ()
) -> str:
    """Draw the rate of each group against the threshold, with its simultaneous band shaded.

    Parameters
    ----------
    rates
        Rows of `AuditResult.curves` of one probe, class design, template and outcome.
    thresholds
        Thresholds to mark with a vertical line; on it every group has its interval, side by side.
    attribute, name, title, axis
        As for `rate_forest`.
    """
    shown = rates[(_split_by(rates) == 1) & (rates[attribute] != ALL)]
    shown = shown.assign(percent=100 * shown["rate"])
    groups = in_order(shown[attribute])
    points_kept = sorted(set(shown["threshold"]))[:: max(1, shown["threshold"].nunique() // CURVE_POINTS)]
    drawn = shown[shown["threshold"].isin(points_kept)]
    every = max(1, len(points_kept) // 10)
    below = 40 + LEGEND_ROW_POINTS * -(-len(groups) // 3)
    with canvas(rows=12, left=["100000"], right=["0"], below=below) as (figure, ax):
        _shade_bands(ax, shown, attribute=attribute, groups=groups)
        _mark_thresholds(ax, shown, attribute=attribute, groups=groups, thresholds=thresholds)
        for index, group in enumerate(groups):
            own = drawn[(drawn[attribute] == group) & drawn["percent"].notna()].sort_values("threshold")
            ax.plot(own["threshold"], own["percent"], **_curve_style(index), markevery=every)
        handles = [Line2D([], [], label=words(group), **_curve_style(i)) for i, group in enumerate(groups)]
        figure.legend(handles=handles, loc="lower center", ncols=3, handlelength=3)
        # Every curve starts at 100 % at a threshold of 0, which would press the rest to the ground.
        beyond = shown.loc[shown["threshold"] >= min(thresholds, default=0.0) / 2, "percent"]
        top = min(102.0, 1.1 * beyond.max() + 1)
        ax.set(xlabel="threshold on the probability", ylabel=axis, xlim=(0, 1), ylim=(0, top))
        ax.grid(axis="both", color=ROLES["grid"], linewidth=0.6, clip_on=False)
    description = _describe_curves(shown, attribute=attribute, groups=groups)
    return to_svg(figure, name=name, title=title, description=description)


@replaceable
def intersection_map(
    rates: pd.DataFrame, *, rows: str, columns: str, small: int, name: str, title: str
) -> str:
    """Draw the rate of every pair of groups; cells with few images are hatched, and every n is printed.

    Parameters
    ----------
    rates
        Rows of `AuditResult.rates` of one specification and outcome that are split by both attributes. A
        cell with few images shows its pooled rate as well.
    rows, columns
        The two attributes.
    small
        Cells of fewer images are hatched; a cell whose rate is NaN is hatched too and shows its n alone.
    name, title
        As for `rate_forest`.
    """
    cells = rates[(_split_by(rates) == 2) & (rates[rows] != ALL) & (rates[columns] != ALL)]
    down, across = in_order(cells[rows]), in_order(cells[columns])
    top = float(np.nanmax(cells["rate"], initial=1e-9))
    with canvas(rows=1.9 * len(down), left=map(words, down), above=20, below=3) as (figure, ax):
        for cell in cells.to_dict("records"):
            place = across.index(cell[columns]), down.index(cell[rows])
            _draw_cell(ax, cell, place=place, top=top, small=small)
        ax.set(xlim=(0, len(across)), ylim=(len(down), 0))
        ax.set_xticks(np.arange(len(across)) + 0.5, [words(group) for group in across])
        label_left(ax, np.arange(len(down)) + 0.5, map(words, down))
        ax.tick_params(top=False, labeltop=True, labelbottom=False)
        ax.grid(visible=False)
    shares = [
        f"{words(c[rows])} and {words(c[columns])} {percent(c['rate'])}, n {_counted(c)}"
        for c in cells.to_dict("records")
    ]
    return to_svg(figure, name=name, title=title, description=f"Rates: {'; '.join(shares)}.")


@replaceable
def measure_forest(rows: pd.DataFrame, *, name: str, title: str, unit: MeasureUnit) -> str:
    """Draw measures of one probe, a row each, below the name of what is measured.

    Parameters
    ----------
    rows
        Rows of `AuditResult.measures` with a column label. A filled diamond marks an adjusted p below .05.
    unit
        Shares are drawn in percent from zero on, differences of them and effects around a line at zero.
    name, title
        As for `rate_forest`.
    """
    blocks = [(words(metric), part) for metric, part in rows.groupby("metric", sort=False)]
    stacked = stack([(str(heading), part) for heading, part in blocks])
    if stacked["p_adjusted"].isna().all():
        stacked = stacked.drop(columns="p_adjusted")
    scale = 1 if unit == "effect" else 100
    with forest_canvas(stacked, n="n") as (figure, ax):
        if unit == "share":
            percent_limits(ax, stacked["high"].fillna(stacked["value"]))
        else:
            ax.axvline(0, color=ROLES["ink"], linewidth=0.9)
            widest = float(np.nanmax(stacked[["value", "low", "high"]].abs().to_numpy(float)))
            ax.set_xlim(-1.15 * scale * widest or -1, 1.15 * scale * widest or 1)
        draw_intervals(ax, stacked, centre="value", low="low", high="high", scale=scale)
        ax.set_xlabel(MEASURE_AXES[unit])
    as_text = {"share": percent, "points": points, "effect": "{:.2f}".format}[unit]
    values = [f"{row['label']} {as_text(row['value'])}" for _, row in marked(stacked)]
    return to_svg(figure, name=name, title=title, description=f"{title}: {'; '.join(values)}.")


def _split_by(frame: pd.DataFrame) -> pd.Series:
    """Number of attributes that each row is split by."""
    return (frame[group_attributes(frame)] != ALL).sum(axis=1)


def _group_rows(frame: pd.DataFrame, *, attributes: Sequence[str]) -> pd.DataFrame:
    """The row over all images, then a block of rows for each attribute alone."""
    split_by = _split_by(frame)
    blocks = [("", frame[split_by == 0].assign(label="all images"))]
    for attribute in attributes:
        part = frame[(split_by == 1) & (frame[attribute] != ALL)]
        blocks.append((words(attribute), ordered(part, by=attribute)))
    return stack(blocks)


def _shade_bands(ax: Axes, shown: pd.DataFrame, *, attribute: str, groups: Sequence[str]) -> None:
    for index, group in enumerate(groups):
        own = shown[(shown[attribute] == group) & shown["band_low"].notna()].sort_values("threshold")
        if own.empty:  # a group below the least size has no band
            continue
        # Closer together near 0, where curves are steep.
        some = own.iloc[np.unique((np.linspace(0, 1, BAND_POINTS) ** 2 * (len(own) - 1)).round().astype(int))]
        ax.fill_between(
            some["threshold"], 100 * some["band_low"], 100 * some["band_high"],
            color=series_colour(index), alpha=0.13, linewidth=0,
        )  # fmt: skip


def _curve_style(index: int) -> dict[str, Any]:
    """Colour, marker and dashes of a curve: each of the three says which one it is."""
    dashes = DASHES[index % len(DASHES)]
    return {
        "color": series_colour(index), "marker": MARKERS[index % len(MARKERS)], "markersize": 5,
        "markeredgecolor": ROLES["paper"], "markeredgewidth": 0.75,
        "linestyle": (0, dashes) if dashes else "-",
    }  # fmt: skip


def _mark_thresholds(
    ax: Axes, shown: pd.DataFrame, *, attribute: str, groups: Sequence[str], thresholds: Sequence[float]
) -> None:
    for threshold in thresholds:
        ax.axvline(threshold, **DASHED_LINE)
        at = {
            row[attribute]: row for row in shown[np.isclose(shown["threshold"], threshold)].to_dict("records")
        }
        for index, group in enumerate(groups):
            place = threshold + 0.012 * (index - (len(groups) - 1) / 2)
            ends = [100 * at[group][end] for end in ("low", "high")] if group in at else []
            ax.plot([place] * len(ends), ends, color=series_colour(index), linewidth=2.2, alpha=0.55)


def _counted(row: Mapping[Any, Any]) -> str:
    """Images, and of how many clusters if those are fewer."""
    return counted(row["n"], row.get("clusters"))


def _draw_cell(ax: Axes, cell: Mapping[Any, Any], *, place: tuple[int, int], top: float, small: int) -> None:
    x, y = place
    empty = bool(np.isnan(cell["rate"]))
    step = 0 if empty else min(HEAT_STEPS - 1, int(HEAT_STEPS * cell["rate"] / top))
    face = ROLES["paper"] if empty else ROLES[f"heat-{step}"]
    ax.add_patch(Rectangle(place, 1, 1, facecolor=face, edgecolor=ROLES["paper"], linewidth=1.5))
    ink = ROLES["ink"] if empty else ROLES[f"heat-ink-{step}"]
    few = empty or cell["n"] < small
    if few:
        hatched: dict[str, Any] = {
            "hatch": "////",
            "edgecolor": ROLES["muted"],
            "facecolor": "none",
            "linewidth": 0,
        }
        ax.add_patch(Rectangle(place, 1, 1, **hatched))
    ground: dict[str, Any] | None = {"facecolor": face, "edgecolor": "none", "pad": 1} if few else None
    rate = "too few" if empty else percent(cell["rate"])
    lines = [(0.36, rate, 9.5), (0.7, n_words(cell, "n"), 8.5)]
    if few and not np.isnan(cell.get("pooled", np.nan)):
        pooled = f"pooled {percent(cell['pooled'])}"
        lines = [(0.22, rate, 9), (0.5, pooled, 8.5), (0.78, n_words(cell, "n"), 8.5)]
    for height, text, size in lines:
        ax.text(x + 0.5, y + height, text, ha="center", va="center", color=ink, fontsize=size, bbox=ground)


def _describe_curves(shown: pd.DataFrame, *, attribute: str, groups: Sequence[str]) -> str:
    nearest = (shown["threshold"] - 0.5).abs().sort_values(kind="stable").index
    near = shown.loc[nearest].drop_duplicates(attribute)
    rates = near.set_index(attribute)["rate"]
    threshold = near["threshold"].iloc[0]
    return f"Rate at threshold {threshold:g}: {'; '.join(f'{words(g)} {percent(rates[g])}' for g in groups)}."
