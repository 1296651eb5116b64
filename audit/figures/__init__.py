"""The drawings of the report, each from one tidy frame of an `AuditResult` and each an SVG string.

Every drawing is 324 points wide, so that its lettering stays legible on a phone and two stand side by side
on a desk. Meaning is carried by shape, position or dash as well as by colour. The ids of a drawing start with
its `name`, which is to be unique on its page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from audit.figures.drawing import Box, Label, Panel
from audit.figures.layout import (
    CENTRE,
    DASHED_LINE,
    LEGEND_ROW_POINTS,
    MARKERS,
    Entry,
    against_blocks,
    axis_below,
    axis_left,
    beside_left,
    draw_intervals,
    forest,
    forest_around_zero,
    legend,
    marked,
    n_words,
    ordered,
    panel,
    percent_limits,
    series_dash,
    series_mark,
    series_role,
    stack,
)
from audit.figures.replacement import replaceable
from audit.figures.svg import to_svg
from audit.formatting import counted, in_order, percent, points, words
from audit.tables.groups.group_counts import group_attributes
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
# One for each heat role of the palette, of which every step has an ink of its own for contrast.
HEAT_STEPS = 7
MOST_DESIGNS = len(MARKERS)
"""Class designs that have a mark of their own; of more, the first is marked and the range of all drawn."""
CURVE_WIDTH = 1.5
RATE_COLUMNS = ("rate", "low", "high", "n", "clusters")
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
    rates = rates[[*group_attributes(rates), *(name for name in RATE_COLUMNS if name in rates)]]
    split_by = _split_by(rates)
    rows = _group_rows(rates, split_by=split_by, attributes=attributes)
    plot = forest(rows, n="n", x=percent_limits(rows["high"]), axis=axis)
    for rate in rates.loc[split_by == 0, "rate"]:
        plot.upright(100 * rate, **DASHED_LINE)
    draw_intervals(plot, rows, centre="rate", low="low", high="high")
    shares = [
        f"{row['label']} {percent(row['rate'])}, n {counted(row['n'], row.get('clusters'))}"
        for _, row in marked(rows)
    ]
    return to_svg(plot.drawing, name=name, title=title, description=f"{axis}: {'; '.join(shares)}.")


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
    """Draw the same rate under every class design, one row per group, the designs joined by a line.

    Of more than `MOST_DESIGNS`, the first has a mark and the line spans them all.

    Parameters
    ----------
    rates
        Rows of `AuditResult.rates` that differ in design only: one template, rule, threshold and outcome.
    attributes, name, title, axis
        As for `rate_forest`.
    """
    designs = list(dict.fromkeys(rates["design"]))
    keys = group_attributes(rates)
    rates = rates[[*keys, "design", *(name for name in RATE_COLUMNS if name in rates)]]
    first = rates[rates["design"] == designs[0]]
    rows = _group_rows(first, split_by=_split_by(first), attributes=attributes)
    by_design = {design: part.set_index(keys)["rate"] for design, part in rates.groupby("design")}
    rate_of = {design: series.to_dict() for design, series in by_design.items()}
    limits = percent_limits(rates.loc[_split_by(rates) <= 1, "rate"])
    marked_designs = len(designs) if len(designs) <= MOST_DESIGNS else 1
    below = 40 + LEGEND_ROW_POINTS * (1 if marked_designs == 1 else -(-len(designs) // 2))
    plot = forest(rows, n="n", x=limits, axis=axis, below=below)
    cells = [(place, tuple(row[key] for key in keys)) for place, row in marked(rows)]
    places = [place for place, _ in cells]
    values = [
        [100 * rate_of[design][cell if len(keys) > 1 else cell[0]] for _, cell in cells] for design in designs
    ]
    lows, highs = np.min(values, axis=0).tolist(), np.max(values, axis=0).tolist()
    plot.spans(places, lows, highs, role="muted", width=1.4, clipped=False)
    for index, own in enumerate(values[:marked_designs]):
        plot.marks(own, places, **series_mark(index))
    entries = [_mark_entry(words(design), index) for index, design in enumerate(designs[:marked_designs])]
    if marked_designs < len(designs):
        entries.append(Entry(label=f"range of all {len(designs)}", role="muted", width=1.4))
    legend(plot.drawing, entries, columns=2)
    told = designs if len(designs) <= MOST_DESIGNS else [designs[0]]
    spans = [f"{words(d)} {percent(by_design[d].min())} to {percent(by_design[d].max())}" for d in told]
    if len(told) < len(designs):
        spans.append(f"all {len(designs)} designs {percent(min(lows) / 100)} to {percent(max(highs) / 100)}")
    description = f"Range of the groups' rates by class design: {'; '.join(spans)}."
    return to_svg(plot.drawing, name=name, title=title, description=description)


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
    # A curve of 1,000 thresholds has no more visible detail than one of 50.
    points_kept = sorted(set(shown["threshold"]))[:: max(1, shown["threshold"].nunique() // CURVE_POINTS)]
    drawn = shown[shown["threshold"].isin(points_kept)]
    # About ten marks on a curve: enough to follow it without colour.
    every = max(1, len(points_kept) // 10)
    below = 40 + LEGEND_ROW_POINTS * -(-len(groups) // 3)
    # Every curve starts at 100 % at a threshold of 0, which would press the rest to the ground.
    beyond = shown.loc[shown["threshold"] >= min(thresholds, default=0.0) / 2, "percent"]
    limits = (0.0, min(102.0, 1.1 * beyond.max() + 1))
    plot = panel(rows=12, left=["100000"], right=["0"], below=below, x=(0.0, 1.0), y=limits)
    axis_below(plot, label="threshold on the probability")
    axis_left(plot, label=axis)
    _shade_bands(plot, shown, attribute=attribute, groups=groups)
    _mark_thresholds(plot, shown, attribute=attribute, groups=groups, thresholds=thresholds)
    for index, group in enumerate(groups):
        own = drawn[(drawn[attribute] == group) & drawn["percent"].notna()].sort_values("threshold")
        xs, ys = own["threshold"].tolist(), own["percent"].tolist()
        role, dash = series_role(index), series_dash(index, width=CURVE_WIDTH)
        plot.line(xs, ys, role=role, width=CURVE_WIDTH, dash=dash)
        inside = [(x, y) for x, y in zip(xs[::every], ys[::every], strict=True) if y <= limits[1]]
        if inside:
            plot.marks(*zip(*inside, strict=True), shape=MARKERS[index % len(MARKERS)], size=5, role="paper",
                       fill=role, edge_width=0.75)  # fmt: skip
    entries = [
        replace(
            _mark_entry(words(group), i), width=CURVE_WIDTH, dash=series_dash(i, width=CURVE_WIDTH), size=5
        )
        for i, group in enumerate(groups)
    ]
    legend(plot.drawing, entries, columns=3)
    description = _describe_curves(shown, attribute=attribute, groups=groups)
    return to_svg(plot.drawing, name=name, title=title, description=description)


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
    # The scale of the map ends at its own highest rate; `initial` covers a map without any.
    top = float(np.nanmax(cells["rate"], initial=1e-9))
    plot = panel(
        rows=1.9 * len(down), left=list(map(words, down)), above=20, below=3, x=(0, len(across)),
        y=(len(down), 0),
    )  # fmt: skip
    for cell in cells.to_dict("records"):
        place = across.index(cell[columns]), down.index(cell[rows])
        _draw_cell(plot, cell, place=place, top=top, small=small)
    for column, group in enumerate(across):
        at = (plot.across(column + 0.5), plot.top - 6)
        plot.drawing.add(Label(place=at, text=words(group), anchor="middle"))
    for row, group in enumerate(down):
        beside_left(plot, row + 0.5, words(group))
    shares = [
        f"{words(c[rows])} and {words(c[columns])} {percent(c['rate'])}, n {_counted(c)}"
        for c in cells.to_dict("records")
    ]
    return to_svg(plot.drawing, name=name, title=title, description=f"Rates: {'; '.join(shares)}.")


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
    if unit == "share":
        limits = percent_limits(stacked["high"].fillna(stacked["value"]))
    else:
        widest = float(np.nanmax(stacked[["value", "low", "high"]].abs().to_numpy(float), initial=0.0))
        limits = (-1.15 * scale * widest or -1, 1.15 * scale * widest or 1)
    plot = forest(stacked, n="n", x=limits, axis=MEASURE_AXES[unit])
    if unit != "share":
        plot.upright(0, role="ink", width=0.9)
    draw_intervals(plot, stacked, centre="value", low="low", high="high", scale=scale)
    as_text = {"share": percent, "points": points, "effect": "{:.2f}".format}[unit]
    values = [f"{row['label']} {as_text(row['value'])}" for _, row in marked(stacked)]
    return to_svg(plot.drawing, name=name, title=title, description=f"{title}: {'; '.join(values)}.")


def _split_by(frame: pd.DataFrame) -> pd.Series:
    """Number of attributes that each row is split by."""
    return (frame[group_attributes(frame)] != ALL).sum(axis=1)


def _group_rows(frame: pd.DataFrame, *, split_by: pd.Series, attributes: Sequence[str]) -> pd.DataFrame:
    """The row over all images, then a block of rows for each attribute alone."""
    blocks = [("", frame[split_by == 0].assign(label="all images"))]
    for attribute in attributes:
        part = frame[(split_by == 1) & (frame[attribute] != ALL)]
        blocks.append((words(attribute), ordered(part, by=attribute)))
    return stack(blocks)


def _mark_entry(label: str, index: int) -> Entry:
    """The line of a legend for the marks of a series."""
    look = series_mark(index)
    return Entry(label=label, role=look["fill"], shape=look["shape"], size=look["size"], edge="paper")


def _shade_bands(plot: Panel, shown: pd.DataFrame, *, attribute: str, groups: Sequence[str]) -> None:
    for index, group in enumerate(groups):
        own = shown[(shown[attribute] == group) & shown["band_low"].notna()].sort_values("threshold")
        if own.empty:  # a group below the least size has no band
            continue
        # Closer together near 0, where curves are steep.
        some = own.iloc[np.unique((np.linspace(0, 1, BAND_POINTS) ** 2 * (len(own) - 1)).round().astype(int))]
        lows, highs = ((100 * some[end]).tolist() for end in ("band_low", "band_high"))
        plot.band(some["threshold"].tolist(), lows, highs, role=series_role(index), opacity=0.13)


def _mark_thresholds(
    plot: Panel, shown: pd.DataFrame, *, attribute: str, groups: Sequence[str], thresholds: Sequence[float]
) -> None:
    for threshold in thresholds:
        plot.upright(threshold, **DASHED_LINE)
        at = {
            row[attribute]: row for row in shown[np.isclose(shown["threshold"], threshold)].to_dict("records")
        }
        for index, group in enumerate(groups):
            # Side by side around the line, so that intervals of groups do not cover each other.
            # 0.012 of an axis from 0 to 1 is about three points: a little more than the width of a line.
            place = threshold + 0.012 * (index - (len(groups) - 1) / 2)
            if group in at:
                low, high = (100 * at[group][end] for end in ("low", "high"))
                role = series_role(index)
                plot.spans([place], [low], [high], role=role, width=2.2, upright=True, opacity=0.55)


def _counted(row: Mapping[Any, Any]) -> str:
    """Images, and of how many clusters if those are fewer."""
    return counted(row["n"], row.get("clusters"))


def _draw_cell(
    plot: Panel, cell: Mapping[Any, Any], *, place: tuple[int, int], top: float, small: int
) -> None:
    left, upper, right, lower = (
        plot.across(place[0]), plot.down(place[1]), plot.across(place[0] + 1), plot.down(place[1] + 1)
    )  # fmt: skip
    empty = bool(np.isnan(cell["rate"]))
    step = 0 if empty else min(HEAT_STEPS - 1, int(HEAT_STEPS * cell["rate"] / top))
    face, ink = ("paper", "ink") if empty else (f"heat-{step}", f"heat-ink-{step}")
    few = empty or cell["n"] < small
    plot.drawing.add(
        Box(corner=(left, upper), width=right - left, height=lower - upper, fill=face, edge="paper",
            edge_width=1.5, hatched=few)
    )  # fmt: skip
    rate = "too few" if empty else percent(cell["rate"])
    lines = [(0.36, rate, 9.5), (0.7, n_words(cell, "n"), 8.5)]
    if few and not np.isnan(cell.get("pooled", np.nan)):
        pooled = f"pooled {percent(cell['pooled'])}"
        lines = [(0.22, rate, 9), (0.5, pooled, 8.5), (0.78, n_words(cell, "n"), 8.5)]
    for height, text, size in lines:
        at = ((left + right) / 2, upper + height * (lower - upper) + CENTRE * size)
        plot.drawing.add(
            Label(place=at, text=text, anchor="middle", role=ink, size=size, halo=face if few else "")
        )


def _describe_curves(shown: pd.DataFrame, *, attribute: str, groups: Sequence[str]) -> str:
    nearest = (shown["threshold"] - 0.5).abs().sort_values(kind="stable").index
    near = shown.loc[nearest].drop_duplicates(attribute)
    rates = near.set_index(attribute)["rate"]
    threshold = near["threshold"].iloc[0]
    return f"Rate at threshold {threshold:g}: {'; '.join(f'{words(g)} {percent(rates[g])}' for g in groups)}."
