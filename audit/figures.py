"""The drawings of the report, each from one tidy frame of an `AuditResult` and each an SVG string.

Every drawing is 324 points wide, so that its lettering stays legible on a phone and two stand side by side
on a desk. Meaning is carried by shape, position or dash as well as by colour.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.transforms import blended_transform_factory

from audit.formatting import in_order, integer, percent, points, words
from audit.svg import ROLES, to_svg

WIDTH_INCHES = 4.5
ROW_INCHES = 0.205
ALL = "(all)"
MISSING_GROUP = "(missing)"
SIGNIFICANT = 0.05
MARKERS = ("o", "s", "D", "^", "v", "P", "X", "*")
DASHES = ("", (4, 1.5), (1, 1.2), (5, 1.2, 1, 1.2), (7, 2), (2, 1), (3, 1, 1, 1, 1, 1), (9, 1.5))
HEAT_STEPS = 7


def rate_forest(rates: pd.DataFrame, *, attributes: Sequence[str], name: str, title: str, axis: str) -> str:
    """Draw the rate of every group, attribute by attribute, with its Wilson interval and n.

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
    overall = rates[_split_by(rates) == 0]
    blocks = [(words(a), _groups_of(rates, attribute=a)) for a in attributes]
    rows = _stack([("", overall.assign(label="all images")), *blocks])
    with _figure(rows=len(rows)) as (figure, ax):
        if len(overall):
            ax.axvline(100 * overall["rate"].iloc[0], color=ROLES["muted"], linewidth=0.8, linestyle=(0, (3, 2)))
        _draw_rows(ax, rows, centre="rate", low="low", high="high", n="n")
        _percent_limits(ax, rows, high="high")
        ax.set_xlabel(axis)
    return to_svg(figure, name=name, title=title, description=_describe_rates(rows, axis=axis))


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
    blocks = [
        (f"{words(by)}, against {words(reference)}", part.assign(label=part["group"].map(words)))
        for (by, reference), part in _in_group_order(gaps).groupby(["by", "reference"], sort=False)
    ]
    rows = _stack(blocks)
    with _figure(rows=len(rows)) as (figure, ax):
        ax.axvline(0, color=ROLES["ink"], linewidth=0.9)
        _draw_rows(ax, rows, centre="difference", low="difference_low", high="difference_high", n="n_group")
        ax.set_xlabel("difference, percentage points")
    return to_svg(figure, name=name, title=title, description=_describe_gaps(rows))


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
    first = rates[rates["design"] == designs[0]]
    blocks = [(words(a), _groups_of(first, attribute=a)) for a in attributes]
    rows = _stack([("", first[_split_by(first) == 0].assign(label="all images")), *blocks])
    keys = attribute_columns(rates)
    wide = rates.set_index(keys + ["design"])["rate"].unstack("design")
    with _figure(rows=len(rows) + 1.5) as (figure, ax):
        for position, row in _marked(rows):
            values = 100 * wide.loc[tuple(row[keys])]
            ax.plot([values.min(), values.max()], [position] * 2, color=ROLES["muted"], linewidth=1.4, zorder=1)
            for series, design in enumerate(designs):
                ax.plot(values[design], position, **_mark(series))
        _label_rows(ax, rows, n="n")
        _percent_limits(ax, rates[_split_by(rates) <= 1], high="rate")
        ax.set_xlabel(axis)
        handles = [ax.plot([], [], label=words(d), **_mark(i))[0] for i, d in enumerate(designs)]
        figure.legend(handles=handles, loc="outside lower center", ncols=2)
    return to_svg(figure, name=name, title=title, description=_describe_designs(wide, designs=designs))


