"""The section on gaps whose groups several people annotated: their disagreement is in the intervals."""

from __future__ import annotations

from typing import Any, Final

from audit import formatting as fmt
from audit.report.components import INTERVAL, NOTE, Column, between, table_of
from audit.report.section import ReportContext, Section


def build(context: ReportContext) -> dict[str, Any] | None:
    """Return the table; None if no attribute has several annotators."""
    table = context.result.annotators
    if not len(table):
        return None
    rows = [row | {"title": context.titles[row["probe"], row["outcome"]]} for row in table.to_dict("records")]
    caption = "Differences with the disagreement of annotators in their intervals"
    return {"table": table_of(rows, COLUMNS, caption=caption)}


COLUMNS: Final = (
    Column("title", "Outcome"),
    Column("by", "By", fmt.words),
    Column("group", "Group", fmt.words),
    Column("n", "n", fmt.integer, number=True),
    Column("disagreement", "Images they disagree on", fmt.percent, number=True),
    Column("majority_difference", "Difference by the label used", fmt.points, number=True),
    Column("difference", "Over annotators", fmt.points, number=True),
    Column(between("low", "high", fmt.points_interval), INTERVAL, number=True),
    Column("share_of_variance", "Variance due to disagreement", fmt.percent, number=True),
    NOTE,
)
SECTION: Final = Section(
    id="annotators", title="Disagreement of annotators", label="Annotators",
    template="annotators.html.j2", build=build,
)  # fmt: skip
