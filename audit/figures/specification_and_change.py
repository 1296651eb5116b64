"""Drawings of what the specification changes: specification curves, and paired changes by group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from audit.conclusions.findings import holds
from audit.figures.drawing import Label, Panel
from audit.figures.layout import (
    DASHED_LINE,
    ROW_POINTS,
    against_blocks,
    axis_left,
    beside_left,
    forest_around_zero,
    ordered,
    panel,
)
from audit.figures.replacement import replaceable
from audit.figures.scales import limits_around
from audit.figures.svg import to_svg
from audit.formatting import points, words
from probes.rules.rule_registry import rule_words

CURVE_ROWS = 9.0
FEW_SPECIFICATIONS = 60
"""Beyond as many specifications the marks are thinner."""


@replaceable
def specification_curve(gaps: pd.DataFrame, *, name: str, title: str, muted: bool = False) -> str:
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
    muted
        Whether to draw in grey: a gap of which nothing is claimed.
    """
    asked = gaps[gaps["difference"].notna()]
    rules = zip(asked["rule"], asked["threshold"], strict=True)
    asked = asked.assign(
        rule_text=[rule_words(rule, threshold) for rule, threshold in rules], holds=holds(asked)
    )
    choices = _choices(asked)
    shown = asked.sort_values("difference", kind="stable", ignore_index=True)
    labels = [label for _, _, label in choices]
    x = (-0.6, len(shown) - 0.4)
    ends = 100 * shown[["difference", "difference_low", "difference_high"]].to_numpy(dtype=float)
    upper = panel(
        rows=CURVE_ROWS, left=[*labels, "+100"], above=16, below=4 + (0.8 + len(choices)) * ROW_POINTS, x=x,
        y=limits_around([0.0, *ends.ravel()]),
    )  # fmt: skip
    _draw_curve(upper, shown, muted=muted)
    height = len(choices) * ROW_POINTS
    top = upper.drawing.height - 4 - height
    # The choices share the horizontal axis of the curve, so that a column is one specification.
    lower = replace(upper, top=top, height=height, y=(len(choices) - 0.4, -0.6))
    _draw_choices(lower, shown, choices)
    return to_svg(upper.drawing, name=name, title=title, description=_described(shown))


def _choices(asked: pd.DataFrame) -> list[tuple[str, str, str]]:
    """(column, level, label) of every choice, of the factors in which the specifications differ."""
    by_threshold = asked.sort_values(["rule", "threshold"], na_position="first", kind="stable")
    rows = []
    for column, rows_in_order, prefix in (
        ("design", asked, "design"),
        ("template", asked, "template"),
        ("rule_text", by_threshold, ""),
    ):
        levels = list(dict.fromkeys(rows_in_order[column]))
        if len(levels) > 1:
            rows += [(column, level, f"{prefix} {words(level)}".strip()) for level in levels]
    return rows


def _draw_curve(plot: Panel, shown: pd.DataFrame, *, muted: bool = False) -> None:
    width, size = (1.6, 5.0) if len(shown) <= FEW_SPECIFICATIONS else (0.8, 2.5)
    axis_left(plot)
    plot.level(0, role="ink", width=0.9)
    differences, lows, highs = (
        100 * shown[name].to_numpy(dtype=float)
        for name in ("difference", "difference_low", "difference_high")
    )
    if len(shown):
        plot.level(float(np.median(differences)), **DASHED_LINE)
    found = shown["holds"].to_numpy(dtype=bool)
    plain = "muted" if muted else "accent"
    for part, role, fill, shape in ((~found, plain, "paper", "o"), (found, "warn", "warn", "D")):
        at = np.flatnonzero(part)
        ends = (lows[at].tolist(), highs[at].tolist())
        plot.spans(at.tolist(), *ends, role=role, width=width, upright=True)
        own = differences[at].tolist()
        plot.marks(at.tolist(), own, shape=shape, size=size, role=role, fill=fill, edge_width=1.3)
    at_top = (plot.left, plot.top - 0.03 * plot.height - 1)
    plot.drawing.add(Label(place=at_top, text="difference, percentage points", role="muted"))


def _draw_choices(plot: Panel, shown: pd.DataFrame, choices: Sequence[tuple[str, str, str]]) -> None:
    size = 4.5 if len(shown) <= FEW_SPECIFICATIONS else 2.0
    for place, (column, level, label) in enumerate(choices):
        taken = (shown[column] == level).to_numpy(dtype=bool)
        for part, role in ((~taken, "grid"), (taken, "ink")):
            at = np.flatnonzero(part).tolist()
            plot.marks(at, [place] * len(at), shape="s", size=size, role=role, edge_width=0)
        beside_left(plot, place, label)


def _described(shown: pd.DataFrame) -> str:
    parts = [
        f"{words(row['design'])}, {words(row['template'])}, {row['rule_text']} {points(row['difference'])}"
        for row in shown.to_dict("records")
    ]
    return f"Difference from the reference in percentage points, from the smallest: {'; '.join(parts)}."


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
