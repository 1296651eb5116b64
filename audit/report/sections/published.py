"""The section that sets a publication's figures beside the results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from audit import formatting as fmt
from audit.report import components


@dataclass(frozen=True, kw_only=True)
class Beside:
    """A publication: where its figures come from, and its tables with the results between their rows."""

    title: str
    source: str
    note: str
    tables: Sequence[tuple[components.Table, str]]


def published_section(figures: pd.DataFrame, *, manifest: Mapping[str, Any]) -> Beside | None:
    """Return the figures of `published_figures.published_table` as tables; None without references."""
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
    rows: list[list[str]] = []
    for name, own in figures.groupby("row", sort=False):
        by_column = own.set_index("column")
        rows.append([f"published: {name}", *(fmt.percent(by_column["reference"][c]) for c in names)])
        if own["value"].notna().any():
            rows.append([f"here: {name}", *(_here(by_column.loc[column]) for column in names)])
    number = table["table"]
    caption = f"Table {number}: {table['title']}" if number.isdigit() else table["title"]
    columns = [*components.text_columns("Row"), *components.number_columns(*map(fmt.words, names))]
    return components.Table(caption=caption, columns=columns, rows=rows)


def _here(figure: pd.Series) -> str:
    if pd.isna(figure["value"]):
        return fmt.MISSING
    return f"{fmt.percent(figure['value'])} ({fmt.percent_interval(figure['low'], figure['high'])})"
