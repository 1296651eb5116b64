from __future__ import annotations

import pytest

from audit.report.section import ReportContext
from audit.report.sections import SECTIONS
from tests.audit.support.invented_audit import invented_result


@pytest.fixture(scope="module")
def context() -> ReportContext:
    return ReportContext(result=invented_result())


def test_titles_and_probes_by_their_names(context: ReportContext) -> None:
    assert context.titles["denigration", "non_human"] == "Denigration, non-human"
    assert context.probe("occupation")["truth"] == "occupation"
    with pytest.raises(StopIteration):
        context.probe("none")


def test_the_cells_are_about_people_only(context: ReportContext) -> None:
    assert {cell.by for cell in context.cells} == {"skin_tone", "gender", "skin_tone x gender"}
    assert context.cells is context.cells  # made once


def test_sections_have_anchors_of_their_own_and_a_template() -> None:
    assert len({section.id for section in SECTIONS}) == len(SECTIONS)
    assert all(
        section.template.endswith(".html.j2") and section.label and section.title for section in SECTIONS
    )
