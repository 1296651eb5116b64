"""The section on specification curves: how each gap of people moves over the ways of asking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from audit import formatting as fmt
from audit.figures.specification_and_change import specification_curve
from audit.report import components
from audit.result import AuditResult
from audit.statistics.specification_variance import PARTS
from audit.tables.specification_curves import GAP

TABLE_ID = "specifications-t"


@dataclass(frozen=True, kw_only=True)
class Specifications:
    """Specification curves, a drawing for the widest gap of each outcome, and the table of all gaps."""

    figures: Sequence[components.Drawing]
    table: components.Table


def specifications_section(
    result: AuditResult, *, probes: Sequence[Mapping[str, Any]]
) -> Specifications | None:
    """Return the section, or None if nothing is asked in more than one way.

    Drawn is, of each outcome, the gap by one attribute of the people shown that is widest in the median way.
    """
    shown = result.specifications[components.of_people(result.specifications)]
    shown = shown[shown["specifications"] > 1]
    if not len(shown):
        return None
    titles = {
        (probe["name"], outcome["name"]): f"{probe['title']}, {fmt.words(outcome['title'])}"
        for probe in probes
        for outcome in probe["outcomes"]
    }
    alone = shown[~shown["by"].str.contains(" x ", regex=False)]
    widest = alone.sort_values("difference_median", key=lambda gap: -gap.abs(), kind="stable")
    first = widest.drop_duplicates(["probe", "outcome"]).sort_index()
    drawings = [_drawing(result.gaps, row, titles) for row in first.to_dict("records")]
    rows = [_row(row, titles) for row in shown.to_dict("records")]
    return Specifications(figures=drawings, table=_table(rows))


def _drawing(
    gaps: pd.DataFrame, row: Mapping[Any, Any], titles: Mapping[tuple[str, str], str]
) -> components.Drawing:
    own = gaps[(gaps[list(GAP)] == [row[name] for name in GAP]).all(axis=1)]
    title = (
        f"{titles[row['probe'], row['outcome']]}: {components.contrast(row)}, in {row['specifications']} ways"
    )
    svg = specification_curve(own, name=components.slug("ways", row["probe"], row["outcome"]), title=title)
    return components.Drawing(svg=svg, caption=f"{title}. {_sources(row)}".strip(), table=TABLE_ID)


def _sources(row: Mapping[Any, Any]) -> str:
    """What the spread of a gap is made of, the largest part first."""
    shares = {part: share for part, share in _shares(row).items() if share >= 0.005}
    if not shares:
        return ""
    ordered = sorted(shares.items(), key=lambda item: -item[1])
    return f"Its variance: {', '.join(f'{part} {fmt.percent(share)}' for part, share in ordered)}."


def _shares(row: Mapping[Any, Any]) -> dict[str, float]:
    total = sum(row[f"variance_{part}"] for part in PARTS)
    return {part: row[f"variance_{part}"] / total if total else float("nan") for part in PARTS}


def _row(row: Mapping[Any, Any], titles: Mapping[tuple[str, str], str]) -> list[str]:
    shares = _shares(row)
    return [
        components.contrast(row), titles[row["probe"], row["outcome"]], fmt.integer(row["specifications"]),
        fmt.points(row["difference_median"]),
        fmt.points_interval(row["difference_min"], row["difference_max"]),
        fmt.percent(row["share_excludes_zero"]), fmt.p_value(row["curve_p_adjusted"]),
        *(fmt.percent(shares[part]) for part in PARTS), row["note"],
    ]  # fmt: skip


def _table(rows: list[list[str]]) -> components.Table:
    columns = [
        *components.text_columns("Contrast", "Outcome"),
        *components.number_columns("Ways", "Median difference, points", "Range", "Excludes zero",
                              "Adjusted p of the curve"),
        *components.number_columns(*(f"Variance: {part}" for part in PARTS)),
        *components.text_columns("Note"),
    ]  # fmt: skip
    return components.Table(caption="Every gap of people over all ways of asking", columns=columns, rows=rows)
