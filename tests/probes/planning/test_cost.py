from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from clipmodel.errors import UserError
from probes.datasets.formats.predictions import load_predictions
from probes.datasets.formats.table import TableDataset
from probes.planning import cost
from probes.planning.audit_plan import IMAGES_A_SECOND, TEXTS_A_SECOND, plan
from probes.planning.cost import Cost, estimate
from probes.suite.suite import Suite
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


def test_a_long_curve_costs_memory_for_its_band(data: TableDataset) -> None:
    """1,000 thresholds more: 88 kB each for draws, and 900 bytes for each point of the 16 x 6 curves."""
    suite = suite_of(PROBE)
    short, long = (estimate(plan(suite.model_copy(update={"curve": n}), data)) for n in (11, 1011))
    assert long.peak_bytes - short.peak_bytes == 1000 * (88_000 + 900 * 4 * 4 * 6)


def test_the_sentence_counts_and_turns_to_minutes() -> None:
    few = Cost(
        images=1200, prompts=3, specifications=1, rates=0, curve_points=0, seconds=119, peak_bytes=3 << 29
    )
    assert "1,200 images x 3 prompts x 1 specification;" in few.sentence
    assert "about 119 s of processor time" in few.sentence and "1.5 GB" in few.sentence
    many = Cost(images=1, prompts=1, specifications=2, rates=0, curve_points=0, seconds=600, peak_bytes=0)
    assert "2 specifications; about 10 min" in many.sentence


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("MOST_PROMPTS", "prompts"),
        ("MOST_RATES", "rates"),
        ("MOST_CURVE_POINTS", "points of curves"),
        ("MOST_CURVE_THRESHOLDS", "thresholds of a curve"),
    ],
)
def test_what_is_beyond_any_use_is_refused(
    data: TableDataset, monkeypatch: pytest.MonkeyPatch, name: str, what: str
) -> None:
    monkeypatch.setattr(cost, name, 5)
    with pytest.raises(UserError, match=rf"asks for [\d,]+ {what}; 5 are the most"):
        estimated(data)


def test_predictions_from_a_file_cost_no_embedding(tmp_path: Path) -> None:
    """12 images and 2 prompts; 1 specification x 1 outcome x (all images + 2 groups)."""
    people = pd.DataFrame({"path": [f"{i}.png" for i in range(12)], "gender": ["man", "woman"] * 6})
    people["race"] = ["A", "B", "C", "C"] * 3
    people.to_csv(tmp_path / "t.csv", index=False)
    people.assign(prediction="man").to_csv(tmp_path / "p.csv", index=False)
    suite = Suite.model_validate(
        {
            "suite": "s",
            "label_sets": {
                "own": {"sets": {"identity": [{"name": w, "is": {"gender": w}} for w in ("man", "woman")]}}
            },
            "probes": [
                {"name": "p", "truth": "gender", "label_set": "own", "groups": [["gender"]],
                 "outcomes": {"misclassified": {}}}
            ],
        }
    )  # fmt: skip
    given = estimate(plan(suite, load_predictions(tmp_path / "p.csv")))
    images = estimate(plan(suite, TableDataset(tmp_path / "t.csv")))
    assert (
        (given.images, given.prompts, given.rates)
        == (images.images, images.prompts, images.rates)
        == (12, 2, 3)
    )
    embedding = 12 / IMAGES_A_SECOND + 2 / TEXTS_A_SECOND
    assert images.seconds - given.seconds == pytest.approx(embedding)
    assert images.peak_bytes - given.peak_bytes == cost.MODEL_BYTES
