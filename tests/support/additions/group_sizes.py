"""The section on the sizes of groups: how many images each group has."""

from __future__ import annotations

from typing import Final

from audit import formatting as fmt
from audit.report.components import Column, Table, table_of
from audit.report.section import ReportContext, Section

COLUMNS: Final = (Column("group", "Group", fmt.words), Column("n", "Images", fmt.integer, number=True))


def build(context: ReportContext) -> Table | None:
    """Return the table of groups; None for an audit without any gap."""
    gaps = context.result.gaps.drop_duplicates(["by", "group"])
    rows = gaps[["group", "n_group"]].rename(columns={"n_group": "n"})
    return table_of(rows, COLUMNS, caption="Images of each group") if len(rows) else None


SECTION: Final = Section(
    id="sizes", title="Sizes of groups", label="Sizes", template="table.html.j2", build=build
)
