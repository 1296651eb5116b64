"""Cells of the overview: which contrast is told, from which side, and how sure it is."""

from __future__ import annotations

import math

import numpy as np
import pytest

from audit.conclusions.overview import (
    Cell,
    at_chance,
    chance_level,
    overview_cells,
    strongest,
)
from audit.result import AuditResult
from tests.audit.support.naive_counts import draw_images, probe_entry, records_of

GATE = {
    "name": "tones", "probe": "work", "outcome": "misclassified", "groups": ["skin_tone"],
    "margin": 0.1, "metric": "difference",
}  # fmt: skip


@pytest.fixture(scope="module")
def result() -> AuditResult:
    images = draw_images(1500, seed=3, extra={"dark": 0.3})
    return AuditResult.from_records(records_of(images, gates=[GATE, GATE | {"name": "b", "margin": 0.2}]))


def cell_of(cells: list[Cell], *, outcome: str = "misclassified", by: str = "skin_tone") -> Cell:
    (found,) = [cell for cell in cells if (cell.outcome, cell.by) == (outcome, by)]
    return found


def test_a_cell_an_outcome_and_grouping_in_the_order_of_the_suite(result: AuditResult) -> None:
    cells = overview_cells(result)
    assert list(dict.fromkeys(cell.outcome for cell in cells)) == ["misclassified", "harm", "crime"]
    assert len(cells) == 9
    assert {cell.by for cell in overview_cells(result, groupings=["gender"])} == {"gender"}


def test_the_planted_gap_is_told_from_the_worse_side(result: AuditResult) -> None:
    cell = cell_of(overview_cells(result))
    rows = result.gaps[(result.gaps["outcome"] == "misclassified") & (result.gaps["group"] == "dark")]
    row = rows[rows["by"] == "skin_tone"].iloc[0]
    assert (cell.worse, cell.state, cell.worse_n) == ("dark", "explored", row["n_group"])
    assert (cell.difference, cell.low) == pytest.approx((row["difference"], row["difference_low"]))
    assert cell.finding.startswith("F") and cell.holds_in == cell.specifications == 1
    # Of the two gates the strictest.
    assert (cell.margin, cell.verdict) == (0.1, "FAIL")
    assert cell_of(overview_cells(result), by="gender").verdict is None


def test_a_contrast_below_zero_is_turned_with_its_interval(result: AuditResult) -> None:
    gaps = result.gaps[(result.gaps["by"] == "gender") & (result.gaps["outcome"] == "misclassified")]
    row = gaps.iloc[0]
    cell = cell_of(overview_cells(result, groupings=["gender"]), by="gender")
    assert cell.difference == pytest.approx(abs(row["difference"]))
    assert cell.worse_rate >= cell.better_rate
    expected = (row["difference_low"], row["difference_high"])
    if row["difference"] < 0:
        expected = (-expected[1], -expected[0])
    assert (cell.low, cell.high) == pytest.approx(expected)
    assert cell.state == "not shown"


def test_cells_without_enough_images_say_so() -> None:
    images = draw_images(400, seed=1).assign(skin_tone=["light"] * 398 + ["dark"] * 2)
    cell = cell_of(overview_cells(AuditResult.from_records(records_of(images))))
    assert cell.state == "too few" and math.isnan(cell.difference) and cell.unjudged == cell.compared


def made(**changes: object) -> Cell:
    values = {
        "probe": "p", "outcome": "o", "by": "tone", "state": "explored", "worse": "dark", "better": "light",
        "worse_rate": 0.4, "better_rate": 0.2, "worse_n": 50, "better_n": 50, "difference": 0.2, "low": 0.1,
        "high": 0.3, "p_adjusted": 0.01, "worse_clusters": 50, "better_clusters": 50,
        "specification": {}, "holds_in": 1,
        "specifications": 1, "finding": "F1", "margin": None, "verdict": None, "compared": 1, "unjudged": 0,
    }  # fmt: skip
    return Cell(**{**values, **changes})  # type: ignore[arg-type]


def test_the_strongest_by_state_then_agreement_then_the_near_end_of_the_interval() -> None:
    shown = made(probe="a", low=0.05)
    confirmed = made(probe="b", state="confirmed", low=0.01)
    wider = made(probe="c", low=0.2)
    half = made(probe="d", low=0.3, specifications=2)
    none = made(probe="e", state="not shown")
    empty = made(probe="f", difference=np.nan)
    assert strongest([none, shown, empty, half, wider, confirmed], count=9) == [
        confirmed, wider, shown, half, none,
    ]  # fmt: skip
    assert strongest([shown, confirmed], count=1) == [confirmed]
    # Another outcome with the same group of the same grouping repeats it.
    assert strongest([shown, made(probe="a", outcome="other", low=0.01)], count=9) == [shown]


def test_the_chance_level_counts_the_truths_in_the_data(result: AuditResult) -> None:
    probe = result.manifest["probes"][0]
    # Four classes are offered, two have images: guessing evenly among what can be right is .5.
    assert chance_level(result, probe) == 0.5
    assert chance_level(result, {**probe, "truth": None}) is None
    assert at_chance(result) == []


def test_a_model_that_always_gives_one_answer_is_at_chance() -> None:
    images = draw_images(600, seed=2).assign(prediction="judge")
    images["truth"] = np.where(np.arange(600) % 10 == 0, "cook", "judge")
    found = at_chance(AuditResult.from_records(records_of(images, probe=probe_entry())))
    ((probe, value, level),) = found
    # 90 % right, and half right of each class.
    assert (probe["name"], value, level) == ("work", pytest.approx(0.5), 0.5)
