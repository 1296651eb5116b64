"""The section on outcomes: the rate of each by group, the differences, and the other specifications."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from audit import figures
from audit import formatting as fmt
from audit.report import components
from audit.report.components import ADJUSTED_P, IN_BRACKETS, INTERVAL, Column, between, table_of
from audit.report.section import ReportContext, Section
from audit.result import AuditResult

SMALL_CELL = 20
"""Cells of fewer images are hatched: with 19 images the 95 % interval spans up to 42 points."""

READ_POOLED: Final = "\N{BLACK LEFT-POINTING SMALL TRIANGLE}"
"""Marks the pooled rate of a small group, which is to be read in place of the raw one."""

OTHER_ROWS = 60
"""Rows of other specifications that a table of the page lists; rates.csv has all."""

_MERGE = [*components.KEYS, "outcome"]
_OF_GAPS = [
    "reference",
    "difference",
    "difference_low",
    "difference_high",
    "ratio",
    "ratio_low",
    "ratio_high",
    "p_adjusted",
    "smallest_detectable",
    "note",
]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One outcome of one probe: lead, figures, the table shown first and that of the other specifications.

    The intersections of a harmful outcome stand open on the page; those of the others wait to be opened.
    """

    id: str
    title: str
    lead: str
    figures: Sequence[components.Figure]
    intersections: Sequence[components.Figure]
    intersections_open: bool
    table: components.Table
    others: components.Table | None
    n_others: int


@dataclass(frozen=True, kw_only=True)
class ProbeOutcomes:
    """The outcomes of one probe."""

    title: str
    outcomes: Sequence[Outcome]


def outcome_id(*, probe: str, outcome: str) -> str:
    """Return the id of the section of an outcome, for links to it."""
    return components.slug("outcome", probe, outcome)


def outcome_title(outcome: Mapping[str, Any]) -> str:
    """Return the heading of an outcome."""
    title = fmt.words(outcome.get("title") or outcome["name"])
    return title[:1].upper() + title[1:]


def build(context: ReportContext) -> dict[str, Any] | None:
    """Return the outcomes of every probe of the suite that has rates; None without any."""
    rates, probes = context.result.rates, context.probes
    sections = outcomes_of(context.result, probes=probes)
    if not sections:
        return None
    found = [components.primary_specification(rates, probe=probe) for probe in probes]
    asked = list(dict.fromkeys(components.asking(one) for one in found if one is not None))
    first = "the first class design and template of every probe, by its highest-scoring class"
    primary = f"{first} ({'; '.join(asked)})."
    return {"probes": sections, "primary": primary, "small": SMALL_CELL, "mark": READ_POOLED}


def outcomes_of(result: AuditResult, *, probes: Sequence[Mapping[str, Any]]) -> list[ProbeOutcomes]:
    """Return the outcomes of every probe of the suite that has rates."""
    sections = []
    for probe in probes:
        primary = components.primary_specification(result.rates, probe=probe)
        if primary is not None:
            outcomes = [_outcome(result, probe=probe, outcome=o, primary=primary) for o in probe["outcomes"]]
            sections.append(ProbeOutcomes(title=probe["title"], outcomes=outcomes))
    return sections


