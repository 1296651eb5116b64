"""What every drawing of the report shares: size, axes, rows of a forest plot, marks, legends."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

import numpy as np
import pandas as pd

from audit.figures.drawing import FONT_POINTS, Drawing, Label, Line, Marks, Panel
from audit.figures.scales import limits_around, nice_ticks, tick_words
from audit.figures.svg import to_svg
from audit.formatting import in_order, integer, points, words

WIDTH_POINTS: Final = 324
ROW_POINTS: Final = 14.8
# A mean width of letters at 9.5 points: no font is at hand to measure texts with.
LETTER_POINTS: Final = 5.4
LABEL_PAD_POINTS: Final = 7
LEGEND_ROW_POINTS: Final = 15
SAMPLE_POINTS: Final = 26  # of a line in a legend
LONGEST_LABEL: Final = 30
"""Letters of a label next to a plot; a longer one is cut, and whole in the description of the figure."""
SIGNIFICANT: Final = 0.05
CENTRE: Final = 0.38  # of the size of a text from its middle down to its baseline
MARKERS: Final = ("o", "s", "D", "^", "v", "P", "X", "*")
DASHES: Final[tuple[tuple[float, ...], ...]] = (
    (), (4, 1.5), (1, 1.2), (5, 1.2, 1, 1.2), (7, 2), (2, 1), (3, 1, 1, 1, 1, 1), (9, 1.5)
)  # fmt: skip
"""Dashes of the series, in widths of their line."""
DASHED_LINE: Final[dict[str, Any]] = {"role": "muted", "width": 0.8, "dash": (2.4, 1.6)}


def panel(
    *, rows: float, left: Iterable[str], right: Iterable[str] = (), above: float = 3, below: float = 33,
    x: tuple[float, float], y: tuple[float, float],
) -> Panel:  # fmt: skip
    """Return an empty panel in a drawing of its own, as high as that many rows of text.

    Parameters
    ----------
    rows
        Height of the panel.
    left, right
        Lettering beside it; the longest decides how much room it gets, by the number of its letters.
    above, below
        Room for lettering above and below, in points.
    x, y
        Values at the left and right, at the bottom and top edge.
    """
    height = rows * ROW_POINTS
    edges = [
        8 + LETTER_POINTS * min(LONGEST_LABEL, max(map(len, texts), default=0))
        for texts in (list(left), list(right))
    ]
    drawing = Drawing(width=WIDTH_POINTS, height=above + height + below)
    width = WIDTH_POINTS - sum(edges)
    drawing.clip = (edges[0], above, width, height)
    return Panel(drawing=drawing, left=edges[0], top=above, width=width, height=height, x=x, y=y)


def axis_below(
    plot: Panel, *, label: str, ticks: Sequence[float] | None = None, names: Sequence[str] | None = None,
    grid: bool = True,
) -> None:  # fmt: skip
    """Draw vertical grid lines, the numbers or names below them, and what they are."""
    if ticks is None:
        # At most one tick for three letters' width, so that numbers do not touch.
        ticks = nice_ticks(*plot.x, most=max(1, min(9, int(plot.width // (3 * FONT_POINTS)))))
    bottom, deepest = plot.top + plot.height, 1
    for tick, name in zip(ticks, tick_words(ticks) if names is None else names, strict=True):
        if grid:
            plot.upright(tick, role="grid", width=0.6)
        lines = name.split("\n")
        deepest = max(deepest, len(lines))
        for place, text in enumerate(lines):
            at = (plot.across(tick), bottom + 14.2 + 11 * place)
            plot.drawing.add(Label(place=at, text=text, anchor="middle"))
    at = (plot.left + plot.width / 2, bottom + 16.7 + 11 * deepest)
    plot.drawing.add(Label(place=at, text=label, anchor="middle"))


def axis_left(
    plot: Panel, *, label: str = "", ticks: Sequence[float] | None = None, names: Sequence[str] | None = None
) -> None:
    """Draw horizontal grid lines, the numbers beside them, and upright what they are."""
    if ticks is None:
        ticks = nice_ticks(*plot.y, most=max(1, min(9, int(plot.height // (2 * FONT_POINTS)))))
    texts = tick_words(ticks) if names is None else list(names)
    for tick, text in zip(ticks, texts, strict=True):
        plot.level(tick, role="grid", width=0.6)
        beside_left(plot, tick, text)
    if label:
        room = LABEL_PAD_POINTS + LETTER_POINTS * max(map(len, texts), default=0)
        at = (max(FONT_POINTS, plot.left - room - 5), plot.top + plot.height / 2)
        plot.drawing.add(Label(place=at, text=label, anchor="middle", turned=True))


def beside_left(plot: Panel, value: float, text: str) -> None:
    """Write a label to the left of the panel, at the height of a value."""
    at = (plot.left - LABEL_PAD_POINTS, plot.down(value) + CENTRE * FONT_POINTS)
    plot.drawing.add(Label(place=at, text=shortened(text), anchor="end"))


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A line of a legend: the mark, the line, or both, of a series."""

    label: str
    role: str
    shape: str = ""
    fill: str | None = None
    size: float = 5.0
    width: float = 0.0
    dash: Sequence[float] = ()
    edge: str = ""


