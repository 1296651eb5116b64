"""The section that sets a publication's figures next to the results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from audit import formatting as fmt
from audit.report import components
from audit.report.components import Column, table_of
from audit.report.section import ReportContext, Section
from audit.tables.published_figures import published_table


@dataclass(frozen=True, kw_only=True)
class Beside:
    """A publication: where its figures come from, and its tables with the results between their rows."""

    title: str
    source: str
    note: str
    tables: Sequence[tuple[components.Table, str]]


def build(context: ReportContext) -> Beside | None:
    """Return the figures of `published_figures.published_table` as tables; None without references."""
    result = context.result
    figures = published_table(result.manifest, accuracy=result.accuracy, rates=result.rates)
    return published_of(figures, manifest=result.manifest)


def published_of(figures: pd.DataFrame, *, manifest: Mapping[str, Any]) -> Beside | None:
    """Return the section from the figures of `published_figures.published_table`."""
    published = manifest.get("published")
    if not published:
        return None
    tables = [
        (_table(figures[figures["table"] == table["table"]], table), table["note"].strip())
        for table in published["tables"]
    ]
    return Beside(
        title=published["title"],
        source=published["source"],
        note=published["note"].strip(),
        tables=tables,
    )


def _table(figures: pd.DataFrame, table: Mapping[str, Any]) -> components.Table:
    names = [column["name"] for column in table["columns"]]
    rows: list[dict[str, str]] = []
    for name, own in figures.groupby("row", sort=False):
        by_column = own.set_index("column")
        rows.append({"": f"published: {name}"} | {c: fmt.percent(by_column["reference"][c]) for c in names})
        if own["value"].notna().any():
            rows.append({"": f"here: {name}"} | {c: _here(by_column.loc[c]) for c in names})
    number = table["table"]
    caption = f"Table {number}: {table['title']}" if number.isdecimal() else table["title"]
    columns = [Column("", "Row"), *(Column(name, fmt.words(name), number=True) for name in names)]
    return table_of(rows, columns, caption=caption)


def _here(figure: pd.Series) -> str:
    if pd.isna(figure["value"]):
        return fmt.MISSING
    return f"{fmt.percent(figure['value'])} ({fmt.percent_interval(figure['low'], figure['high'])})"


SECTION: Final = Section(
    id="published", title="Published figures", label="Published", template="published.html.j2", build=build
)
