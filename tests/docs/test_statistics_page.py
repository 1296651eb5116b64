"""docs/statistics.md names every number that an audit prints."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from probes.records.schemas import AUDIT_TABLES

PAGE = Path("docs/statistics.md")
EVERYWHERE = {"n", "count", "clusters", "threshold", "k", "low", "high", "p", "value"}
"""Sizes, settings, and the limits and p of the number beside them."""


@pytest.mark.parametrize("table", AUDIT_TABLES, ids=lambda table: table.name)
def test_every_number_of_a_table_is_explained(table) -> None:
    text = PAGE.read_text(encoding="utf-8")
    words = set(re.findall(r"[a-z][a-z_0-9]+", text))
    starred = tuple(re.findall(r"([a-z_]+_)\*", text))
    numbers = [column.name for column in (*table.before, *table.after) if column.dtype == "float64"]
    limits = {f"{name}_{end}" for name in numbers for end in ("low", "high")}
    sides = {f"{name}_{side}" for name in EVERYWHERE for side in ("group", "reference")}
    missing = [
        name
        for name in numbers
        if name not in words | EVERYWHERE | limits | sides and not name.startswith(starred)
    ]
    assert not missing, f"{table.name}: docs/statistics.md says nothing of {', '.join(missing)}"
