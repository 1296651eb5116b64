"""What every drawing of the report shares: size, lettering, rows of a forest plot, marks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import ScaledTranslation, blended_transform_factory

from audit.figures.svg import FONT_POINTS, ROLES, to_svg
from audit.formatting import in_order, integer, points, words

WIDTH_POINTS = 324
ROW_POINTS = 14.8
LETTER_POINTS = 5.4
LABEL_PAD_POINTS = 7
LEGEND_ROW_POINTS = 15
LONGEST_LABEL = 30
"""Letters of a label next to a plot; a longer one is cut, and whole in the description of the figure."""
SIGNIFICANT = 0.05
MARKERS = ("o", "s", "D", "^", "v", "P", "X", "*")
DASHES = ("", (4, 1.5), (1, 1.2), (5, 1.2, 1, 1.2), (7, 2), (2, 1), (3, 1, 1, 1, 1, 1), (9, 1.5))
DASHED_LINE: Final[dict[str, Any]] = {"color": ROLES["muted"], "linewidth": 0.8, "linestyle": (0, (3, 2))}
STYLE: Final[dict[Any, Any]] = {
    "text.color": ROLES["ink"], "axes.labelcolor": ROLES["ink"], "axes.edgecolor": ROLES["muted"],
    "xtick.color": ROLES["ink"], "ytick.color": ROLES["ink"], "xtick.bottom": False, "ytick.left": False,
    "axes.axisbelow": True, "text.parse_math": False, "hatch.linewidth": 0.6,
    "legend.frameon": False, "lines.solid_capstyle": "butt",
    **{f"axes.spines.{side}": False for side in ("left", "right", "top", "bottom")},
    **{f"{text}size": FONT_POINTS for text in ("font.", "axes.label", "xtick.label", "ytick.label")},
    "legend.fontsize": FONT_POINTS,
}  # fmt: skip


@contextmanager
def canvas(
    *, rows: float, left: Iterable[str], right: Iterable[str] = (), above: float = 3, below: float = 33
) -> Iterator[tuple[Figure, Axes]]:
    """Yield a figure as high as that many rows of text, in the colours of `svg.ROLES`.

    Parameters
    ----------
    rows
        Height of the plot.
    left, right
        Lettering beside the plot; the longest decides how much room it gets. Measuring every text instead, as
        matplotlib's layouts do, takes twice the time.
    above, below
        Room for lettering above and below the plot, in points.
    """
    height = above + rows * ROW_POINTS + below
    edges = [
        8 + LETTER_POINTS * min(LONGEST_LABEL, max(map(len, texts), default=0))
        for texts in (list(left), list(right))
    ]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH_POINTS / 72, height / 72))
        ax = figure.subplots()
        figure.subplots_adjust(
            left=edges[0] / WIDTH_POINTS, right=1 - edges[1] / WIDTH_POINTS,
            bottom=below / height, top=1 - above / height,
        )  # fmt: skip
        ax.grid(axis="x", color=ROLES["grid"], linewidth=0.6, clip_on=False)
        yield figure, ax


@contextmanager
def forest_canvas(rows: pd.DataFrame, *, n: str, below: float = 33) -> Iterator[tuple[Figure, Axes]]:
    """Yield a canvas for the rows of a forest plot, their labels to the left and n to the right."""
    groups = [row for _, row in marked(rows)]
    numbers = [n_words(row, n) for row in groups]
    with canvas(rows=len(rows), left=[r["label"] for r in groups], right=numbers, below=below) as (
        figure,
        ax,
    ):
        yield figure, ax
        _label_rows(ax, rows, n=n)


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
    rows = stack(blocks)
    with forest_canvas(rows, n=n) as (figure, ax):
        ax.axvline(0, color=ROLES["ink"], linewidth=0.9)
        draw_intervals(ax, rows, centre=centre, low=low, high=high)
        ax.set_xlabel(axis)
    texts = [f"{row['label']} {points(row[centre])}" for _, row in marked(rows)]
    return to_svg(figure, name=name, title=title, description=f"{lead}: {'; '.join(texts)}.")


def draw_intervals(
    ax: Axes, rows: pd.DataFrame, *, centre: str, low: str, high: str, scale: float = 100
) -> None:
    """Draw an interval and its centre on every row, times `scale`; a row whose centre is NaN stays empty.

    Where the rows have an adjusted p, a filled diamond marks those below .05 and an open circle the others.
    """
    drawn = rows[rows[centre].notna()]
    if "p_adjusted" not in rows:
        styles = [(drawn, "accent", "accent", "o")]
    else:
        strong = drawn["p_adjusted"] < SIGNIFICANT
        styles = [(drawn[~strong], "accent", "paper", "o"), (drawn[strong], "warn", "warn", "D")]
    for part, colour, face, marker in styles:
        places = part.index.to_numpy(dtype=float)
        # One line with gaps instead of one a row: the drawing is a third as long.
        ends = np.column_stack([scale * part[low], scale * part[high], np.full(len(part), np.nan)]).ravel()
        ax.plot(ends, np.repeat(places, 3), color=ROLES[colour], linewidth=1.6)
        ax.plot(
            scale * part[centre], places, marker=marker, markersize=5, markeredgewidth=1.3, linestyle="none",
            color=ROLES[colour], markerfacecolor=ROLES[face], clip_on=False,
        )  # fmt: skip


def _label_rows(ax: Axes, rows: pd.DataFrame, *, n: str) -> None:
    """Write the labels to the left, n to the right, and the headings from the left edge on."""
    headings = rows["heading"].astype(bool)
    ax.set_ylim(len(rows) - 0.4, -0.6)
    groups = list(marked(rows))
    label_left(ax, [place for place, _ in groups], [row["label"] for _, row in groups])
    for place, row in groups:
        ax.text(1.02, place, n_words(row, n), transform=ax.get_yaxis_transform(),
                va="center_baseline", color=ROLES["muted"])  # fmt: skip
    # Headings run over the plot, on a ground of their own, so that a long one takes no room from it.
    edge = blended_transform_factory(ax.figure.transFigure, ax.transData)
    ground: dict[str, Any] = {"facecolor": ROLES["paper"], "edgecolor": "none", "pad": 1}
    for place in np.flatnonzero(headings).tolist():
        ax.text(0.01, place, rows["label"][place], transform=edge, va="center_baseline", weight="bold",
                in_layout=False, bbox=ground)  # fmt: skip


def shortened(label: str) -> str:
    """Return a label of at most `LONGEST_LABEL` letters: of a longer one the start and the end.

    Examples
    --------
    >>> shortened("a" * 20 + "b" * 20)
    'aaaaaaaaaaaaaaaaaaaa…bbbbbbbbb'
    """
    if len(label) <= LONGEST_LABEL:
        return label
    tail = LONGEST_LABEL // 3 - 1
    return f"{label[: LONGEST_LABEL - tail - 1]}…{label[len(label) - tail :]}"


def label_left(ax: Axes, places: Iterable[float], labels: Iterable[str]) -> None:
    """Write labels to the left of the plot: as ticks they would take six times as long to draw."""
    beside = ax.get_yaxis_transform() + ScaledTranslation(
        -LABEL_PAD_POINTS / 72, 0, ax.figure.dpi_scale_trans
    )
    ax.set_yticks([])
    for place, label in zip(places, labels, strict=True):
        ax.text(0, place, shortened(label), transform=beside, ha="right", va="center_baseline")


def n_words(row: Mapping[str, Any], n: str) -> str:
    """Images, and in brackets the clusters they come from if those are fewer: "n 18 (5)"."""
    clusters = row.get(n.replace("n", "clusters", 1), np.nan)
    fewer = 0 < clusters < row[n]
    return f"n {integer(row[n])}{f' ({integer(clusters)})' if fewer else ''}"


def percent_limits(ax: Axes, values: pd.Series) -> None:
    """Let the horizontal axis run from 0 to a little beyond the largest share, in percent."""
    top = 100 * float(np.nanmax(values.to_numpy(dtype=float), initial=0.01))
    ax.set_xlim(-0.02 * top, min(102.0, 1.08 * top))


def series_colour(index: int) -> str:
    """Return the colour of a series; eight, then again from the first."""
    return ROLES[f"series-{index % len(MARKERS) + 1}"]


def series_mark(index: int) -> dict[str, Any]:
    """Return the marker of a series: its shape says which one it is, its colour only helps.

    Later series are smaller, so that none hides another at the same place.
    """
    return {
        "marker": MARKERS[index % len(MARKERS)], "color": series_colour(index), "linestyle": "none",
        "markersize": max(4.5, 7.5 - 2 * index), "markeredgecolor": ROLES["paper"], "markeredgewidth": 0.6,
        "clip_on": False,
    }  # fmt: skip
