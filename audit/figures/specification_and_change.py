"""Drawings of what the specification changes: specification curves, and paired changes by group."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from audit.conclusions.findings import holds
from audit.figures.layout import (
    DASHED_LINE,
    ROW_POINTS,
    against_blocks,
    canvas,
    forest_around_zero,
    label_left,
    ordered,
)
from audit.figures.replacement import replaceable
from audit.figures.svg import ROLES, to_svg
from audit.formatting import points, rule_words, words

CURVE_ROWS = 9.0
FEW_WAYS = 60
"""Beyond as many specifications the marks are thinner."""


@replaceable
def specification_curve(gaps: pd.DataFrame, *, name: str, title: str) -> str:
    """Draw one gap under every specification, the smallest first, above a table of the choices made.

    Parameters
    ----------
    gaps
        Rows of `AuditResult.gaps` of one gap (probe, outcome, group and reference), in suite order. A
        filled diamond marks a specification in which the gap is a finding, an open circle any other; a row
        whose difference is NaN is left out.
    name
        Prefix of the ids inside the drawing, unique on its page.
    title
        The accessible title.
    """
    asked = gaps[gaps["difference"].notna()]
    rules = zip(asked["rule"], asked["threshold"], strict=True)
    asked = asked.assign(way=[rule_words(rule, threshold) for rule, threshold in rules], holds=holds(asked))
    choices = _choices(asked)
    shown = asked.sort_values("difference", kind="stable", ignore_index=True)
    labels = [label for _, _, label in choices]
    with canvas(rows=CURVE_ROWS + 0.8 + len(choices), left=[*labels, "+100"], above=16, below=4) as (
        figure,
        ax,
    ):
        lower = _split(figure, ax, rows=len(choices))
        _draw_curve(ax, shown)
        _draw_choices(lower, shown, choices)
    return to_svg(figure, name=name, title=title, description=_described(shown))


def _split(figure: Figure, ax: Axes, *, rows: int) -> Axes:
    """Give the axes the upper part of their room; return new ones for the table below."""
    room = ax.get_position()
    row = ROW_POINTS / (72 * figure.get_size_inches()[1])
    ax.set_position((room.x0, room.y1 - CURVE_ROWS * row, room.width, CURVE_ROWS * row))
    lower = figure.add_axes((room.x0, room.y0, room.width, rows * row), sharex=ax)
    lower.grid(visible=False)
    return lower


def _choices(asked: pd.DataFrame) -> list[tuple[str, str, str]]:
    """(column, level, label) of every choice, of the factors in which the specifications differ."""
    by_threshold = asked.sort_values(["rule", "threshold"], na_position="first", kind="stable")
    rows = []
    for column, rows_in_order, prefix in (
        ("design", asked, "design"),
        ("template", asked, "template"),
        ("way", by_threshold, ""),
    ):
        levels = list(dict.fromkeys(rows_in_order[column]))
        if len(levels) > 1:
            rows += [(column, level, f"{prefix} {words(level)}".strip()) for level in levels]
    return rows


def _draw_curve(ax: Axes, shown: pd.DataFrame) -> None:
    places = shown.index.to_numpy(dtype=float)
    width, size = (1.6, 5.0) if len(shown) <= FEW_WAYS else (0.8, 2.5)
    ax.axhline(0, color=ROLES["ink"], linewidth=0.9)
    ax.axhline(100 * float(shown["difference"].median()), **DASHED_LINE)
    for strong, colour, face, marker in ((False, "accent", "paper", "o"), (True, "warn", "warn", "D")):
        part = (shown["holds"] == strong).to_numpy()
        own = shown[part]
        ends = np.column_stack(
            [100 * own["difference_low"], 100 * own["difference_high"], np.full(len(own), np.nan)]
        )
        ax.plot(np.repeat(places[part], 3), ends.ravel(), color=ROLES[colour], linewidth=width)
        ax.plot(
            places[part], 100 * own["difference"], marker=marker, markersize=size, markeredgewidth=1.3,
            linestyle="none", color=ROLES[colour], markerfacecolor=ROLES[face], clip_on=False,
        )  # fmt: skip
    ax.set(xlim=(-0.6, len(shown) - 0.4), xticks=[])
    ax.text(0, 1.03, "difference, percentage points", transform=ax.transAxes, color=ROLES["muted"])
    ax.grid(axis="y", color=ROLES["grid"], linewidth=0.6, clip_on=False)


def _draw_choices(ax: Axes, shown: pd.DataFrame, choices: Sequence[tuple[str, str, str]]) -> None:
    size = 4.5 if len(shown) <= FEW_WAYS else 2.0
    for place, (column, level, _) in enumerate(choices):
        taken = (shown[column] == level).to_numpy()
        for part, colour in ((~taken, "grid"), (taken, "ink")):
            at = shown.index.to_numpy(dtype=float)[part]
            ax.plot(
                at,
                np.full(len(at), place),
                marker="s",
                markersize=size,
                linestyle="none",
                color=ROLES[colour],
            )
    ax.set(ylim=(len(choices) - 0.4, -0.6))
    label_left(ax, range(len(choices)), [label for _, _, label in choices])


def _described(shown: pd.DataFrame) -> str:
    ways = [
        f"{words(row['design'])}, {words(row['template'])}, {row['way']} {points(row['difference'])}"
        for row in shown.to_dict("records")
    ]
    return f"Difference from the reference in percentage points, from the smallest: {'; '.join(ways)}."


@replaceable
def change_forest(changes: pd.DataFrame, *, name: str, title: str) -> str:
    """Draw the paired change of every group with its interval and a line at zero.

    Parameters
    ----------
    changes
        Rows with the columns `paired_changes.OF_CHANGE`, of one outcome and one pair of specifications. A
        filled diamond marks a change whose adjusted p is below .05, an open circle any other.
    name, title
        As for `specification_curve`.
    """
    return forest_around_zero(
        [(words(by), ordered(part, by="group")) for by, part in changes.groupby("by", sort=False)],
        centre="change", low="low", high="high", n="n", axis="change, percentage points", name=name,
        title=title, lead="Change of the rate in percentage points",
    )  # fmt: skip


@replaceable
def gap_change_forest(changes: pd.DataFrame, *, name: str, title: str) -> str:
    """Draw by how much every gap changed, with its interval and a line at zero.

    Parameters
    ----------
    changes
        Rows with the columns `gap_changes.GAP_CHANGE_COLUMNS`, of one outcome and specification; marks
        as in `change_forest`.
    name, title
        As for `specification_curve`.
    """
    return forest_around_zero(
        against_blocks(changes), centre="change", low="low", high="high", n="n_group",
        axis="change of the difference, percentage points", name=name, title=title,
        lead="Change of the difference from the reference in percentage points",
    )  # fmt: skip
