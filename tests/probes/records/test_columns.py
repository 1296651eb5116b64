from __future__ import annotations

from probes.records.columns import COLUMNS
from probes.records.schemas import (
    AUDIT_TABLES,
    RECORD_TABLES,
)


def test_every_column_of_every_table_has_a_meaning_and_every_meaning_a_table() -> None:
    tables = (*RECORD_TABLES, *AUDIT_TABLES)
    used = {one.name for table in tables for one in (*table.fixed, *table.optional)}
    assert set(COLUMNS) <= used | {"lowest"}
    for table in (*RECORD_TABLES, *AUDIT_TABLES):
        names = [one.name for one in table.fixed]
        assert len(set(names)) == len(names)
        assert table.meaning
        assert all(one.meaning and not one.meaning.endswith(".") for one in table.fixed)
