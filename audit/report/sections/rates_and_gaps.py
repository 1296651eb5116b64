"""The section on outcomes: the rate of each by group, the differences, and the other ways of asking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from audit import figures
from audit import formatting as fmt
from audit.report import components

SMALL_CELL = 20
"""Cells of fewer images are hatched: with 19 images the 95 % interval spans up to 42 points."""

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
    """One outcome of one probe: lead, drawings, the table shown first and that of the other ways of asking.

    The intersections of a harmful outcome stand open on the page; those of the others wait to be opened.
    """

    id: str
    title: str
    lead: str
    figures: Sequence[components.Drawing]
    intersections: Sequence[components.Drawing]
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


def outcomes_section(
    rates: pd.DataFrame, gaps: pd.DataFrame, *, probes: Sequence[Mapping[str, Any]]
) -> list[ProbeOutcomes]:
    """Return the outcomes of every probe of the suite that has rates."""
    sections = []
    for probe in probes:
        primary = components.primary_specification(rates, probe=probe)
        if primary is not None:
            outcomes = [
                _outcome(rates, gaps, probe=probe, outcome=o, primary=primary) for o in probe["outcomes"]
            ]
            sections.append(ProbeOutcomes(title=probe["title"], outcomes=outcomes))
    return sections


def _outcome(
    rates: pd.DataFrame,
    gaps: pd.DataFrame,
    *,
    probe: Mapping[str, Any],
    outcome: Mapping[str, Any],
    primary: Mapping[str, Any],
) -> Outcome:
    own = (rates["probe"] == probe["name"]) & (rates["outcome"] == outcome["name"])
    of_gaps = gaps[(gaps["probe"] == probe["name"]) & (gaps["outcome"] == outcome["name"])]
    shown = components.of_specification(rates[own], primary)
    shown_gaps = components.of_specification(of_gaps, primary)
    rest = rates[own & ~rates.index.isin(shown.index)]
    title = f"{probe['title']}: {fmt.words(outcome['title'])}"
    identity = outcome_id(probe=probe["name"], outcome=outcome["name"])
    table = group_table(shown, shown_gaps, probe=probe, caption=f"{title} ({components.asking(primary)})")
    # By one attribute at most: the crossings in all ways would be most of the page.
    names = components.attribute_columns({"probes": [probe]})
    alone = rest[(rest[names] != components.ALL).sum(axis=1) <= 1]
    others = group_table(alone, of_gaps, probe=probe, caption=f"{title}, other ways of asking", ways=True)
    return Outcome(
        id=identity,
        title=outcome_title(outcome),
        lead=_lead(shown, shown_gaps, probe=probe),
        figures=_drawings(shown, shown_gaps, probe=probe, identity=identity, title=title),
        intersections=_intersections(shown, shown_gaps, probe=probe, identity=identity, title=title),
        intersections_open=bool(outcome["harmful"]),
        table=table,
        others=others if len(rest) else None,
        n_others=len(rest[components.KEYS].drop_duplicates()),
    )


def _lead(rates: pd.DataFrame, gaps: pd.DataFrame, *, probe: Mapping[str, Any]) -> str:
    names = components.attribute_columns({"probes": [probe]})
    overall = rates[(rates[names] == components.ALL).all(axis=1)].iloc[0]
    interval = fmt.percent_interval(overall["low"], overall["high"])
    counted = f"{fmt.integer(overall['count'])} of {fmt.integer(overall['n'])}"
    sentence = f"Over all images: {fmt.percent(overall['rate'])} ({interval}), {counted}."
    largest = largest_gap(gaps[gaps["by"].isin(components.single_attributes(probe, of_people=True))])
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


def _drawings(
    rates: pd.DataFrame, gaps: pd.DataFrame, *, probe: Mapping[str, Any], identity: str, title: str
) -> list[components.Drawing]:
    people = components.single_attributes(probe, of_people=True)
    if not people:
        return []
    heading = f"{title}, rate by group"
    svg = figures.rate_forest(
        rates, attributes=people, name=f"{identity}-rates", title=heading, axis="% of the group's images"
    )
    caption = f"{heading}, with 95 % intervals. The dashed line is the rate over all images."
    by = _differences(gaps, by=people, name=f"{identity}-gaps", title=title, table=f"{identity}-t")
    return [components.Drawing(svg=svg, caption=caption, table=f"{identity}-t"), *by]


def _intersections(
    rates: pd.DataFrame, gaps: pd.DataFrame, *, probe: Mapping[str, Any], identity: str, title: str
) -> list[components.Drawing]:
    drawings = []
    for pair in components.pairs_of_attributes(probe):
        name, table = components.slug(identity, *pair), f"{identity}-t"
        heading = f"{title}, rate by {fmt.words(pair[0])} and {fmt.words(pair[1])}"
        svg = figures.intersection_map(
            rates, rows=pair[0], columns=pair[1], small=SMALL_CELL, name=f"{name}-map", title=heading
        )
        caption = f"{heading}. Hatched: fewer than {SMALL_CELL} images."
        drawings.append(components.Drawing(svg=svg, caption=caption, table=table))
        drawings += _differences(gaps, by=[" x ".join(pair)], name=f"{name}-gaps", title=title, table=table)
    return drawings


def _differences(
    gaps: pd.DataFrame, *, by: Sequence[str], name: str, title: str, table: str
) -> list[components.Drawing]:
    chosen = gaps[gaps["by"].isin(by)]
    if not len(chosen):
        return []
    *first, last = map(fmt.words, by)
    heading = f"{title}, difference by {' and '.join(filter(None, [', '.join(first), last]))}"
    svg = figures.difference_forest(chosen, name=name, title=heading)
    return [components.Drawing(svg=svg, caption=f"{heading}, with Newcombe 95 % intervals.", table=table)]


def group_table(
    rates: pd.DataFrame, gaps: pd.DataFrame, *, probe: Mapping[str, Any], caption: str, ways: bool = False
) -> components.Table:
    """Return one row a group: count, rate, and where it was compared its difference from the reference.

    Parameters
    ----------
    rates, gaps
        Rows of one probe and outcome; `gaps` may hold more ways of asking than `rates`.
    ways
        Whether a column names the way of asking.
    """
    names = components.attribute_columns({"probes": [probe]})
    keys = [*_MERGE, *names]
    merged = rates.merge(gaps[[*keys, *_OF_GAPS]], on=keys, how="left", suffixes=("", "_gap"))
    rows = [_row(row, names=names, ways=ways) for row in merged.to_dict("records")]
    columns = [
        *components.text_columns("Group", *(["Way of asking"] if ways else [])),
        *components.number_columns("n", "Count", "Rate", "95 % interval"),
        *components.text_columns("Against"),
        *components.number_columns(
            "Difference, points",
            "95 % interval",
            "Ratio",
            "95 % interval",
            "Adjusted p",
            "Smallest detectable, points",
        ),
        *components.text_columns("Note"),
    ]
    return components.Table(caption=caption, columns=columns, rows=rows)


def _row(row: Mapping[Any, Any], *, names: Sequence[str], ways: bool) -> list[str]:
    compared = isinstance(row["reference"], str)
    notes = [note for note in (row["note"], row["note_gap"]) if isinstance(note, str) and note]
    return [
        components.group_name(row, names),
        *([components.asking(row)] if ways else []),
        fmt.integer(row["n"]),
        fmt.integer(row["count"]),
        fmt.percent(row["rate"]),
        fmt.percent_interval(row["low"], row["high"]),
        fmt.words(row["reference"]) if compared else fmt.MISSING,
        fmt.points(row["difference"]),
        fmt.points_interval(row["difference_low"], row["difference_high"]),
        fmt.ratio(row["ratio"]),
        fmt.ratio_interval(row["ratio_low"], row["ratio_high"]),
        fmt.p_value(row["p_adjusted"]),
        fmt.points(row["smallest_detectable"]).lstrip("+"),
        "; ".join(dict.fromkeys(notes)),
    ]
