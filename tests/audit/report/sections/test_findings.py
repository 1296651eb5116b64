from __future__ import annotations

import dataclasses

import pandas as pd

from audit.report.section import ReportContext
from audit.report.sections import findings


def test_every_finding_is_a_row_and_those_about_people_come_first(context: ReportContext) -> None:
    found = findings.build(context)
    table = context.result.findings
    assert sorted(row.id for row in found.rows) == sorted(table["id"].astype(str)) and len(table) > 0
    of_image = [row.by == "split" for row in found.rows]
    assert of_image == sorted(of_image)
    assert found.states == ["explored"] and "holds out no images" in found.confirmation


def test_the_evidence_leads_to_the_same_contrast(context: ReportContext) -> None:
    row = findings.build(context).rows[0]
    evidence = row.evidence
    assert dict(evidence.facts)["Held-out images"] == "not tested: the suite holds out no images"
    targets = [target for target, _ in evidence.links]
    assert targets[2].startswith("#explore?probe=") and f"outcome-{row.probe}" in targets[0]


def test_the_explorer_is_opened_at_a_threshold_only_under_the_rule_that_has_one() -> None:
    row = {"probe": "p", "outcome": "a b", "design": "d", "template": "t", "by": "x", "group": "y & z",
           "rule": "probability", "threshold": 0.25}  # fmt: skip
    link = "explore?probe=p&outcome=a+b&design=d&template=t&by=x&group=y+%26+z"
    assert findings.explorer_link(row) == f"{link}&threshold=0.25"
    assert findings.explorer_link({**row, "rule": "argmax"}) == link


def test_a_caution_that_most_share_is_said_once() -> None:
    cautions = pd.Series(["Few.", "Few.", "Few. Rare."])
    usual = findings._usual(cautions)
    assert usual == "Few." and [findings._beyond(one, usual) for one in cautions] == ["", "", "Rare."]
    assert findings._usual(pd.Series(["One.", "Two."])) == "" and findings._beyond("One.", "") == "One."


def test_clusters_are_told_where_they_are_known() -> None:
    assert findings._clusters({"clusters_group": 1200, "clusters_reference": 9}) == " (1,200 / 9 clusters)"
    assert findings._clusters({"clusters_group": float("nan"), "clusters_reference": 9}) == ""
    assert findings._clusters({}) == ""


def test_nothing_found_is_no_proof(context: ReportContext) -> None:
    nothing = dataclasses.replace(context.result, findings=context.result.findings.iloc[:0])
    found = findings.build(ReportContext(result=nothing))
    assert not found.rows and "no proof of equality" in found.lead