def _outcome(
    result: AuditResult, *, probe: Mapping[str, Any], outcome: Mapping[str, Any], primary: Mapping[str, Any]
) -> Outcome:
    rates, gaps = result.rates, result.gaps
    people = components.single_attributes(probe, result.manifest)
    pairs = components.pairs_of_attributes(probe, result.manifest)
    own = (rates["probe"] == probe["name"]) & (rates["outcome"] == outcome["name"])
    of_gaps = gaps[(gaps["probe"] == probe["name"]) & (gaps["outcome"] == outcome["name"])]
    shown = components.of_specification(rates[own], primary)
    shown_gaps = components.of_specification(of_gaps, primary)
    rest = rates[own & ~rates.index.isin(shown.index)]
    title = f"{probe['title']}: {fmt.words(outcome['title'])}"
    identity = outcome_id(probe=probe["name"], outcome=outcome["name"])
    table = group_table(shown, shown_gaps, probe=probe, caption=f"{title} ({components.asking(primary)})")
    # By one attribute at most: the intersections in all specifications would be most of the page.
    names = components.attribute_columns({"probes": [probe]})
    alone = rest[(rest[names] != components.ALL).sum(axis=1) <= 1].head(OTHER_ROWS)
    others = group_table(alone, of_gaps, probe=probe, caption=f"{title}, other specifications", every=True)
    return Outcome(
        id=identity,
        title=outcome_title(outcome),
        lead=_lead(shown, shown_gaps, probe=probe, people=people),
        figures=_rate_figures(shown, shown_gaps, people=people, identity=identity, title=title),
        intersections=_intersections(shown, shown_gaps, pairs=pairs, identity=identity, title=title),
        intersections_open=bool(outcome["harmful"]),
        table=table,
        others=others if len(rest) else None,
        n_others=len(rest[components.KEYS].drop_duplicates()),
    )


def _lead(rates: pd.DataFrame, gaps: pd.DataFrame, *, probe: Mapping[str, Any], people: Sequence[str]) -> str:
    names = components.attribute_columns({"probes": [probe]})
    overall = rates[(rates[names] == components.ALL).all(axis=1)].iloc[0]
    interval = fmt.percent_interval(overall["low"], overall["high"])
    counted = f"{fmt.integer(overall['count'])} of {fmt.integer(overall['n'])}"
    sentence = f"Over all images: {fmt.percent(overall['rate'])} ({interval}), {counted}."
    largest = largest_gap(gaps[gaps["by"].isin(people)])
    if largest is None:
        return sentence
    numbers = components.contrast_numbers(largest, low="difference_low", high="difference_high")
    return f"{sentence} Largest difference by one attribute: {components.contrast(largest)}, {numbers}."


def largest_gap(gaps: pd.DataFrame) -> dict[str, Any] | None:
    """Return the contrast of largest absolute difference; None if no difference is defined."""
    size = gaps["difference"].abs()
    if size.notna().sum() == 0:
        return None
    return {str(key): value for key, value in gaps.iloc[int(np.nanargmax(size))].items()}


def _rate_figures(
    rates: pd.DataFrame, gaps: pd.DataFrame, *, people: Sequence[str], identity: str, title: str
) -> list[components.Figure]:
    if not people:
        return []
    heading = f"{title}, rate by group"
    svg = figures.rate_forest(
        rates, attributes=people, name=f"{identity}-rates", title=heading, axis="% of the group's images"
    )
    caption = f"{heading}, with 95 % intervals. The dashed line is the rate over all images. {IN_BRACKETS}"
    by = _differences(gaps, by=people, name=f"{identity}-gaps", title=title, table=f"{identity}-t")
    return [components.Figure(svg=svg, caption=caption, table=f"{identity}-t"), *by]


def _intersections(
    rates: pd.DataFrame,
    gaps: pd.DataFrame,
    *,
    pairs: Sequence[tuple[str, str]],
    identity: str,
    title: str,
) -> list[components.Figure]:
    found = []
    for pair in pairs:
        name, table = components.slug(identity, *pair), f"{identity}-t"
        heading = f"{title}, rate by {fmt.words(pair[0])} and {fmt.words(pair[1])}"
        svg = figures.intersection_map(
            rates, rows=pair[0], columns=pair[1], small=SMALL_CELL, name=f"{name}-map", title=heading
        )
        caption = (
            f"{heading}. Hatched: fewer than {SMALL_CELL} images; there the pooled rate, which draws a small "
            "group towards what its attributes say alone, is closer to the truth on average."
        )
        found.append(components.Figure(svg=svg, caption=caption, table=table))
        found += _differences(gaps, by=[" x ".join(pair)], name=f"{name}-gaps", title=title, table=table)
    return found