def legend(drawing: Drawing, entries: Sequence[Entry], *, columns: int) -> None:
    """Draw a legend at the foot of a drawing, in columns that are filled from the top down."""
    if not entries:
        return
    rows = -(-len(entries) // columns)
    sample = SAMPLE_POINTS if any(entry.width for entry in entries) else 8
    room = int((drawing.width / columns - sample - 10) // LETTER_POINTS)
    longest = min(room, max(len(entry.label) for entry in entries))
    column = min(sample + 16 + LETTER_POINTS * longest, drawing.width / columns)
    left = max(4.0, (drawing.width - column * -(-len(entries) // rows)) / 2)
    for place, entry in enumerate(entries):
        x = left + column * (place // rows)
        y = drawing.height - LEGEND_ROW_POINTS * (rows - place % rows) + 7
        if entry.width:
            line = [(x, y), (x + sample, y)]
            drawing.add(Line(parts=[line], role=entry.role, width=entry.width, dash=entry.dash))
        if entry.shape:
            fill = entry.role if entry.fill is None else entry.fill
            drawing.add(
                Marks(points=[(x + sample / 2, y)], shape=entry.shape, size=entry.size, fill=fill,
                      role=entry.edge or entry.role, edge_width=0.75)
            )  # fmt: skip
        at = (x + sample + 6, y + CENTRE * FONT_POINTS)
        drawing.add(Label(place=at, text=shortened(entry.label, longest=longest)))


def forest(rows: pd.DataFrame, *, n: str, x: tuple[float, float], axis: str, below: float = 33) -> Panel:
    """Return a panel for the rows of a forest plot: labels to the left, n to the right, headings, an axis.

    Row k is at height k, counted from the top.
    """
    groups = list(marked(rows))
    numbers = [n_words(row, n) for _, row in groups]
    labels = [row["label"] for _, row in groups]
    y = (len(rows) - 0.4, -0.6)
    plot = panel(rows=len(rows), left=labels, right=numbers, below=below, x=x, y=y)
    axis_below(plot, label=axis)
    baseline = CENTRE * FONT_POINTS
    for (place, _), label in zip(groups, labels, strict=True):
        beside_left(plot, place, label)
    for (place, _), text in zip(groups, numbers, strict=True):
        at = (plot.left + 1.02 * plot.width, plot.down(place) + baseline)
        plot.drawing.add(Label(place=at, text=text, role="muted"))
    # Headings run over the plot, with a halo, so that a long one takes no room from it.
    for place in np.flatnonzero(rows["heading"].astype(bool)).tolist():
        at, text = (3.2, plot.down(place) + baseline), str(rows["label"][place])
        plot.drawing.add(Label(place=at, text=text, bold=True, halo="paper"))
    return plot


def stack(blocks: Sequence[tuple[str, pd.DataFrame]]) -> pd.DataFrame:
    """Put blocks of rows under one another, each below a heading row (label set, everything else NaN).

    A block without rows leaves no heading; a heading of "" is left out.
    """
    found: list[pd.DataFrame] = []
    for heading, block in blocks:
        if heading and len(block):
            found.append(pd.DataFrame({"label": [heading], "heading": [True]}))
        if len(block):
            found.append(block.assign(heading=False))
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame({"label": [], "heading": []})


def marked(rows: pd.DataFrame) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the rows that stand for a group, with their place from the top."""
    names = [str(name) for name in rows.columns]
    columns = [rows[name].tolist() for name in rows.columns]
    of_places = (dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True))
    return ((place, row) for place, row in enumerate(of_places) if not row["heading"])


def ordered(part: pd.DataFrame, *, by: str) -> pd.DataFrame:
    """The rows in the natural order of the groups of a column, with their labels."""
    rank = {group: place for place, group in enumerate(in_order(part[by]))}
    return part.assign(label=part[by].map(words)).loc[part[by].map(rank).sort_values(kind="stable").index]


def against_blocks(contrasts: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Contrasts as blocks of a forest plot, one a split and reference."""
    return [
        (f"{words(by)}, against {words(reference)}", ordered(part, by="group"))
        for (by, reference), part in contrasts.groupby(["by", "reference"], sort=False)
    ]


def forest_around_zero(
    blocks: Sequence[tuple[str, pd.DataFrame]], *, centre: str, low: str, high: str, n: str, axis: str,
    name: str, title: str, lead: str,
) -> str:  # fmt: skip
    """Draw differences of shares, a block of groups under each heading, in percentage points around zero.

    Parameters
    ----------
    blocks
        Headings and rows as `ordered` makes them. A filled diamond marks an adjusted p below .05, an open
        circle any other; a row whose centre is NaN keeps its place, without a mark.
    centre, low, high, n
        The columns to draw.
    axis
        The label under the axis.
    name, title
        Prefix of the ids inside the drawing, unique on its page; the accessible title.
    lead
        What the numbers are, for the accessible description.
    """
    # The clusters of "n" and "n_group" are in "clusters" and "clusters_group".
    used = [centre, low, high, n, n.replace("n", "clusters", 1), "label", "p_adjusted"]
    rows = stack([(heading, part[[one for one in used if one in part]]) for heading, part in blocks])
    ends = chain.from_iterable(rows[one].tolist() for one in (centre, low, high) if one in rows)
    plot = forest(rows, n=n, x=limits_around([0.0, *(100 * end for end in ends)]), axis=axis)
    plot.upright(0, role="ink", width=0.9)
    draw_intervals(plot, rows, centre=centre, low=low, high=high)
    texts = [f"{row['label']} {points(row[centre])}" for _, row in marked(rows)]
    return to_svg(plot.drawing, name=name, title=title, description=f"{lead}: {'; '.join(texts)}.")


def draw_intervals(
    plot: Panel, rows: pd.DataFrame, *, centre: str, low: str, high: str, scale: float = 100
) -> None:
    """Draw an interval and its centre on every row, times `scale`; a row whose centre is NaN stays empty.

    Where the rows have an adjusted p, a filled diamond marks those below .05 and an open circle the others.
    """
    centres, lows, highs = (scale * rows[name].to_numpy(dtype=float) for name in (centre, low, high))
    adjusted = rows["p_adjusted"].to_numpy(dtype=float) if "p_adjusted" in rows else None
    strong = np.zeros(len(rows), bool) if adjusted is None else adjusted < SIGNIFICANT
    plain = "accent" if adjusted is None else "paper"
    for part, role, fill, shape in ((~strong, "accent", plain, "o"), (strong, "warn", "warn", "D")):
        at = np.flatnonzero(part & np.isfinite(centres))
        plot.spans(at.tolist(), lows[at].tolist(), highs[at].tolist(), role=role, width=1.6)
        plot.marks(
            centres[at].tolist(), at.tolist(), shape=shape, size=5, role=role, fill=fill, edge_width=1.3
        )


def shortened(label: str, *, longest: int = LONGEST_LABEL) -> str:
    """Return a label of at most so many letters: of a longer one the start and the end.

    Examples
    --------
    >>> shortened("a" * 20 + "b" * 20)
    'aaaaaaaaaaaaaaaaaaaa…bbbbbbbbb'
    """
    if len(label) <= longest:
        return label
    tail = longest // 3 - 1
    return f"{label[: longest - tail - 1]}…{label[len(label) - tail :]}"


def n_words(row: Mapping[str, Any], n: str) -> str:
    """Images, and in brackets the clusters they come from if those are fewer: "n 18 (5)"."""
    clusters = row.get(n.replace("n", "clusters", 1), np.nan)
    fewer = 0 < clusters < row[n]
    return f"n {integer(row[n])}{f' ({integer(clusters)})' if fewer else ''}"


def percent_limits(values: pd.Series) -> tuple[float, float]:
    """Limits of an axis from 0 to a little beyond the largest share, in percent."""
    top = 100 * float(np.nanmax(values.to_numpy(dtype=float), initial=0.01))
    return (-0.02 * top, min(102.0, 1.08 * top))


def series_role(index: int) -> str:
    """Return the colour of a series; eight, then again from the first."""
    return f"series-{index % len(MARKERS) + 1}"


def series_dash(index: int, *, width: float) -> tuple[float, ...]:
    """Return the dashes of a series, in points."""
    return tuple(width * part for part in DASHES[index % len(DASHES)])


def series_mark(index: int) -> dict[str, Any]:
    """Return the look of a series' marks: the shape says which one it is, its colour only helps.

    Later series are smaller, so that none hides another at the same place.
    """
    return {"shape": MARKERS[index % len(MARKERS)], "size": max(4.5, 7.5 - 2 * index),
            "role": "paper", "fill": series_role(index), "edge_width": 0.6}  # fmt: skip
