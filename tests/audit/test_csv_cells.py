"""Words that a spreadsheet would run are marked in CSV files, and only there."""

from __future__ import annotations

import pandas as pd
import pytest

from audit.csv_cells import is_formula, without_formulas


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