def _differences(
    gaps: pd.DataFrame, *, by: Sequence[str], name: str, title: str, table: str
) -> list[components.Figure]:
    chosen = gaps[gaps["by"].isin(by)]
    if not len(chosen):
        return []
    *first, last = map(fmt.words, by)
    heading = f"{title}, difference by {' and '.join(filter(None, [', '.join(first), last]))}"
    svg = figures.difference_forest(chosen, name=name, title=heading)
    caption = f"{heading}, with 95 % intervals. {IN_BRACKETS}"
    return [components.Figure(svg=svg, caption=caption, table=table)]


def group_table(
    rates: pd.DataFrame, gaps: pd.DataFrame, *, probe: Mapping[str, Any], caption: str, every: bool = False
) -> components.Table:
    """Return one row per group: count, rate, and if it was compared its difference from the reference.

    Parameters
    ----------
    rates, gaps
        Rows of one probe and outcome; `gaps` may hold more specifications than `rates`.
    every
        Whether a column names the specification.
    """
    names = components.attribute_columns({"probes": [probe]})
    keys = [*_MERGE, *names]
    merged = rates.merge(gaps[[*keys, *_OF_GAPS]], on=keys, how="left", suffixes=("", "_gap"))
    rows = [row | {"name": components.group_name(row, names)} for row in merged.to_dict("records")]
    # Without weights Kish's number is n; half an image covers rounding.
    weighted = bool((rates["kish_n"] - rates["n"]).abs().max() > 0.5)
    columns = [COLUMNS[0], *([_SPECIFICATION] if every else []), *COLUMNS[1:3]]
    columns += [*([_KISH] if weighted else []), *COLUMNS[3:]]
    return table_of(rows, columns, caption=caption)


def _reference(row: Mapping[Any, Any]) -> str:
    return fmt.words(row["reference"]) if isinstance(row["reference"], str) else fmt.MISSING


def _pooled(row: Mapping[Any, Any]) -> str:
    """The pooled rate, marked where it is what to read: the group is small."""
    mark = f" {READ_POOLED}" if row["n"] < SMALL_CELL and not np.isnan(row["pooled"]) else ""
    return fmt.percent(row["pooled"]) + mark


def _note(row: Mapping[Any, Any]) -> str:
    notes = [note for note in (row["note"], row["note_gap"]) if isinstance(note, str) and note]
    return "; ".join(dict.fromkeys(notes))


_KISH: Final = Column("kish_n", "Effective n (Kish)", fmt.integer, number=True)
_SPECIFICATION: Final = Column(components.asking, "Specification")
COLUMNS: Final = (
    Column("name", "Group"),
    Column("n", "n", fmt.integer, number=True),
    Column("clusters", "Clusters", fmt.integer, number=True),
    Column("count", "Count", fmt.integer, number=True),
    Column("rate", "Rate", fmt.percent, number=True),
    Column(between("low", "high", fmt.percent_interval), INTERVAL, number=True),
    Column(_pooled, "Pooled rate", number=True),
    Column(between("pooled_low", "pooled_high", fmt.percent_interval), INTERVAL, number=True),
    Column(_reference, "Against"),
    Column("difference", "Difference, points", fmt.points, number=True),
    Column(between("difference_low", "difference_high", fmt.points_interval), INTERVAL, number=True),
    Column("ratio", "Ratio", fmt.ratio, number=True),
    Column(between("ratio_low", "ratio_high", fmt.ratio_interval), INTERVAL, number=True),
    ADJUSTED_P,
    Column(
        "smallest_detectable", "Smallest detectable, points", lambda v: fmt.points(v).lstrip("+"), number=True
    ),
    Column(_note, "Note"),
)
SECTION: Final = Section(
    id="outcomes",
    title="Rates and differences by group",
    label="Rates and gaps",
    template="rates_and_gaps.html.j2",
    build=build,
)
