"""Paired changes on a page: between the designs of one audit, and between two audits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from audit import formatting as fmt
from audit.comparison.compare import Comparison
from audit.conclusions.error_control import distinct_contrasts
from audit.figures.specification_and_change import change_forest, gap_change_forest
from audit.report import components
from audit.report.components import ADJUSTED_P, INTERVAL, NOTE, P_VALUE, Column, between, table_of
from audit.report.section import ReportContext, Section
from audit.report.verdict_strip import Verdict, verdict
from probes.rules.rule_registry import rule_words

CHANGES_SHOWN, BETTER_SHOWN = 6, 2
"""Rows before the table of all changes is unfolded: what a screen holds, with room for good news."""
ROWS_LISTED: Final = 200
COLUMNS: Final = (
    Column("group", "Group", fmt.words),
    Column("by", "By", lambda by: fmt.words(by) or fmt.MISSING),
    Column("outcome", "Outcome", fmt.words),
    Column("pair", "Specification"),
    Column("n", "n", fmt.integer, number=True),
    Column("clusters", "Clusters", fmt.integer, number=True),
    Column("rate_first", "First", fmt.percent, number=True),
    Column("rate_second", "Second", fmt.percent, number=True),
    Column("only_first", "Only in first", fmt.integer, number=True),
    Column("only_second", "Only in second", fmt.integer, number=True),
    Column("change", "Change, points", fmt.points, number=True),
    Column(between("low", "high", fmt.points_interval), INTERVAL, number=True),
    ADJUSTED_P,
    Column("omnibus_p", "p, all specifications equal", fmt.p_value, number=True),
    NOTE,
)
GAP_COLUMNS: Final = (
    Column(components.contrast, "Contrast"),
    Column("outcome", "Outcome", fmt.words),
    Column("pair", "Specification"),
    Column("n_group", "n", fmt.integer, number=True),
    Column("clusters_group", "Clusters", fmt.integer, number=True),
    Column("n_reference", "n of reference", fmt.integer, number=True),
    Column("clusters_reference", "Its clusters", fmt.integer, number=True),
    Column("gap_first", "First difference, points", fmt.points, number=True),
    Column("gap_second", "Second", fmt.points, number=True),
    Column("change", "Change, points", fmt.points, number=True),
    Column(between("low", "high", fmt.points_interval), INTERVAL, number=True),
    P_VALUE,
    ADJUSTED_P,
    NOTE,
)


@dataclass(frozen=True, kw_only=True)
class Changes:
    """Changes of one probe: figures, one an outcome, and the table of all."""

    id: str
    title: str
    figures: Sequence[components.Figure]
    table: components.Table


def build(context: ReportContext) -> list[Changes]:
    """Return what another class design or template of each probe changes, image by image."""
    return paired_of(context.result.paired, context.result.manifest)


def paired_of(paired: pd.DataFrame, manifest: Mapping[str, Any]) -> list[Changes]:
    """Return the parts of `build` from the table `paired`."""
    found = []
    for probe in manifest["probes"]:
        own = paired[paired["probe"] == probe["name"]]
        if len(own):
            # Intersections are in paired.csv: they would be most of the table.
            own = own[~own["by"].str.contains(" x ", regex=False)]
            own = own.assign(pair=[_pair(row) for row in own.to_dict("records")])
            found.append(_part(own, manifest, probe=probe, kind="paired"))
    return found


def changes_section(comparison: Comparison, manifest: Mapping[str, Any]) -> list[Changes]:
    """Return what changed between two audits, by probe."""
    found = []
    for probe in manifest["probes"]:
        own = comparison.changes[comparison.changes["probe"] == probe["name"]]
        if len(own):
            own = own.assign(pair=[components.asking(row) for row in own.to_dict("records")])
            found.append(_part(own, manifest, probe=probe, kind="change"))
    return found


def gap_changes_section(comparison: Comparison, manifest: Mapping[str, Any]) -> list[Changes]:
    """Return what changed in the differences between groups, by probe."""
    found = []
    for probe in manifest["probes"]:
        own = comparison.gap_changes[comparison.gap_changes["probe"] == probe["name"]]
        if len(own):
            own = own.assign(pair=[components.asking(row) for row in own.to_dict("records")])
            found.append(_gap_part(own, manifest, probe=probe))
    return found


def _gap_part(rows: pd.DataFrame, manifest: Mapping[str, Any], *, probe: Mapping[str, Any]) -> Changes:
    """As `_part`, of differences between groups."""
    identity = components.slug("gap-change", probe["name"])
    title = "{probe}, {outcome}: change of each difference"
    people = components.single_attributes(probe, manifest)
    found = _first_specifications(
        rows, probe=probe, people=people, identity=identity, title=title, draw=gap_change_forest
    )
    caption = f"{probe['title']}: change of each difference"
    table = table_of(rows.head(ROWS_LISTED), GAP_COLUMNS, caption=caption)
    return Changes(id=identity, title=probe["title"], figures=found, table=table)


def _pair(row: Mapping[Any, Any]) -> str:
    """The two specifications of a row of paired designs, without what they share."""
    differing = [name for name in ("design", "template") if row[name] != row[f"other_{name}"]]
    first = ", ".join(fmt.words(row[name]) for name in differing)
    second = ", ".join(fmt.words(row[f"other_{name}"]) for name in differing)
    return f"{first} to {second}; {rule_words(row['rule'], row['threshold'])}"


def _part(rows: pd.DataFrame, manifest: Mapping[str, Any], *, probe: Mapping[str, Any], kind: str) -> Changes:
    """Figures of the first specification of each outcome, and all rows as a table."""
    identity = components.slug(kind, probe["name"])
    title = "{probe}, {outcome}: change by group"
    people = components.single_attributes(probe, manifest)
    found = _first_specifications(
        rows, probe=probe, people=people, identity=identity, title=title, draw=change_forest
    )
    columns = [column for column in COLUMNS if column.source != "omnibus_p" or "omnibus_p" in rows]
    table = table_of(rows.head(ROWS_LISTED), columns, caption=f"{probe['title']}: paired changes by group")
    return Changes(id=identity, title=probe["title"], figures=found, table=table)


def _first_specifications(
    rows: pd.DataFrame,
    *,
    probe: Mapping[str, Any],
    people: Sequence[str],
    identity: str,
    title: str,
    draw: Callable[..., str],
) -> list[components.Figure]:
    """A figure of the first specification of each outcome, over all images and by attributes of people."""
    found = []
    for outcome in probe["outcomes"]:
        own = rows[(rows["outcome"] == outcome["name"]) & rows["by"].isin(["", *people])]
        if len(own):
            pair = own["pair"].iloc[0]
            heading = title.format(probe=probe["title"], outcome=fmt.words(outcome["title"]))
            name = f"{identity}-{components.slug(outcome['name'])}"
            svg = draw(own[own["pair"] == pair], name=name, title=heading)
            found.append(components.Figure(svg=svg, caption=f"{heading} ({pair}).", table=identity))
    return found


def comparison_page(comparison: Comparison, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of the page of a comparison."""
    about, probes = comparison.about, manifest["probes"]
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
        "changes": changes_section(comparison, manifest),
        "gap_changes": gap_changes_section(comparison, manifest),
    }


