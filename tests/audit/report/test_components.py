from __future__ import annotations

import pandas as pd

from audit import formatting as fmt
from audit.report.components import Column, between, number_columns, slug, table_of, text_columns

FRAME = pd.DataFrame({"n": [1200], "low": [0.1], "high": [0.25], "group": ["skin_tone"]})


def test_a_cell_comes_from_a_column_or_a_function_of_the_row() -> None:
    columns = [
        Column("group", "Group", fmt.words), Column("n", "Images", fmt.integer, number=True),
        Column(between("low", "high", fmt.percent_interval), "Interval", number=True),
        Column(lambda row: row["n"] / 100, "Hundreds", "{:.0f}".format),
    ]  # fmt: skip
    table = table_of(FRAME, columns, caption="Sizes")
    assert (table.caption, table.columns) == ("Sizes", columns)
    assert table.rows == [["skin tone", "1,200", "10.0 to 25.0\N{NO-BREAK SPACE}%", "12"]]
    assert table_of(FRAME.to_dict("records"), columns, caption="").rows == table.rows


def test_columns_of_rows_that_are_formatted_already() -> None:
    table = table_of([{"A": "x", "B": "1"}], [*text_columns("A"), *number_columns("B")], caption="")
    assert table.rows == [["x", "1"]] and [column.number for column in table.columns] == [False, True]


def test_an_id_is_safe_whatever_the_names_hold() -> None:
    assert slug("outcome", "Woman or man?") == "outcome-woman-or-man"
    assert slug('a"><b', "") == "a-b-x"
