"""The section on gates: the margins of the suite and how each was decided."""

from __future__ import annotations

from typing import Final

from audit import formatting as fmt
from audit.conclusions.gates import margin_words
from audit.report.components import Column, Table, table_of
from audit.report.section import ReportContext, Section

COLUMNS: Final = (
    Column("name", "Gate"),
    Column("verdict", "Verdict"),
    Column(lambda row: margin_words(row["metric"], float(row["margin"])), "Margin", number=True),
    Column("contrasts", "Contrasts", fmt.integer, number=True),
    Column("sentence", "Why"),
)


def build(context: ReportContext) -> Table | None:
    """Return the table of gates; None for a suite without."""
    gates = context.result.gates
    if not len(gates):
        return None
    order = {"FAIL": 0, "INCONCLUSIVE": 1, "PASS": 2}
    ordered = gates.assign(_rank=gates["verdict"].map(order)).sort_values("_rank", kind="stable")
    return table_of(ordered, COLUMNS, caption="The gates of the suite, failed ones first")


SECTION: Final = Section(
    id="gates", title="Gates", label="Gates", template="table.html.j2", build=build, folded=False
)
