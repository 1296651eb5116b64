"""The section on outcomes: the rate of each by group, the differences, and the other ways of asking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from audit import figures
from audit import formatting as fmt
from audit.page import parts

SMALL_CELL = 20
"""Cells of fewer images are hatched: with 19 images the 95 % interval spans up to 42 points."""

_MERGE = [*parts.KEYS, "outcome"]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One outcome of one probe: the lead, drawings, the table shown first and that of the other ways of asking."""

    id: str
    title: str
    lead: str
    figures: Sequence[parts.Drawing]
    table: parts.Table
    others: parts.Table | None
    n_others: int


@dataclass(frozen=True, kw_only=True)
class ProbeOutcomes:
    """The outcomes of one probe."""

    title: str
    outcomes: Sequence[Outcome]


def outcome_id(*, probe: str, outcome: str) -> str:
    """Return the id of the section of an outcome, for links to it."""
    return parts.slug("outcome", probe, outcome)


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
        primary = parts.primary_specification(rates, probe=probe)
        if primary is not None:
            outcomes = [_outcome(rates, gaps, probe=probe, outcome=o, primary=primary) for o in probe["outcomes"]]
            sections.append(ProbeOutcomes(title=probe["title"], outcomes=outcomes))
    return sections


def _outcome(
    rates: pd.DataFrame, gaps: pd.DataFrame, *, probe: Mapping[str, Any], outcome: Mapping[str, Any],
    primary: Mapping[str, Any],
) -> Outcome:  # fmt: skip
    own = (rates["probe"] == probe["name"]) & (rates["outcome"] == outcome["name"])
    of_gaps = gaps[(gaps["probe"] == probe["name"]) & (gaps["outcome"] == outcome["name"])]
    shown = parts.of_specification(rates[own], primary)
    shown_gaps = parts.of_specification(of_gaps, primary)
    rest = rates[own & ~rates.index.isin(shown.index)]
    title = f"{probe['title']}: {fmt.words(outcome['title'])}"
    identity = outcome_id(probe=probe["name"], outcome=outcome["name"])
    table = group_table(shown, shown_gaps, probe=probe, caption=f"{title} ({parts.asking(primary)})")
    others = group_table(rest, of_gaps, probe=probe, caption=f"{title}, other ways of asking", ways=True)
    return Outcome(
        id=identity, title=outcome_title(outcome), lead=_lead(shown, shown_gaps, probe=probe),
        figures=_drawings(shown, shown_gaps, probe=probe, identity=identity, title=title), table=table,
        others=others if len(rest) else None, n_others=len(rest[parts.KEYS].drop_duplicates()),
    )  # fmt: skip


def _lead(rates: pd.DataFrame, gaps: pd.DataFrame, *, probe: Mapping[str, Any]) -> str:
    names = parts.attribute_columns({"probes": [probe]})
    overall = rates[(rates[names] == parts.ALL).all(axis=1)].iloc[0]
    sentence = (
        f"Over all pictures: {fmt.percent(overall['rate'])} ({fmt.percent_interval(overall['low'], overall['high'])}), "
        f"{fmt.integer(overall['count'])} of {fmt.integer(overall['n'])}."
    )
    largest = largest_gap(gaps[gaps["by"].isin(parts.single_attributes(probe, of_people=True))])
    if largest is None:
        return sentence
    numbers = parts.contrast_numbers(largest, low="difference_low", high="difference_high")
    return f"{sentence} Largest difference by one attribute: {parts.contrast(largest)}, {numbers}."


def largest_gap(gaps: pd.DataFrame) -> dict[str, Any] | None:
    """Return the contrast of largest absolute difference; None if no difference is defined."""
    size = gaps["difference"].abs()
    if size.notna().sum() == 0:
        return None
    return {str(key): value for key, value in gaps.loc[size.idxmax()].items()}


def _drawings(
    rates: pd.DataFrame, gaps: pd.DataFrame, *, probe: Mapping[str, Any], identity: str, title: str
) -> list[parts.Drawing]:
    table = f"{identity}-t"
    people = parts.single_attributes(probe, of_people=True)
    drawings: list[parts.Drawing] = []

    def draw(svg: str, caption: str) -> None:
        drawings.append(parts.Drawing(svg=svg, caption=caption, table=table))

    if people:
        heading = f"{title}, rate by group"
        svg = figures.rate_forest(
            rates, attributes=people, name=f"{identity}-rates", title=heading, axis="% of the group's pictures"
        )
        draw(svg, f"{heading}, with Wilson 95 % intervals. The dashed line is the rate over all pictures.")
    for suffix, wanted in (("one", people), ("two", [" x ".join(p) for p in parts.pairs_of_attributes(probe)])):
        chosen = gaps[gaps["by"].isin(wanted)]
        if len(chosen):
            heading = f"{title}, difference by {' and '.join(fmt.words(w) for w in wanted)}"
            svg = figures.difference_forest(chosen, name=f"{identity}-gaps-{suffix}", title=heading)
            draw(svg, f"{heading}, with Newcombe 95 % intervals.")
    for rows, columns in parts.pairs_of_attributes(probe):
        heading = f"{title}, rate by {fmt.words(rows)} and {fmt.words(columns)}"
        svg = figures.intersection_map(
            rates, rows=rows, columns=columns, small=SMALL_CELL, name=f"{identity}-map-{parts.slug(rows, columns)}",
            title=heading,
        )  # fmt: skip
        draw(svg, f"{heading}. Hatched: fewer than {SMALL_CELL} pictures.")
    return drawings


def group_table(
    rates: pd.DataFrame, gaps: pd.DataFrame, *, probe: Mapping[str, Any], caption: str, ways: bool = False
) -> parts.Table:
    """Return one row a group: count, rate, and where it was compared its difference from the reference.

    Parameters
    ----------
    rates, gaps
        Rows of one probe and outcome; `gaps` may hold more ways of asking than `rates`.
    ways
        Whether a column names the way of asking.
    """
    names = parts.attribute_columns({"probes": [probe]})
    keys = [*_MERGE, *names]
    wanted = ["reference", "difference", "difference_low", "difference_high", "ratio", "ratio_low", "ratio_high",
              "p_adjusted", "smallest_detectable"]  # fmt: skip
    merged = rates.merge(gaps[[*keys, *wanted, "note"]], on=keys, how="left", suffixes=("", "_gap"))
    rows = [_row(row, names=names, ways=ways) for row in merged.to_dict("records")]
    columns = [
        *parts.text_columns("Group", *(["Way of asking"] if ways else [])),
        *parts.number_columns("n", "Count", "Rate", "95 % interval"),
        *parts.text_columns("Against"),
        *parts.number_columns("Difference, points", "95 % interval", "Ratio", "95 % interval", "Adjusted p",
                              "Smallest detectable, points"),
        *parts.text_columns("Note"),
    ]  # fmt: skip
    return parts.Table(caption=caption, columns=columns, rows=rows)


def _row(row: Mapping[str, Any], *, names: Sequence[str], ways: bool) -> list[str]:
    compared = isinstance(row["reference"], str)
    notes = [note for note in (row["note"], row["note_gap"]) if isinstance(note, str) and note]
    return [
        parts.group_name(row, names),
        *([parts.asking(row)] if ways else []),
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
