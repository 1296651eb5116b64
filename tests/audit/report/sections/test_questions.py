from __future__ import annotations

from audit.report.section import ReportContext
from audit.report.sections import questions


def test_every_probe_is_told_in_the_order_of_the_suite(context: ReportContext) -> None:
    found = questions.build(context)
    assert [one["title"] for one in found] == ["Occupation", "Denigration"]
    assert found[0]["truth"] == "occupation" and found[1]["truth"].startswith("none")
    assert found[0]["groups"] == "split; skin tone; gender; skin tone × gender"
