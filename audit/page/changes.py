"""Paired changes on a page: between the designs of one audit, and between two audits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from audit import formatting as fmt
from audit.compare import Comparison
from audit.curve_figures import change_forest
from audit.page import parts
from audit.page.verdict import Verdict, verdict

_NUMBERS: Final = parts.number_columns(
    "n", "First", "Second", "Only in first", "Only in second", "Change, points", "95 % interval", "Adjusted p"
)
CHANGES_SHOWN = 6


@dataclass(frozen=True, kw_only=True)
class Changes:
    """Changes of one probe: drawings, one an outcome, and the table of all."""

    id: str
    title: str
    figures: Sequence[parts.Drawing]
    table: parts.Table


def paired_section(paired: pd.DataFrame, *, probes: Sequence[Mapping[str, Any]]) -> list[Changes]:
    """Return what the second way of asking of each probe changes, image by image."""
    found = []
    for probe in probes:
        own = paired[paired["probe"] == probe["name"]]
        if len(own):
            # Crossings lie beside the page, in paired.csv: they would be most of the table.
            own = own[~own["by"].str.contains(" x ", regex=False)]
            own = own.assign(way=[_pair(row) for row in own.to_dict("records")])
            found.append(_part(own, probe=probe, kind="paired"))
    return found


def changes_section(comparison: Comparison, *, probes: Sequence[Mapping[str, Any]]) -> list[Changes]:
    """Return what changed between two audits, by probe."""
    found = []
    for probe in probes:
        own = comparison.changes[comparison.changes["probe"] == probe["name"]]
        if len(own):
            own = own.assign(way=[parts.asking(row) for row in own.to_dict("records")])
            found.append(_part(own, probe=probe, kind="change"))
    return found


def _pair(row: Mapping[Any, Any]) -> str:
    """The two ways of asking of a row of paired designs, without what they share."""
    differing = [name for name in ("design", "template") if row[name] != row[f"other_{name}"]]
    first = ", ".join(fmt.words(row[name]) for name in differing)
    second = ", ".join(fmt.words(row[f"other_{name}"]) for name in differing)
    return f"{first} to {second}; {fmt.rule_words(row['rule'], row['threshold'])}"


def _part(rows: pd.DataFrame, *, probe: Mapping[str, Any], kind: str) -> Changes:
    """Drawings of the first way of asking of each outcome, and all rows as a table."""
    identity = parts.slug(kind, probe["name"])
    people = ["", *parts.single_attributes(probe, of_people=True)]
    drawings = []
    for outcome in probe["outcomes"]:
        own = rows[rows["outcome"] == outcome["name"]]
        if len(own):
            way = own["way"].iloc[0]
            title = f"{probe['title']}, {fmt.words(outcome['title'])}: change by group"
            svg = change_forest(
                own[(own["way"] == way) & own["by"].isin(people)],
                name=f"{identity}-{parts.slug(outcome['name'])}", title=title,
            )  # fmt: skip
            drawings.append(parts.Drawing(svg=svg, caption=f"{title} ({way}).", table=identity))
    columns = [*parts.text_columns("Group", "By", "Outcome", "Way of asking"), *_NUMBERS]
    table = parts.Table(
        caption=f"{probe['title']}: paired changes by group",
        columns=[*columns, *parts.text_columns("Note")],
        rows=[_row(row) for row in rows.to_dict("records")],
    )
    return Changes(id=identity, title=probe["title"], figures=drawings, table=table)


def _row(row: Mapping[Any, Any]) -> list[str]:
    return [
        fmt.words(row["group"]), fmt.words(row["by"]) or fmt.MISSING, fmt.words(row["outcome"]), row["way"],
        fmt.integer(row["n"]), fmt.percent(row["rate_first"]), fmt.percent(row["rate_second"]),
        fmt.integer(row["only_first"]), fmt.integer(row["only_second"]), fmt.points(row["change"]),
        fmt.points_interval(row["low"], row["high"]), fmt.p_value(row["p_adjusted"]), row["note"],
    ]  # fmt: skip


def comparison_page(comparison: Comparison, *, probes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the values of the page of a comparison."""
    about = comparison.about
    return {
        "title": "What changed between two audits",
        "sides": [
            (label, about[side], fmt.integer(about[side]["images"]))
            for label, side in (("First", "first"), ("Second", "second"))
        ],
        "matched": fmt.integer(about["matched"]),
        "same_files": about["same_files"],
        "verdict": _strip(comparison),
        "widest": [_widest(row, probes) for row in widest_changes(comparison).to_dict("records")],
        "changes": changes_section(comparison, probes=probes),
    }


def _strip(comparison: Comparison) -> Verdict:
    strip = verdict(comparison.verdict)
    meaning = comparison.sentence or "No margin was given, so this page passes or fails nothing."
    return Verdict(css=strip.css, icon=strip.icon, word=strip.word, meaning=meaning)


def widest_changes(comparison: Comparison) -> pd.DataFrame:
    """Return the widest changes whose adjusted p is below .05, one an outcome and group."""
    found = comparison.changes[comparison.changes["p_adjusted"] < 0.05]
    found = found.sort_values("change", key=lambda change: -change.abs(), kind="stable")
    return found.drop_duplicates(["probe", "outcome", "by", "group"]).head(CHANGES_SHOWN)


def _widest(row: Mapping[Any, Any], probes: Sequence[Mapping[str, Any]]) -> str:
    probe = next(p for p in probes if p["name"] == row["probe"])
    outcome = next(o for o in probe["outcomes"] if o["name"] == row["outcome"])
    return (
        f"{probe['title']}, {fmt.words(outcome['title'])}, {fmt.words(row['group'])}: "
        f"{fmt.percent(row['rate_first'])} to {fmt.percent(row['rate_second'])} of {fmt.integer(row['n'])} "
        f"images, {fmt.points(row['change'])} percentage points (paired 95\N{NO-BREAK SPACE}% interval "
        f"{fmt.points_interval(row['low'], row['high'])}; adjusted p {fmt.p_value(row['p_adjusted'])}; "
        f"{parts.asking(row)})."
    )
