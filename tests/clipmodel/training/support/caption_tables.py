"""Tables of images and captions, written and read."""

from __future__ import annotations

from pathlib import Path

from clipmodel.training.data.sources.caption_tables import Columns, TableRows
from clipmodel.training.data.sources.random_access import Rows
from clipmodel.training.data.sources.source import Item


def rows_of(folder: Path, text: str, name: str = "table.csv", **columns: str) -> TableRows:
    (folder / name).write_text(text, encoding="utf-8")
    return TableRows([str(folder / name)], Columns(**columns))


def all_of(rows: Rows) -> list[Item]:
    return [rows.read(i) for i in range(len(rows))]
