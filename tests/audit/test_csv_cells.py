"""Words that a spreadsheet would run are marked in CSV files, and only there."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from audit import cli
from audit.csv_cells import (
    _merged,
    _texts,
    csv_text,
    is_formula,
    is_raw,
    raw_csv,
    without_formulas,
    write_csv,
)


@pytest.mark.parametrize("word", ["=cmd|' /C calc'!A0", "@SUM(1)", "+1+1", "-1+1", "\t=1", "\r=1"])
def test_formulas_are_found(word: str) -> None:
    assert is_formula(word)


@pytest.mark.parametrize("word", ["A", "-1", "+2.5", "-1e-3", "3-9", "", None, -1.0])
def test_words_and_numbers_are_none(word: object) -> None:
    assert not is_formula(word)


def test_a_table_is_marked_in_its_words_and_column_names() -> None:
    table = pd.DataFrame({"=race": pd.Categorical(["=1", "A"]), "rate": [-0.5, 0.5], "by": [None, "-x"]})
    marked = without_formulas(table)
    assert marked["'=race"].tolist() == ["'=1", "A"]
    assert marked["rate"].tolist() == [-0.5, 0.5]
    assert marked["by"].tolist()[1] == "'-x"
    assert table["=race"].tolist() == ["=1", "A"]


def test_files_are_marked_unless_raw_is_asked_for(tmp_path: Path) -> None:
    table = pd.DataFrame({"race": ["=1+1", "A"], "rate": [0.25, 0.5]})
    write_csv(table, tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_bytes() == b"race,rate\n'=1+1,0.25\nA,0.5\n"
    with raw_csv():
        write_csv(table, tmp_path / "t.csv", float_format="%.1f")
    assert (tmp_path / "t.csv").read_bytes() == b"race,rate\n=1+1,0.2\nA,0.5\n"
    with raw_csv(False):
        assert csv_text(table).startswith("race,rate\n'=1+1")


WORDS = st.one_of(st.none(), st.text("a=,\"\n\r' \u00e9", max_size=4))
FLOATS = st.floats(allow_nan=True, allow_infinity=True)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(WORDS, FLOATS, st.integers(-3, 3), st.booleans()), max_size=6))
def test_the_bytes_are_those_of_pandas(rows: list[tuple[str | None, float, int, bool]]) -> None:
    words, floats, integers, truths = ([row[place] for row in rows] for place in range(4))
    table = pd.DataFrame(
        {
            "a,b": pd.Series(words, dtype=object), "text": pd.Series(words, dtype="str"),
            "kind": pd.Categorical(words), "x": pd.Series(floats, dtype=float),
            "n": pd.Series(integers, dtype=int), "true": pd.Series(truths, dtype=bool),
        }
    )  # fmt: skip
    with raw_csv():
        for float_format in (None, "%.2f"):
            expected = table.to_csv(index=False, lineterminator="\n", float_format=float_format)
            assert csv_text(table, float_format=float_format) == expected


def test_both_zeros_and_types_that_pandas_writes() -> None:
    table = pd.DataFrame({"x": [0.0, -0.0, 0.1], "when": pd.to_datetime(["2026-01-01"] * 3)})
    assert csv_text(table) == table.to_csv(index=False, lineterminator="\n")
    assert csv_text(table[["x"]].assign(y=1)) == "x,y\n0.0,1\n-0.0,1\n0.1,1\n"
    mixed = pd.DataFrame({"a": [1, "x", None], "b": [(1, 2), "y", 2.5]})
    assert csv_text(mixed) == mixed.to_csv(index=False, lineterminator="\n")
    alone = pd.DataFrame({"a": ["", "x"]})
    assert csv_text(alone) == alone.to_csv(index=False, lineterminator="\n")
    assert csv_text(alone.iloc[:0].assign(b=1)) == "a,b\n"


def test_neighbouring_columns_of_few_values_are_written_together() -> None:
    # 4 x 4 x 3 combinations of words and thresholds in 960 rows, then a number of each row's own.
    words = ["A", None, "=1+1", 'a "b", c']
    rows = [
        (one, other, x, n) for n in range(20) for one in words for other in words for x in (0.1, -0.0, None)
    ]
    table = pd.DataFrame(rows, columns=["race", "kind", "threshold", "n"])
    table = table.astype({"race": "str", "kind": "category", "threshold": "float64"}).assign(
        n=range(len(rows))
    )
    merged = _merged([_texts(table[name], None, marked=True) for name in table], len(table))
    assert [len(texts) for _, texts in merged] == [48, 960]
    assert csv_text(table) == without_formulas(table).to_csv(index=False, lineterminator="\n")
    with raw_csv():
        assert csv_text(table) == table.to_csv(index=False, lineterminator="\n")


def test_every_table_is_written_by_the_one_function() -> None:
    """What is not: a table that a program reads again, which says so here."""
    read_again = {
        "audit/csv_cells.py",
        "audit/commands/composed/simulated_audits.py",
        "audit/commands/calibrate.py",
    }
    root = Path(__file__).parents[2]
    writers = {
        path.relative_to(root).as_posix()
        for path in (root / "audit").rglob("*.py")
        if ".to_csv(" in path.read_text(encoding="utf-8")
    }
    assert writers <= read_again


def test_the_command_line_has_a_flag_for_all_commands(tmp_path: Path) -> None:
    seen = []
    app = typer.Typer(callback=None)
    app.callback()(cli._options)
    app.command("look")(lambda: seen.append(is_raw()))
    app.command("other")(lambda: None)
    for arguments in (["look"], ["--raw-csv", "look"], ["look"]):
        CliRunner().invoke(app, arguments)
    assert seen == [False, True, False]
