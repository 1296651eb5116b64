"""Paired changes on a page: between the designs of one audit, and between two audits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from audit import formatting as fmt
from audit.comparison.compare import Comparison
from audit.conclusions.findings import distinct_contrasts
from audit.figures.specification_and_change import change_forest, gap_change_forest
from audit.report import components
from audit.report.sections.verdict_and_summary import Verdict, verdict

_NUMBERS: Final = components.number_columns(
    "n", "First", "Second", "Only in first", "Only in second", "Change, points", "95 % interval", "Adjusted p"
)
CHANGES_SHOWN = 6


@dataclass(frozen=True, kw_only=True)
class Changes:
    """Changes of one probe: drawings, one an outcome, and the table of all."""

    id: str
    title: str
    figures: Sequence[components.Drawing]
    table: components.Table


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
            own = own.assign(way=[components.asking(row) for row in own.to_dict("records")])
            found.append(_part(own, probe=probe, kind="change"))
    return found


def gap_changes_section(comparison: Comparison, *, probes: Sequence[Mapping[str, Any]]) -> list[Changes]:
    """Return what changed in the differences between groups, by probe."""
    found = []
    for probe in probes:
        own = comparison.gap_changes[comparison.gap_changes["probe"] == probe["name"]]
        if len(own):
            own = own.assign(way=[components.asking(row) for row in own.to_dict("records")])
            found.append(_gap_part(own, probe=probe))
    return found


def _gap_part(rows: pd.DataFrame, *, probe: Mapping[str, Any]) -> Changes:
    """As `_part`, of differences between groups."""
    identity = components.slug("gap-change", probe["name"])
    title = "{probe}, {outcome}: change of each difference"
    drawings = _first_ways(rows, probe=probe, identity=identity, title=title, draw=gap_change_forest)
    columns = [
        *components.text_columns("Contrast", "Outcome", "Way of asking"),
        *components.number_columns(
            "n",
            "n of reference",
            "First difference, points",
            "Second",
            "Change, points",
            "95 % interval",
            "p",
            "Adjusted p",
        ),
        *components.text_columns("Note"),
    ]
    table = components.Table(
        caption=f"{probe['title']}: change of each difference",
        columns=columns,
        rows=[_gap_row(row) for row in rows.to_dict("records")],
    )
    return Changes(id=identity, title=probe["title"], figures=drawings, table=table)


def _gap_row(row: Mapping[Any, Any]) -> list[str]:
    return [
        components.contrast(row),
        fmt.words(row["outcome"]),
        row["way"],
        fmt.integer(row["n_group"]),
        fmt.integer(row["n_reference"]),
        fmt.points(row["gap_first"]),
        fmt.points(row["gap_second"]),
        fmt.points(row["change"]),
        fmt.points_interval(row["low"], row["high"]),
        fmt.p_value(row["p"]),
        fmt.p_value(row["p_adjusted"]),
        row["note"],
    ]


def _pair(row: Mapping[Any, Any]) -> str:
    """The two ways of asking of a row of paired designs, without what they share."""
    differing = [name for name in ("design", "template") if row[name] != row[f"other_{name}"]]
    first = ", ".join(fmt.words(row[name]) for name in differing)
    second = ", ".join(fmt.words(row[f"other_{name}"]) for name in differing)
    return f"{first} to {second}; {fmt.rule_words(row['rule'], row['threshold'])}"


def _part(rows: pd.DataFrame, *, probe: Mapping[str, Any], kind: str) -> Changes:
    """Drawings of the first way of asking of each outcome, and all rows as a table."""
    identity = components.slug(kind, probe["name"])
    title = "{probe}, {outcome}: change by group"
    drawings = _first_ways(rows, probe=probe, identity=identity, title=title, draw=change_forest)
    tested = "all_ways_p" in rows
    columns = [*components.text_columns("Group", "By", "Outcome", "Way of asking"), *_NUMBERS]
    columns += components.number_columns(*["p, all ways alike"] * tested)
    table = components.Table(
        caption=f"{probe['title']}: paired changes by group",
        columns=[*columns, *components.text_columns("Note")],
        rows=[_row(row) for row in rows.to_dict("records")],
    )
    return Changes(id=identity, title=probe["title"], figures=drawings, table=table)


def _first_ways(
    rows: pd.DataFrame, *, probe: Mapping[str, Any], identity: str, title: str, draw: Callable[..., str]
) -> list[components.Drawing]:
    """A drawing of the first way of asking of each outcome, over all images and by attributes of people."""
    people = ["", *components.single_attributes(probe, of_people=True)]
    drawings = []
    for outcome in probe["outcomes"]:
        own = rows[(rows["outcome"] == outcome["name"]) & rows["by"].isin(people)]
        if len(own):
            way = own["way"].iloc[0]
            heading = title.format(probe=probe["title"], outcome=fmt.words(outcome["title"]))
            name = f"{identity}-{components.slug(outcome['name'])}"
            svg = draw(own[own["way"] == way], name=name, title=heading)
            drawings.append(components.Drawing(svg=svg, caption=f"{heading} ({way}).", table=identity))
    return drawings


def _row(row: Mapping[Any, Any]) -> list[str]:
    return [
        fmt.words(row["group"]),
        fmt.words(row["by"]) or fmt.MISSING,
        fmt.words(row["outcome"]),
        row["way"],
        fmt.integer(row["n"]),
        fmt.percent(row["rate_first"]),
        fmt.percent(row["rate_second"]),
        fmt.integer(row["only_first"]),
        fmt.integer(row["only_second"]),
        fmt.points(row["change"]),
        fmt.points_interval(row["low"], row["high"]),
        fmt.p_value(row["p_adjusted"]),
        *([fmt.p_value(row["all_ways_p"])] if "all_ways_p" in row else []),
        row["note"],
    ]


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
        "widest_gaps": [
            _widest_gap(row, probes) for row in widest_gap_changes(comparison).to_dict("records")
        ],
        "changes": changes_section(comparison, probes=probes),
        "gap_changes": gap_changes_section(comparison, probes=probes),
    }


def _strip(comparison: Comparison) -> Verdict:
    strip = verdict(comparison.verdict)
    meaning = comparison.sentence or "No margin was given, so this page passes or fails nothing."
    return Verdict(css=strip.css, icon=strip.icon, word=strip.word, meaning=meaning)


def widest_changes(comparison: Comparison) -> pd.DataFrame:
    """Return the widest changes whose adjusted p is below .05, one an outcome and group."""
    return _widest_of(comparison.changes[comparison.changes["p_adjusted"] < 0.05])


def _widest_of(changes: pd.DataFrame) -> pd.DataFrame:
    widest_first = changes.sort_values("change", key=lambda change: -change.abs(), kind="stable")
    return widest_first.drop_duplicates(["probe", "outcome", "by", "group"]).head(CHANGES_SHOWN)


def _asked(row: Mapping[Any, Any], probes: Sequence[Mapping[str, Any]]) -> str:
    probe = next(p for p in probes if p["name"] == row["probe"])
    outcome = next(o for o in probe["outcomes"] if o["name"] == row["outcome"])
    return f"{probe['title']}, {fmt.words(outcome['title'])}"


def _widest(row: Mapping[Any, Any], probes: Sequence[Mapping[str, Any]]) -> str:
    return (
        f"{_asked(row, probes)}, {fmt.words(row['group'])}: "
        f"{fmt.percent(row['rate_first'])} to {fmt.percent(row['rate_second'])} of {fmt.integer(row['n'])} "
        f"images, {fmt.points(row['change'])} percentage points (paired 95\N{NO-BREAK SPACE}% interval "
        f"{fmt.points_interval(row['low'], row['high'])}; adjusted p {fmt.p_value(row['p_adjusted'])}; "
        f"{components.asking(row)})."
    )


def widest_gap_changes(comparison: Comparison) -> pd.DataFrame:
    """Return the widest changes of gaps whose adjusted p is below .05, one a contrast."""
    found = comparison.gap_changes[comparison.gap_changes["p_adjusted"] < 0.05]
    return _widest_of(found[distinct_contrasts(found.assign(difference=found["change"]))])


def _widest_gap(row: Mapping[Any, Any], probes: Sequence[Mapping[str, Any]]) -> str:
    return (
        f"{_asked(row, probes)}, {components.contrast(row)}: a difference of "
        f"{fmt.points(row['gap_first'])} percentage points became {fmt.points(row['gap_second'])}, a change "
        f"of {fmt.points(row['change'])} (paired 95\N{NO-BREAK SPACE}% interval "
        f"{fmt.points_interval(row['low'], row['high'])}; adjusted p {fmt.p_value(row['p_adjusted'])}; "
        f"n {fmt.integer(row['n_group'])} and {fmt.integer(row['n_reference'])}; {components.asking(row)})."
    )