def _strip(comparison: Comparison) -> Verdict:
    strip = verdict(comparison.verdict)
    meaning = comparison.sentence or "No margin was given, so this page passes or fails nothing."
    return Verdict(css=strip.css, icon=strip.icon, word=strip.word, meaning=meaning)


def widest_changes(comparison: Comparison) -> pd.DataFrame:
    """Return the widest changes whose adjusted p is below .05, one an outcome and group.

    Rises, which are for the worse, come first: what failed is never pushed out by what improved.
    """
    found = comparison.changes[comparison.changes["p_adjusted"] < 0.05]
    return _widest_of(found, worse=found["change"] > 0)


def _widest_of(changes: pd.DataFrame, *, worse: pd.Series) -> pd.DataFrame:
    """The widest changes for the worse, then those for the better, of which `BETTER_SHOWN` have room."""
    # Stable, so that changes of one size keep the order of the suite.
    by_size = changes.assign(_worse=worse).sort_values(
        "change", key=lambda change: -change.abs(), kind="stable"
    )
    one_each = by_size.drop_duplicates(["probe", "outcome", "by", "group", "_worse"])
    risen, fallen = one_each[one_each["_worse"]], one_each[~one_each["_worse"]]
    room = max(BETTER_SHOWN, CHANGES_SHOWN - len(risen))
    return pd.concat([risen.head(CHANGES_SHOWN), fallen.head(room)]).drop(columns="_worse")


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
    """Return the widest changes of gaps whose adjusted p is below .05, one a contrast; wider gaps first."""
    found = comparison.gap_changes[comparison.gap_changes["p_adjusted"] < 0.05]
    found = found[distinct_contrasts(found.assign(difference=found["change"]))]
    return _widest_of(found, worse=found["gap_second"].abs() > found["gap_first"].abs())


def _widest_gap(row: Mapping[Any, Any], probes: Sequence[Mapping[str, Any]]) -> str:
    return (
        f"{_asked(row, probes)}, {components.contrast(row)}: a difference of "
        f"{fmt.points(row['gap_first'])} percentage points became {fmt.points(row['gap_second'])}, a change "
        f"of {fmt.points(row['change'])} (paired 95\N{NO-BREAK SPACE}% interval "
        f"{fmt.points_interval(row['low'], row['high'])}; adjusted p {fmt.p_value(row['p_adjusted'])}; "
        f"n {fmt.counted(row['n_group'], row['clusters_group'])} and "
        f"{fmt.counted(row['n_reference'], row['clusters_reference'])}; {components.asking(row)})."
    )


SECTION: Final = Section(
    id="paired", title="Paired changes", label="Paired changes", template="changes.html.j2", build=build
)
