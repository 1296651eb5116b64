"""The section on non-classification probes: a figure and a table per probe, with its rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from audit import formatting as fmt
from audit.figures import MeasureUnit, measure_forest
from audit.report import components
from audit.report.components import ADJUSTED_P, INTERVAL, NOTE, Column, table_of
from audit.report.section import ReportContext, Section

ROWS_DRAWN, ROWS_LISTED = 16, 150
ROWS_IN_ORDER = 28  # drawn of a probe without p-values, whose rows stay in order


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One probe: what it measures, by which rules, its figure and its table."""

    id: str
    title: str
    question: str
    meaning: str
    rules: str
    figure: components.Figure | None
    table: components.Table
    more: str


def build(context: ReportContext) -> list[Measured]:
    """Return one part for every probe that has measures."""
    return measures_of(context.result.measures, probes=context.probes)


def measures_of(measures: pd.DataFrame, *, probes: Sequence[Mapping[str, Any]]) -> list[Measured]:
    """Return the parts of `build` from the table `measures`."""
    found = [(probe, measures[measures["probe"] == probe["name"]]) for probe in probes]
    return [_part(rows, probe=probe) for probe, rows in found if len(rows)]


def _part(rows: pd.DataFrame, *, probe: Mapping[str, Any]) -> Measured:
    identity = components.slug("measure", probe["name"])
    attributes = components.attribute_columns({"probes": [probe]})
    listed = strongest_evidence(rows).head(ROWS_LISTED) if len(rows) > ROWS_LISTED else rows
    more = (
        f"The {len(listed)} rows with the strongest evidence of {len(rows):,}; measures.csv next to this "
        "report has all."
    )
    return Measured(
        id=identity,
        title=probe["title"],
        question=probe["question"],
        meaning=probe.get("meaning", ""),
        rules=probe.get("rules", ""),
        figure=_figure(rows, probe=probe, identity=identity, attributes=attributes),
        table=_table(listed, probe=probe, attributes=attributes),
        more=more if len(listed) < len(rows) else "",
    )


def unit_of(metric: str, probe: Mapping[str, Any]) -> MeasureUnit:
    """Return what the numbers of a metric are: shares of images, differences of shares, or effects.

    Parameters
    ----------
    probe
        Its entry in the manifest, which holds the units of its kind by the start of a metric's name.
    """
    units: Mapping[str, MeasureUnit] = probe.get("units", {})
    return next((unit for start, unit in units.items() if metric.startswith(start)), "share")


def _is_drawn(metric: str, probe: Mapping[str, Any]) -> bool:
    return metric.startswith(tuple(probe.get("drawn") or ("",)))


def strongest_evidence(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows in the order a reader wants them: by adjusted p, then by size; as they are without p."""
    if rows["p_adjusted"].isna().all():
        return rows
    # 2 is above every p: rows without one come last.
    order = rows.assign(_p=rows["p_adjusted"].fillna(2), _size=-rows["value"].abs())
    return rows.loc[order.sort_values(["_p", "_size"], kind="stable").index]


def item_name(row: Mapping[Any, Any], attributes: Sequence[str]) -> str:
    """Return what a row is about in words: "judge: woman"."""
    group = components.group_name(row, attributes)
    item = fmt.words(row["item"])
    return group if not item else item if group == "all images" else f"{item}: {group}"


def value_text(row: Mapping[Any, Any], probe: Mapping[str, Any]) -> str:
    """Return the value of a row as its kind of number is written."""
    if pd.isna(row["value"]):
        return fmt.MISSING
    unit = unit_of(str(row["metric"]), probe)
    if unit == "effect":
        return f"{row['value']:.2f}".replace("-", fmt.MINUS)
    return fmt.points(row["value"]) if unit == "points" else fmt.percent(row["value"])


def interval_text(row: Mapping[Any, Any], probe: Mapping[str, Any]) -> str:
    """Return the interval of a row likewise."""
    if pd.isna(row["low"]):
        return fmt.MISSING
    unit = unit_of(str(row["metric"]), probe)
    if unit == "effect":
        return f"{row['low']:.2f} to {row['high']:.2f}".replace("-", fmt.MINUS)
    if unit == "points":
        return fmt.points_interval(row["low"], row["high"])
    return fmt.percent_interval(row["low"], row["high"])


def _figure(
    rows: pd.DataFrame, *, probe: Mapping[str, Any], identity: str, attributes: Sequence[str]
) -> components.Figure | None:
    wanted = rows[rows["metric"].map(lambda metric: _is_drawn(str(metric), probe)) & rows["value"].notna()]
    if wanted.empty:
        return None
    template = wanted["template"].iloc[0]
    wanted = wanted[wanted["template"] == template]
    tested = wanted["p_adjusted"].notna().any()
    most = ROWS_DRAWN if tested else ROWS_IN_ORDER
    cut = f" The {most} with the strongest evidence." if tested else f" The first {most}."
    cut = cut if len(wanted) > most else ""
    wanted = strongest_evidence(wanted).head(most) if cut else wanted
    unit = unit_of(str(wanted["metric"].iloc[0]), probe)
    # Shares keep the order of the suite; effects are compared by size.
    if unit != "share" or probe["kind"] == "ranking":
        wanted = wanted.sort_values("value", ascending=False, kind="stable")
    labels = [item_name(row, attributes) for row in wanted.to_dict("records")]
    svg = measure_forest(wanted.assign(label=labels), name=f"fig-{identity}", title=probe["title"], unit=unit)
    shown = f" ({fmt.words(template)})" if template else ""
    return components.Figure(svg=svg, caption=f"{probe['title']}{shown}.{cut}", table=identity)


def _table(rows: pd.DataFrame, *, probe: Mapping[str, Any], attributes: Sequence[str]) -> components.Table:
    columns = (
        Column(lambda row: item_name(row, attributes), "About"),
        Column("metric", "Measure", fmt.words),
        Column("design", "Words", fmt.words),
        Column("template", "Template", fmt.words),
        Column("n", "n", fmt.integer, number=True),
        Column("clusters", "Clusters", fmt.integer, number=True),
        Column(lambda row: value_text(row, probe), "Value", number=True),
        Column(lambda row: interval_text(row, probe), INTERVAL, number=True),
        ADJUSTED_P,
        NOTE,
    )
    return table_of(rows, columns, caption=probe["title"])


SECTION: Final = Section(
    id="measures", title="Other measures", label="Other measures", template="measures.html.j2", build=build
)
