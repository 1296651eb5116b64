from __future__ import annotations

from audit.comparison.compare import compare
from audit.comparison.files import render_comparison
from tests.audit.report.test_report import Page
from tests.audit.support.compared_audits import drawn


def test_the_page_is_well_formed_and_its_ids_are_unique() -> None:
    first, second = drawn(300, seed=1, worse=0.2)
    page = Page(render_comparison(compare(first, second), manifest=first.manifest))
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {(a["href"] or "")[1:] for a in page.all("a")} <= set(ids)
    assert len(page.all("figure")) == 2
    assert len(page.tables["Work: change of each difference"]) == 1 + 4  # 2 designs x 2 tones
