from __future__ import annotations

import dataclasses

import pytest

from audit.report.section import ReportContext
from audit.report.sections import specification_curves as section
from audit.statistics.variation.specification_variance import PARTS


def test_a_figure_an_outcome_and_a_row_a_gap_of_people(context: ReportContext) -> None:
    found = section.build(context)
    assert found is not None
    table = context.result.specifications
    # Occupation is asked in one way only; the harms by two designs, argmax and two thresholds.
    asked = table[(table["probe"] == "denigration") & (table["specifications"] > 1)]
    assert set(asked["specifications"]) == {6}
    assert len(found.table.rows) == len(asked)
    assert len(found.figures) == asked["outcome"].nunique()
    assert all("in 6 specifications" in figure.caption for figure in found.figures)


def test_the_parts_of_a_variance_are_told_from_the_largest() -> None:
    parts = dict.fromkeys(PARTS, 0.0) | {"sampling": 1.0, "design": 3.0, "interaction": 0.001}
    row = {f"variance_{name}": value for name, value in parts.items()}
    said = section._sources(row).replace("\N{NO-BREAK SPACE}", " ")
    assert said == "Its variance: design 75.0 %, sampling 25.0 %."  # less than half a percent is left out
    assert sum(section._shares(row).values()) == pytest.approx(1.0)
    assert section._sources({f"variance_{name}": 0.0 for name in PARTS}) == ""


def test_a_single_way_of_asking_has_no_curve(context: ReportContext) -> None:
    table = context.result.specifications.assign(specifications=1)
    alone = dataclasses.replace(context.result, specifications=table)
    assert section.build(ReportContext(result=alone)) is None
