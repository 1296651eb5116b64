"""`clip-audit show` prints tables that fit 80 characters, and all of them as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from audit.cli import app
from tests.audit.support.invented_audit import invented_result


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return invented_result().write(tmp_path_factory.mktemp("runs") / "one")


def shown(*words: object) -> str:
    done = CliRunner().invoke(app, ["show", *map(str, words)], env={"COLUMNS": "80"})
    assert done.exit_code == 0, done.output
    return done.stdout


def test_without_a_table_the_tables_are_listed(folder: Path) -> None:
    text = shown(folder)
    assert "findings" in text
    assert "rates" in text


@pytest.mark.parametrize("table", ["findings", "gaps", "rates", "accuracy", "excluded"])
def test_a_table_fits_80_characters(folder: Path, table: str) -> None:
    assert max(map(len, shown(folder, table, "--limit", 5).splitlines())) <= 80


def test_rows_are_kept_by_value_and_printed_as_json(folder: Path) -> None:
    rows = json.loads(
        shown(folder, "rates", "--where", "probe=occupation", "--where", "skin_tone=dark", "--json")
    )
    assert {row["probe"] for row in rows} == {"occupation"}
    assert {row["skin_tone"] for row in rows} == {"dark"}


def test_an_unknown_table_or_column_is_named(folder: Path) -> None:
    for words, said in ((["nothing"], "no such table"), (["rates", "--where", "x=1"], "COLUMN=VALUE")):
        done = CliRunner().invoke(app, ["show", str(folder), *words])
        assert done.exit_code == 2
        assert said in done.stderr
