"""The reference pages are what the code says, and every column of every table is in the glossary."""

from __future__ import annotations

import pytest

from probes.records.schemas import SCHEMAS
from scripts.build_reference import DOCS, PAGES, TERMS, _type, main


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_up_to_date(name: str) -> None:
    assert (DOCS / name).read_text(encoding="utf-8") == PAGES[name]()
    assert main(["--check"]) == 0


@pytest.mark.parametrize("table", SCHEMAS)
def test_every_column_of_every_table_is_in_the_glossary(table: str) -> None:
    page = (DOCS / "glossary.md").read_text(encoding="utf-8")
    section = page.split(f"### {table}\n")[1].split("\n### ")[0]
    for column in SCHEMAS[table].fixed:
        assert f"| `{column.name}` | {column.dtype} | {column.meaning} |" in section
        assert len(column.meaning) > 5


def test_every_term_has_a_sentence() -> None:
    assert all(meaning.endswith(".") for meaning in TERMS.values())


def test_types_are_said_in_words() -> None:
    assert _type({"type": "array", "items": {"type": "string"}}) == "list of text"
    assert _type({"anyOf": [{"type": "null"}, {"$ref": "#/$defs/Gate"}]}) == "nothing or [Gate](#gate)"
