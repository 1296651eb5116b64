"""The section with other tables of groups: spread of the rates, composition of the events, stratified gaps.

Each is about the specification that the report shows first; the CSV files have the others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd

from audit import formatting as fmt
from audit.report import components
from audit.report.components import ADJUSTED_P, INTERVAL, NOTE, P_VALUE, Column, Row, between, table_of
from audit.report.section import ReportContext, Section


@dataclass(frozen=True, kw_only=True)
class View:
    """One table: what it asks, and its rows."""

    title: str
    lead: str
    table: components.Table


@dataclass(frozen=True, kw_only=True)
class _Kind:
    title: str
    lead: str
    columns: Sequence[Column]
    kept: Callable[[pd.DataFrame], pd.DataFrame] = lambda rows: rows


def build(context: ReportContext) -> list[View]:
    """Return the tables that have rows about people in the first specification."""
    result = context.result
    primaries = [
        primary
        for probe in context.probes
        if (primary := components.primary_specification(result.rates, probe=probe)) is not None
    ]
    made = []
    for name, kind in KINDS.items():
        table = getattr(result, name)
        shown = [components.of_specification(table, primary) for primary in primaries]
        rows = pd.concat(shown) if shown else table.iloc[:0]
        rows = kind.kept(rows[components.of_people(rows, result.manifest)])
        if len(rows):
            titled = [
                r | {"title": context.titles[r["probe"], r["outcome"]]} for r in rows.to_dict("records")
            ]
            cells = table_of(titled, kind.columns, caption=kind.title)
            made.append(View(title=kind.title, lead=kind.lead, table=cells))
    return made


def _extreme(name: str) -> Callable[[Row], str]:
    def text(row: Row) -> str:
        group, rate = row[name], row[f"{name}_rate"]
        return f"{fmt.words(group)}, {fmt.percent(rate)}" if group else fmt.MISSING

    return text


def _size(deviation: float) -> str:
    """A standard deviation in points, which has no sign."""
    return fmt.points(deviation).lstrip("+\N{PLUS-MINUS SIGN}")


def _sizes(low: float, high: float) -> str:
    return fmt.MISSING if pd.isna(low + high) else f"{_size(low)} to {_size(high)}"


def _by_one_attribute(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[~rows["by"].str.contains(" x ", regex=False)]


_VARIATION: Final = (
    Column("by", "By", fmt.words),
    Column("title", "Outcome"),
    Column("groups", "Groups", fmt.integer, number=True),
    Column("sd_observed", "Spread seen, points", _size, number=True),
    Column("sd", "Corrected", _size, number=True),
    Column(between("sd_low", "sd_high", _sizes), INTERVAL, number=True),
    P_VALUE,
    Column(_extreme("lowest"), "Lowest"),
    Column(_extreme("highest"), "Highest"),
    Column("n", "n", fmt.integer, number=True),
    NOTE,
)
_COMPOSITION: Final = (
    Column("group", "Group", fmt.words),
    Column("by", "By", fmt.words),
    Column("title", "Outcome"),
    Column("n_events", "Images with it", fmt.integer, number=True),
    Column("count", "Of this group", fmt.integer, number=True),
    Column("clusters", "Clusters", fmt.integer, number=True),
    Column("share_of_events", "Share of them", fmt.percent, number=True),
    Column(between("low", "high", fmt.percent_interval), INTERVAL, number=True),
    Column("share_of_images", "Share of all images", fmt.percent, number=True),
    Column("representation", "Ratio of the shares", fmt.ratio, number=True),
    NOTE,
)
_CONTROLLED: Final = (
    Column(components.contrast, "Contrast"),
    Column("title", "Outcome"),
    Column("control", "Stratified by", fmt.words),
    Column("n_group", "n", fmt.integer, number=True),
    Column("clusters_group", "Clusters", fmt.integer, number=True),
    Column("n_reference", "n of reference", fmt.integer, number=True),
    Column("clusters_reference", "Its clusters", fmt.integer, number=True),
    Column("strata", "Strata", fmt.integer, number=True),
    Column("share_compared", "Share compared", fmt.percent, number=True),
    Column("raw_difference", "Unadjusted, points", fmt.points, number=True),
    Column("difference", "Stratified, points", fmt.points, number=True),
    Column(between("difference_low", "difference_high", fmt.points_interval), INTERVAL, number=True),
    Column("standardised", "Standardised, points", fmt.points, number=True),
    Column(between("standardised_low", "standardised_high", fmt.points_interval), INTERVAL, number=True),
    ADJUSTED_P,
    NOTE,
)
KINDS: Final[dict[str, _Kind]] = {
    "variation": _Kind(
        title="How much rates vary between groups",
        lead="How much does the rate vary between all groups of an attribute? The more groups, the larger "
        "the largest difference by chance alone. The spread is a standard deviation; corrected for what "
        "sampling adds to it (Lum, Zhang and Bower 2022), it is near 0 if no group differs, however many "
        "there are. p is that of chi-squared over the groups, not adjusted.",
        columns=_VARIATION,
    ),
    "composition": _Kind(
        title="Composition of the images with an outcome",
        lead="Of the images with an outcome, how many are of each group? This is P(group | outcome); the "
        "rates above are P(outcome | group). A large group has a large share even if each of its images "
        "gets the outcome less often, so its share of all images is given too: above 1 the ratio says "
        "that the group is overrepresented. By one attribute; intersections are in composition.csv.",
        columns=_COMPOSITION,
        kept=_by_one_attribute,
    ),
    "controlled": _Kind(
        title="Stratified differences",
        lead="Would the groups still differ if they had the same composition? Each is compared with its "
        "reference within the strata of another attribute, and the differences are pooled (Mantel and "
        "Haenszel). A difference that goes away was one of composition. Strata with images on one side only "
        "contribute nothing; the share compared is what is left of the group.",
        columns=_CONTROLLED,
    ),
}  # fmt: skip
SECTION: Final = Section(
    id="views",
    title="Other tables of groups",
    label="Group tables",
    template="other_group_tables.html.j2",
    build=build,
)
