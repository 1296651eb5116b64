"""The page of `clip-audit evaluate adapt`: accuracy by set, and every disparity, zero-shot and adapted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import pandas as pd

from audit import formatting as fmt
from audit.figures.layout import forest_around_zero
from audit.mitigation.mitigation_tables import NARROWER, WIDER
from audit.report.components import (
    ADJUSTED_P,
    CHANGE,
    CONTRAST,
    INTERVAL,
    NOTE,
    Column,
    Figure,
    Table,
    between,
    table_of,
)

MOST_DRAWN: Final = 20
MOST_SHOWN: Final = 400
_ACCURACY: Final = (
    Column("dataset", "Set"),
    Column("n", "Images", fmt.integer, number=True),
    Column("zero_shot", "Zero-shot", fmt.percent, number=True),
    Column("adapted", "Adapted", fmt.percent, number=True),
    Column("difference", "Difference", fmt.points, number=True),
    Column(between("low", "high", fmt.points_interval), INTERVAL, number=True),
    ADJUSTED_P,
)
_OF_SETS: Final = (
    Column("dataset", "Set"),
    Column("by", "By", fmt.words),
    *CONTRAST,
    Column("gap_zero_shot", "Gap zero-shot, points", fmt.points, number=True),
    Column("gap_adapted", "Adapted", fmt.points, number=True),
    *CHANGE,
)
_OF_SUITE: Final = (
    Column("probe", "Probe", fmt.words),
    Column("outcome", "Outcome", fmt.words),
    *CONTRAST,
    Column("before", "Gap zero-shot, points", fmt.points, number=True),
    Column("after", "Adapted", fmt.points, number=True),
    *CHANGE,
    Column("effect", "Effect"),
    Column("fitted_on", "Fitted on"),
    NOTE,
)


def adaptation_page(
    accuracy: pd.DataFrame,
    gaps: pd.DataFrame,
    suite: pd.DataFrame,
    *,
    about: Mapping[str, str],
    notes: Sequence[str],
) -> dict[str, Any]:
    """Return what the template `adaptation.html.j2` shows.

    Parameters
    ----------
    accuracy, gaps
        As `audit.evaluation.studies.adaptation` makes them; without rows if no set was asked.
    suite
        Gaps of a suite before and after, with the column fitted_on; without rows if no suite was asked.
    about
        model, fit; suite, data and measured if a suite was asked.
    notes
        What the reader must know of probes that were left as they are.
    """
    return {
        "title": f"What a linear classifier changes: {about['model']}",
        "about": about,
        "sentences": [*_accuracy_sentences(accuracy, about), *_suite_sentences(suite)],
        "figures": [*_accuracy_figure(accuracy), *_suite_figure(suite)],
        "accuracy": table_of(accuracy, _ACCURACY, caption="Accuracy by set") if len(accuracy) else None,
        "gaps": table_of(gaps, _OF_SETS, caption="Differences in accuracy between groups of the sets")
        if len(gaps)
        else None,
        "suite": _suite_table(suite) if len(suite) else None,
        "all_shown": len(suite) <= MOST_SHOWN,
        "notes": list(notes),
    }


def _accuracy_sentences(accuracy: pd.DataFrame, about: Mapping[str, str]) -> list[str]:
    return [
        f"On {row['dataset']} the classifier fitted on {about['fit']} is right for "
        f"{fmt.percent(row['adapted'])} of {fmt.integer(row['n'])} images, zero-shot for "
        f"{fmt.percent(row['zero_shot'])}: {fmt.points(row['difference'])} points "
        f"{fmt.points_interval(row['low'], row['high'])}."
        for row in accuracy.to_dict("records")
    ]


def _suite_sentences(suite: pd.DataFrame) -> list[str]:
    sentences = []
    for probe, own in suite.groupby("probe", sort=False):
        narrower, wider = (int((own["effect"] == effect).sum()) for effect in (NARROWER, WIDER))
        widest = [100 * own[side].abs().max() for side in ("before", "after")]
        sentences.append(
            f"{fmt.words(probe)}, fitted on {own['fitted_on'].iloc[0]}: of {len(own)} differences between "
            f"groups {narrower} become narrower and {wider} wider beyond noise; the widest goes from "
            f"{widest[0]:.1f} to {widest[1]:.1f} points."
        )
    return sentences


def _accuracy_figure(accuracy: pd.DataFrame) -> list[Figure]:
    if accuracy.empty:
        return []
    rows = accuracy.rename(columns={"dataset": "label"})
    svg = forest_around_zero(
        [("", rows)], centre="difference", low="low", high="high", n="n",
        axis="points above or below zero-shot", name="fig-accuracy", title="Accuracy, adapted less zero-shot",
        lead="Change of accuracy",
    )  # fmt: skip
    return [Figure(svg=svg, caption="Change of accuracy by set, on the same images.", table="accuracy-t")]


def _suite_figure(suite: pd.DataFrame) -> list[Figure]:
    drawn = suite[suite["change"].notna()].sort_values("p", kind="stable").head(MOST_DRAWN)
    if drawn.empty:
        return []
    blocks = [
        (fmt.words(probe), own.assign(label=[_label(row) for row in own.to_dict("records")]))
        for probe, own in drawn.groupby("probe", sort=False)
    ]
    svg = forest_around_zero(
        blocks, centre="change", low="low", high="high", n="n_group", axis="change of the difference, points",
        name="fig-suite", title="Change of differences between groups", lead="Change of a difference",
    )  # fmt: skip
    caption = (
        "The differences between groups with the strongest evidence of a change: adapted less zero-shot, "
        "with their sign. Diamonds: adjusted p below .05."
    )
    return [Figure(svg=svg, caption=caption, table="suite-t")]


def _label(row: Mapping[Any, Any]) -> str:
    return f"{fmt.words(row['group'])} less {fmt.words(row['reference'])}"


def _suite_table(suite: pd.DataFrame) -> Table:
    shown = suite.sort_values("p_adjusted", kind="stable", na_position="last").head(MOST_SHOWN)
    return table_of(shown, _OF_SUITE, caption="Differences between groups of the suite")
