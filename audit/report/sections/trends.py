"""The section on trends: how a rate moves along age, skin tone or another attribute that has an order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from audit import formatting as fmt
from audit.figures.trend_curves import trend_curve
from audit.report import components
from audit.report.components import INTERVAL, Column, between, table_of
from audit.report.section import ReportContext, Section
from audit.tables.trends import KEY

TABLE_ID: Final = "trends-t"
ROWS_LISTED: Final = 120


@dataclass(frozen=True, kw_only=True)
class Trends:
    """A figure for each curve, the table, and the scales, so that no band is silent."""

    figures: Sequence[components.Figure]
    table: components.Table
    scales: Sequence[str]


def build(context: ReportContext) -> Trends | None:
    """Return the section, or None if no attribute of the audit has an order."""
    result = context.result
    trends = result.trends
    if not len(trends):
        return None
    found = []
    curves = result.trend_curves.groupby(list(KEY), sort=False, dropna=False)
    for key, curve in curves:
        row: dict[str, Any] = dict(zip(KEY, key, strict=True))
        title = f"{context.titles[row['probe'], row['outcome']]}, along {fmt.words(row['by'])}"
        svg = trend_curve(
            curve,
            bins=_bins(result.rates, row, context),
            name=components.slug("trend", row["probe"], row["outcome"], row["by"]),
            title=title,
            axis=fmt.words(row["by"]),
        )
        caption = f"{title}: smooth curve with pointwise 95 % intervals; marks are the groups."
        found.append(components.Figure(svg=svg, caption=caption, table=TABLE_ID))
    shown = trends.head(ROWS_LISTED)
    caption = "Trends along attributes that have an order"
    if len(trends) > ROWS_LISTED:
        caption = f"{ROWS_LISTED} of {len(trends)} trends"
    named = zip(shown["probe"], shown["outcome"], strict=True)
    titles = [context.titles[probe, outcome] for probe, outcome in named]
    scales = trends.drop_duplicates(["by", "scale"])
    return Trends(
        figures=found,
        table=table_of(shown.assign(title=titles), COLUMNS, caption=caption),
        scales=[f"{fmt.words(by)}: {scale}" for by, scale in zip(scales["by"], scales["scale"], strict=True)],
    )


def _bins(rates: pd.DataFrame, row: dict[str, Any], context: ReportContext) -> pd.DataFrame:
    """The groups' rates of a specification, each with the score it counts as: at, group, rate, low, high."""
    by = str(row["by"])
    entry = next(one for one in context.result.manifest["attributes"] if one["column"] == by)
    scores = dict(zip(entry["order"], entry["scale"]["scores"], strict=True))
    own = rates[_same(rates, row)]
    others = [one["column"] for one in context.result.manifest["attributes"] if one["column"] != by]
    own = own[(own[others] == "(all)").all(axis=1) & own[by].isin(list(scores))]
    placed = own.assign(at=own[by].map(scores).astype(float), group=own[by].astype("str"))
    return placed[["at", "group", "rate", "low", "high"]].dropna()


def _same(rates: pd.DataFrame, row: dict[str, Any]) -> pd.Series:
    same = pd.Series(True, index=rates.index)
    for name in KEY[:-1]:
        # The rule without a threshold has NaN, which equals nothing.
        missing = isinstance(row[name], float) and np.isnan(row[name])
        same &= rates[name].isna() if missing else rates[name] == row[name]
    return same


def _per_unit(value: float | None) -> str:
    """A change of the rate for one unit, in points with two decimals: years are small units."""
    return "" if value is None or np.isnan(value) else f"{100 * value:+.2f}".replace("-", "\u2212")


def _per_unit_interval(low: float | None, high: float | None) -> str:
    ends = [_per_unit(low), _per_unit(high)]
    return f"{ends[0]} to {ends[1]}" if all(ends) else ""


COLUMNS: Final = (
    Column("title", "Outcome"),
    Column("by", "Along", fmt.words),
    Column("design", "Design", fmt.words),
    Column("template", "Template", fmt.words),
    Column("n", "n", fmt.integer, number=True),
    Column("clusters", "Clusters", fmt.integer, number=True),
    Column("slope", "Points a unit", _per_unit, number=True),
    Column(between("slope_low", "slope_high", _per_unit_interval), INTERVAL, number=True),
    Column("odds_ratio", "Odds ratio a unit", fmt.ratio, number=True),
    Column("p_adjusted", "Adjusted p", fmt.p_value, number=True),
    Column("curved_p", "p of a curve", fmt.p_value, number=True),
    Column("note", "Note"),
)
SECTION: Final = Section(id="trends", title="Trends", label="Trends", template="trends.html.j2", build=build)
