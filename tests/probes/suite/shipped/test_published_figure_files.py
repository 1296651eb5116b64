from __future__ import annotations

import pytest
from pydantic import ValidationError

from clipmodel.errors import UserError
from probes.suite.shipped.published_figure_files import ReferenceTable, load_figures, shipped_figures

TABLE = {
    "table": "1",
    "title": "T",
    "columns": [{"name": "a"}, {"name": "b"}],
    "rows": [{"name": "r", "values": [1, None]}],
}


@pytest.mark.parametrize("name", shipped_figures())
def test_shipped_figures_are_percentages_with_a_source(name: str) -> None:
    figures = load_figures(name)
    assert figures.source
    values = [v for table in figures.tables for row in table.rows for v in row.values if v is not None]
    assert values and all(0 <= value <= 100 for value in values)
    # A figure with a counterpart names the probe by its table, column or row.
    for table in figures.tables:
        for row in table.rows:
            for column in table.columns if row.counterpart is not None else []:
                assert row.counterpart is not None
                assert table.counterpart.probe or column.counterpart.probe or row.counterpart.probe


def test_a_row_has_a_value_a_column() -> None:
    assert ReferenceTable.model_validate(TABLE).rows[0].values == [1, None]
    with pytest.raises(ValidationError, match="1 values for 2 columns"):
        ReferenceTable.model_validate({**TABLE, "rows": [{"name": "r", "values": [1]}]})


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(UserError, match="file of figures"):
        load_figures("no_such_figures")
