from __future__ import annotations

import dataclasses

import pytest

from audit.report.section import ReportContext
from audit.report.sections import thresholds
from tests.audit.support.invented_audit import HARM_OUTCOMES, TONES


def test_a_curve_an_outcome_and_a_row_a_group(context: ReportContext) -> None:
    found = thresholds.build(context)
    assert found is not None and len(found["figures"]) == len(HARM_OUTCOMES)
    groups = len(TONES) - 1  # "(missing)" is none
    assert len(found["table"].rows) == groups * len(HARM_OUTCOMES)


def test_the_points_of_the_table_are_those_of_the_curve(context: ReportContext) -> None:
    manifest = {**context.result.manifest, "probes": [context.probe("denigration")]}
    _, rows = thresholds.curves_of(context.result.curves, manifest, thresholds={})
    dark = next(row for row in rows if row["group"] == "dark")
    # Three genders of 60 images; int(60 x .5^3) = 7 of each reach .5.
    assert (dark["n"], dark["0.5"]) == (180, pytest.approx(7 / 60))


def test_without_curves_there_is_no_section(context: ReportContext) -> None:
    flat = dataclasses.replace(context.result, curves=context.result.curves.iloc[:0])
    assert thresholds.build(ReportContext(result=flat)) is None
