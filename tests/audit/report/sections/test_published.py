from __future__ import annotations

import pandas as pd

from audit.report.section import ReportContext
from audit.report.sections import published

NAN = float("nan")
TABLE = {"table": "6", "title": "Crime", "note": " why ", "columns": [{"name": "age"}, {"name": "all"}]}
PUBLISHED = {"title": "A paper", "source": "page 5", "note": "", "tables": [TABLE, TABLE | {"table": "text"}]}
FIGURES = pd.DataFrame(
    [("6", "men", "age", 0.1, 0.2, 0.15, 0.25), ("6", "men", "all", NAN, NAN, NAN, NAN),
     ("6", "women", "age", 0.3, NAN, NAN, NAN), ("6", "women", "all", 0.4, NAN, NAN, NAN)],
    columns=["table", "row", "column", "reference", "value", "low", "high"],
)  # fmt: skip


def test_results_stand_below_the_row_they_belong_to() -> None:
    found = published.published_of(FIGURES, manifest={"published": PUBLISHED})
    assert found is not None and found.title == "A paper"
    (first, note), (second, _) = found.tables
    assert note == "why" and first.caption == "Table 6: Crime" and second.caption == "Crime"
    plain = [[cell.replace("\N{NO-BREAK SPACE}", " ") for cell in row] for row in first.rows]
    assert plain == [
        ["published: men", "10.0 %", "–"],
        ["here: men", "20.0 % (15.0 to 25.0 %)", "–"],
        ["published: women", "30.0 %", "40.0 %"],
    ]


def test_without_references_there_is_no_section(context: ReportContext) -> None:
    assert published.build(context) is None
