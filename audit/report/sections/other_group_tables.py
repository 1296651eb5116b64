"""The section with other views of the groups: spread of the rates, make-up of the events, equal make-up.

Each is a table about the way of asking that the page shows first; the other ways lie beside the page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from audit import formatting as fmt
from audit.report import components
from audit.result import AuditResult

Titles = Mapping[tuple[str, str], str]


@dataclass(frozen=True, kw_only=True)
class View:
    """One view: what it asks, and its table."""

    title: str
    lead: str
    table: components.Table


def views_section(result: AuditResult, *, probes: Sequence[Mapping[str, Any]]) -> list[View]:
    """Return the views whose table has rows about people in the first way of asking."""
    titles = {
        (probe["name"], outcome["name"]): f"{probe['title']}, {fmt.words(outcome['title'])}"
        for probe in probes
        for outcome in probe["outcomes"]
    }
    primaries = [
        primary
        for probe in probes
        if (primary := components.primary_specification(result.rates, probe=probe)) is not None
    ]
    made = []
    for table, view in (
        (result.variation, _variation),
        (result.composition, _composition),
        (result.controlled, _controlled),
    ):
        shown = [components.of_specification(table, primary) for primary in primaries]
        rows = pd.concat(shown) if shown else table.iloc[:0]
        rows = rows[components.of_people(rows)]
        if len(rows):
            made.append(view(rows, titles))
    return made


def _variation(rows: pd.DataFrame, titles: Titles) -> View:
    columns = [
        *components.text_columns("By", "Outcome"),
        *components.number_columns("Groups", "Spread seen, points", "Corrected", "95 % interval", "p"),
        *components.text_columns("Lowest", "Highest"),
        *components.number_columns("n"),
        *components.text_columns("Note"),
    ]
    lead = (
        "How much does the rate vary between all groups of an attribute? The more groups, the larger the "
        "largest difference by chance alone. The spread is a standard deviation; corrected, without what "
        "sampling adds to it (Lum, Zhang and Bower 2022), it is near 0 where no group differs, however many "
        "there are. p is that of chi-squared over the groups, not adjusted."
    )
    cells = [
        [
            fmt.words(row["by"]),
            titles[row["probe"], row["outcome"]],
            fmt.integer(row["groups"]),
            _size(row["sd_observed"]),
            _size(row["sd"]),
            _sizes(row["sd_low"], row["sd_high"]),
            fmt.p_value(row["p"]),
            _named(row["lowest"], row["lowest_rate"]),
            _named(row["highest"], row["highest_rate"]),
            fmt.integer(row["n"]),
            row["note"],
        ]
        for row in rows.to_dict("records")
    ]
    title = "How much rates vary between groups"
    return View(title=title, lead=lead, table=components.Table(caption=title, columns=columns, rows=cells))


def _composition(rows: pd.DataFrame, titles: Titles) -> View:
    rows = rows[~rows["by"].str.contains(" x ", regex=False)]
    columns = [
        *components.text_columns("Group", "By", "Outcome"),
        *components.number_columns(
            "Images with it",
            "Of this group",
            "Share of them",
            "95 % interval",
            "Share of all images",
            "Ratio of the shares",
        ),
        *components.text_columns("Note"),
    ]
    lead = (
        "Of the images with an outcome, how many are of each group? This is P(group | outcome); the rates "
        "above are P(outcome | group). A large group has a large share even where each of its images is met "
        "less often, so its share of all images stands beside, and above 1 the ratio says that the group is "
        "met more often than its size would have it. By one attribute; crossings are in composition.csv."
    )
    cells = [
        [
            fmt.words(row["group"]),
            fmt.words(row["by"]),
            titles[row["probe"], row["outcome"]],
            fmt.integer(row["n_events"]),
            fmt.integer(row["count"]),
            fmt.percent(row["share_of_events"]),
            fmt.percent_interval(row["low"], row["high"]),
            fmt.percent(row["share_of_images"]),
            fmt.ratio(row["representation"]),
            row["note"],
        ]
        for row in rows.to_dict("records")
    ]
    title = "Make-up of the images with an outcome"
    return View(title=title, lead=lead, table=components.Table(caption=title, columns=columns, rows=cells))


def _controlled(rows: pd.DataFrame, titles: Titles) -> View:
    columns = [
        *components.text_columns("Contrast", "Outcome", "Controlled for"),
        *components.number_columns(
            "n",
            "n of reference",
            "Strata",
            "Share compared",
            "Without control, points",
            "At equal make-up, points",
            "95 % interval",
            "Standardised, points",
            "95 % interval",
            "Adjusted p",
        ),
        *components.text_columns("Note"),
    ]
    lead = (
        "Would the groups still differ if they were made up alike? Each is compared with its reference "
        "within the strata of what is controlled for, and the differences are joined (Mantel and Haenszel). "
        "A difference that goes away was one of make-up. Strata with images on one side only say nothing; "
        "the share compared is what is left of the group. Images are taken as independent here."
    )
    cells = [
        [
            components.contrast(row),
            titles[row["probe"], row["outcome"]],
            fmt.words(row["control"]),
            fmt.integer(row["n_group"]),
            fmt.integer(row["n_reference"]),
            fmt.integer(row["strata"]),
            fmt.percent(row["share_compared"]),
            fmt.points(row["raw_difference"]),
            fmt.points(row["difference"]),
            fmt.points_interval(row["difference_low"], row["difference_high"]),
            fmt.points(row["standardised"]),
            fmt.points_interval(row["standardised_low"], row["standardised_high"]),
            fmt.p_value(row["p_adjusted"]),
            row["note"],
        ]
        for row in rows.to_dict("records")
    ]
    title = "Differences at equal make-up"
    return View(title=title, lead=lead, table=components.Table(caption=title, columns=columns, rows=cells))


def _named(group: str, rate: float) -> str:
    return f"{fmt.words(group)}, {fmt.percent(rate)}" if group else fmt.MISSING


def _size(deviation: float) -> str:
    """A standard deviation in points, which has no sign."""
    return fmt.points(deviation).lstrip("+\N{PLUS-MINUS SIGN}")


def _sizes(low: float, high: float) -> str:
    return fmt.MISSING if pd.isna(low + high) else f"{_size(low)} to {_size(high)}"