def threshold_curves(
    curves: pd.DataFrame, *, attribute: str, name: str, title: str, axis: str, thresholds: Sequence[float] = ()
) -> str:
    """Draw the rate of each group against the threshold.

    Parameters
    ----------
    curves
        Columns threshold, n, count and `attribute`: one probe, design and outcome. Rows of one group and
        threshold are added up; "(missing)" is left out, as it is in every table of groups.
    thresholds
        Thresholds of the tables, drawn as vertical lines.
    attribute, name, title, axis
        As for `rate_forest`.
    """
    totals = curves[curves[attribute] != MISSING_GROUP].groupby([attribute, "threshold"], as_index=False)
    totals = totals[["n", "count"]].sum().assign(percent=lambda t: 100 * t["count"] / t["n"])
    groups = in_order(totals[attribute])
    every = max(1, totals["threshold"].nunique() // 10)
    with _figure(rows=14) as (figure, ax):
        for threshold in thresholds:
            ax.axvline(threshold, color=ROLES["muted"], linewidth=0.8, linestyle=(0, (3, 2)))
        sns.lineplot(
            data=totals, x="threshold", y="percent", ax=ax, estimator=None, markevery=every, markersize=5,
            hue=attribute, hue_order=groups, palette=[_series(i) for i in range(len(groups))],
            style=attribute, style_order=groups, markers=[MARKERS[i % 8] for i in range(len(groups))],
            dashes=[DASHES[i % 8] for i in range(len(groups))], markeredgecolor=ROLES["paper"], legend="full",
        )  # fmt: skip
        handles, labels = ax.get_legend_handles_labels()
        ax.get_legend().remove()
        figure.legend(handles, [words(x) for x in labels], loc="outside lower center", ncols=3, handlelength=3)
        ax.set(xlabel="threshold on the probability", ylabel=axis, xlim=(0, 1), ylim=(0, None))
        ax.grid(axis="both", color=ROLES["grid"], linewidth=0.6)
    return to_svg(figure, name=name, title=title, description=_describe_curves(totals, attribute=attribute))


def intersection_map(
    rates: pd.DataFrame, *, rows: str, columns: str, small: int, name: str, title: str
) -> str:
    """Draw the rate of every pair of groups; cells with few images are hatched, and every n is printed.

    Parameters
    ----------
    rates
        Rows of `AuditResult.rates` of one specification and outcome that are split by both attributes.
    rows, columns
        The two attributes.
    small
        Cells of fewer images are hatched; a cell whose rate is NaN is hatched too and shows its n alone.
    name, title
        As for `rate_forest`.
    """
    cells = rates[(rates[rows] != ALL) & (rates[columns] != ALL)]
    down, across = in_order(cells[rows]), in_order(cells[columns])
    top = max(float(cells["rate"].max()), 1e-9)
    with _figure(rows=1.9 * len(down)) as (figure, ax):
        for cell in cells.to_dict("records"):
            x, y = across.index(cell[columns]), down.index(cell[rows])
            _draw_cell(ax, cell, x=x, y=y, top=top, small=small)
        ax.set(xlim=(0, len(across)), ylim=(len(down), 0))
        ax.set_xticks(np.arange(len(across)) + 0.5, [words(a) for a in across])
        ax.set_yticks(np.arange(len(down)) + 0.5, [words(a) for a in down])
        ax.xaxis.tick_top()
        ax.grid(visible=False)
    worst = cells.loc[cells["rate"].idxmax()] if cells["rate"].notna().any() else None
    shown = f" Highest: {worst[rows]}, {worst[columns]}, {percent(worst['rate'])}." if worst is not None else ""
    return to_svg(figure, name=name, title=title, description=f"{len(cells)} cells.{shown} Hatched: few images.")


def attribute_columns(frame: pd.DataFrame) -> list[str]:
    """Return the group attributes among the columns of a frame of rates or accuracy, in their order."""
    known = {"probe", "design", "template", "rule", "threshold", "outcome", "n", "count", "rate", "low", "high"}
    return [c for c in frame.columns if c not in known | {"note", "balanced"}]


def _split_by(frame: pd.DataFrame) -> pd.Series:
    """Number of attributes that each row is split by."""
    return (frame[attribute_columns(frame)] != ALL).sum(axis=1)


def _groups_of(frame: pd.DataFrame, *, attribute: str) -> pd.DataFrame:
    part = frame[(_split_by(frame) == 1) & (frame[attribute] != ALL)]
    order = {group: rank for rank, group in enumerate(in_order(part[attribute]))}
    part = part.assign(label=part[attribute].map(words), order=part[attribute].map(order))
    return part.sort_values("order").drop(columns="order")


def _in_group_order(gaps: pd.DataFrame) -> pd.DataFrame:
    order = {group: rank for rank, group in enumerate(in_order(gaps["group"]))}
    width = gaps["by"].str.count(" x ")
    return gaps.assign(width=width, order=gaps["group"].map(order)).sort_values(["width", "by", "order"])


def _stack(blocks: Sequence[tuple[str, pd.DataFrame]]) -> pd.DataFrame:
    """Put blocks under one another, each below a heading row (label set, everything else NaN)."""
    parts: list[pd.DataFrame] = []
    for heading, block in blocks:
        if heading and len(block):
            parts.append(pd.DataFrame([{"label": heading, "heading": True}]))
        if len(block):
            parts.append(block.assign(heading=False))
    return pd.concat(parts, ignore_index=True)


@contextmanager
def _figure(*, rows: float) -> Iterator[tuple[Figure, Axes]]:
    style = sns.axes_style("white") | {
        "text.color": ROLES["ink"], "axes.labelcolor": ROLES["ink"], "axes.edgecolor": ROLES["muted"],
        "xtick.color": ROLES["ink"], "ytick.color": ROLES["ink"], "font.size": 9.5, "axes.labelsize": 9.5,
        "xtick.labelsize": 9.5, "ytick.labelsize": 9.5, "legend.fontsize": 9.5, "legend.frameon": False,
        "axes.spines.left": False, "axes.spines.right": False, "axes.spines.top": False,
        "axes.spines.bottom": False, "xtick.bottom": False, "ytick.left": False, "hatch.linewidth": 0.6,
    }  # fmt: skip
    with mpl.rc_context(style):
        figure = Figure(figsize=(WIDTH_INCHES, ROW_INCHES * (rows + 3)), layout="constrained")
        ax = figure.subplots()
        ax.grid(axis="x", color=ROLES["grid"], linewidth=0.6)
        ax.set_axisbelow(True)
        yield figure, ax


def _marked(rows: pd.DataFrame) -> Iterator[tuple[int, pd.Series]]:
    """The rows that stand for a group, with their place."""
    return ((position, row) for position, row in rows.iterrows() if not row["heading"])


def _draw_rows(ax: Axes, rows: pd.DataFrame, *, centre: str, low: str, high: str, n: str) -> None:
    for position, row in _marked(rows):
        if np.isnan(row[centre]):
            continue
        strong = row.get("p_adjusted", 1.0) < SIGNIFICANT
        colour = ROLES["warn"] if strong else ROLES["accent"]
        ax.plot([100 * row[low], 100 * row[high]], [position] * 2, color=colour, linewidth=1.6)
        open_mark = "p_adjusted" in rows and not strong
        ax.plot(
            100 * row[centre], position, marker="D" if strong else "o", markersize=5, color=colour,
            markerfacecolor=ROLES["paper"] if open_mark else colour, markeredgewidth=1.3,
        )  # fmt: skip
    _label_rows(ax, rows, n=n)


def _label_rows(ax: Axes, rows: pd.DataFrame, *, n: str) -> None:
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.set_yticks(range(len(rows)), rows["label"].where(~rows["heading"].astype(bool), ""))
    # Headings start at the left edge and run over the plot, so that a long one takes no room from it.
    edge = blended_transform_factory(ax.figure.transFigure, ax.transData)
    for position, row in rows[rows["heading"].astype(bool)].iterrows():
        ax.text(0.01, position, row["label"], transform=edge, va="center", weight="bold", in_layout=False)
    for position, row in _marked(rows):
        ax.text(1.02, position, f"n {integer(row[n])}", transform=ax.get_yaxis_transform(), va="center",
                color=ROLES["muted"], fontsize=9)  # fmt: skip


def _percent_limits(ax: Axes, rows: pd.DataFrame, *, high: str) -> None:
    top = 100 * float(np.nanmax(rows[high].to_numpy(dtype=float), initial=0.01))
    ax.set_xlim(-0.02 * top, min(102.0, 1.08 * top))


def _series(index: int) -> str:
    return ROLES[f"series-{index % 8 + 1}"]


def _mark(series: int) -> dict[str, object]:
    return {"marker": MARKERS[series % 8], "color": _series(series), "markersize": 6, "linestyle": "none",
            "markeredgecolor": ROLES["paper"], "markeredgewidth": 0.6}  # fmt: skip


def _draw_cell(ax: Axes, cell: dict[str, float], *, x: int, y: int, top: float, small: int) -> None:
    empty = np.isnan(cell["rate"])
    step = 0 if empty else min(HEAT_STEPS - 1, int(HEAT_STEPS * cell["rate"] / top))
    face = ROLES["paper"] if empty else ROLES[f"heat-{step}"]
    box = {"edgecolor": ROLES["paper"], "linewidth": 1.5}
    ax.add_patch(Rectangle((x, y), 1, 1, facecolor=face, **box))
    if empty or cell["n"] < small:
        ax.add_patch(Rectangle((x, y), 1, 1, facecolor="none", hatch="////", edgecolor=ROLES["muted"], linewidth=0))
    ink = ROLES["ink"] if empty else ROLES[f"heat-ink-{step}"]
    ax.text(x + 0.5, y + 0.36, "too few" if empty else percent(cell["rate"]), ha="center", va="center", color=ink)
    ax.text(x + 0.5, y + 0.7, f"n {integer(cell['n'])}", ha="center", va="center", color=ink, fontsize=8)


def _describe_rates(rows: pd.DataFrame, *, axis: str) -> str:
    shown = rows[~rows["heading"]].dropna(subset=["rate"])
    parts = [f"{r.label} {percent(r.rate)}, n {integer(r.n)}" for r in shown.itertuples()]
    return f"{axis}: " + "; ".join(parts) + "."


def _describe_gaps(rows: pd.DataFrame) -> str:
    shown = rows[~rows["heading"]].dropna(subset=["difference"])
    parts = [f"{r.label} {points(r.difference)} points" for r in shown.itertuples()]
    return "Difference from the reference: " + "; ".join(parts) + "."


def _describe_designs(wide: pd.DataFrame, *, designs: Sequence[str]) -> str:
    means = [f"{words(d)}: {percent(wide[d].min())} to {percent(wide[d].max())}" for d in designs]
    return "Range of the groups' rates by class design: " + "; ".join(means) + "."


def _describe_curves(totals: pd.DataFrame, *, attribute: str) -> str:
    half = totals.iloc[(totals["threshold"] - 0.5).abs().argsort(kind="stable")]
    parts = [f"{g} {half[half[attribute] == g]['percent'].iloc[0]:.1f} %" for g in in_order(totals[attribute])]
    return "Rate at the threshold nearest 0.5: " + "; ".join(parts) + "."
