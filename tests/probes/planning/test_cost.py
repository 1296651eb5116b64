from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from clipmodel.errors import UserError
from probes.datasets.formats.table import TableDataset
from probes.planning import cost
from probes.planning.audit_plan import plan
from probes.planning.cost import Cost, estimate
from tests.probes.measures.colours import COLUMNS, PEOPLE
from tests.probes.planning.test_audit_plan import PROBE, suite_of


@pytest.fixture
def data(write_table: Callable[[pd.DataFrame], Path]) -> TableDataset:
    return TableDataset(write_table(pd.DataFrame(PEOPLE, columns=COLUMNS)))


def estimated(data: TableDataset, **changes: Any) -> Cost:
    suite = suite_of({**PROBE, **changes}).model_copy(update={"curve": 11})
    return estimate(plan(suite, data))


def test_the_size_of_the_tables_by_hand(data: TableDataset) -> None:
    found = estimated(data)
    # 12 specifications x 2 outcomes x (all images + 2 genders).
    assert (found.images, found.prompts, found.specifications, found.rates) == (12, 12, 12, 72)
    # 2 designs x 2 templates, 4 events, 6 cells (2 genders x 3 truths), 11 points.
    assert found.curve_points == 4 * 4 * 6 * 11
    assert estimated(data, rules=["argmax"]).curve_points == 0


def test_more_of_anything_costs_more_time_and_memory(data: TableDataset) -> None:
    small, large = estimated(data, rules=["argmax"]), estimated(data)
    assert small.seconds < large.seconds and small.peak_bytes < large.peak_bytes
    assert small.seconds > cost.REPORT_SECONDS


def test_the_sentence_counts_and_turns_to_minutes() -> None:
    few = Cost(
        images=1200, prompts=3, specifications=1, rates=0, curve_points=0, seconds=119, peak_bytes=3 << 29
    )
    assert "1,200 images x 3 prompts x 1 specification;" in few.sentence
    assert "about 119 s on one core" in few.sentence and "1.5 GB" in few.sentence
    many = Cost(images=1, prompts=1, specifications=2, rates=0, curve_points=0, seconds=600, peak_bytes=0)
    assert "2 specifications; about 10 min" in many.sentence


@pytest.mark.parametrize(
    ("name", "what"),
    [("MOST_PROMPTS", "prompts"), ("MOST_RATES", "rates"), ("MOST_CURVE_POINTS", "points of curves")],
)
def test_what_is_beyond_any_use_is_refused(
    data: TableDataset, monkeypatch: pytest.MonkeyPatch, name: str, what: str
) -> None:
    monkeypatch.setattr(cost, name, 5)
    with pytest.raises(UserError, match=rf"asks for [\d,]+ {what}; 5 are the most"):
        estimated(data)
