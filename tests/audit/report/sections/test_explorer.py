from __future__ import annotations

import dataclasses
import math

import pandas as pd
import pytest

from audit.report.packing import unpack_integers
from audit.report.section import ReportContext
from audit.report.sections import explorer
from tests.audit.support.invented_audit import CURVE, HARM_OUTCOMES, THRESHOLDS


def test_shares_in_tenths_are_rounded_as_they_are_written() -> None:
    assert explorer._tenths(pd.Series([0.1234, 1.0, 0.0, math.nan])) == [123, 1000, 0, -1]


def test_everything_that_was_asked_is_offered(context: ReportContext) -> None:
    data = explorer.explorer_data(context)
    occupation, denigration = data["probes"]
    assert (occupation["name"], occupation["curves"], occupation["thresholds"]) == ("occupation", {}, [])
    assert denigration["designs"] == ["default", "with_child"] and denigration["templates"] == ["plain"]
    assert [name for name, _ in denigration["outcomes"]] == list(HARM_OUTCOMES)
    assert denigration["thresholds"] == list(CURVE)
    assert data["start"]["probe"] in {"occupation", "denigration"}


def test_a_curve_is_unpacked_to_its_counts(context: ReportContext) -> None:
    curves = explorer.explorer_data(context)["probes"][1]["curves"]
    curve = curves[explorer.SEPARATOR.join(["default", "plain", "crime", "skin_tone"])]
    counts = unpack_integers(curve["count"])
    place = curve["groups"].index("dark") * len(CURVE)
    # Three genders of 60 images; int(60 x (1 - t)^3) of each are above the threshold t.
    expected = [3 * int(60 * (1 - threshold) ** 3) for threshold in CURVE]
    assert counts[place : place + len(CURVE)] == expected
    assert curve["n"][curve["groups"].index("dark")] == 180


def test_thresholds_are_thinned_but_those_of_the_suite_are_kept(
    context: ReportContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(explorer, "POINTS", 1)  # only the first, the last and those of the suite
    data = explorer.explorer_data(context)
    assert data["probes"][1]["thresholds"] == [CURVE[0], *THRESHOLDS, CURVE[-1]]


def test_without_rates_there_is_nothing_to_explore(context: ReportContext) -> None:
    assert explorer.build(context) is True
    empty = dataclasses.replace(context.result, rates=context.result.rates.iloc[:0])
    assert explorer.build(ReportContext(result=empty)) is None
