from __future__ import annotations

from audit.report.section import ReportContext
from audit.report.sections import reading


def test_the_smallest_group_and_the_limits_are_said(context: ReportContext) -> None:
    found = reading.build(context)
    assert found["min_group"] == 3
    assert f"over {context.result.n_specifications} specifications" in found["multiplicity"]
    assert any("legal" in limit for limit in found["limits"])
