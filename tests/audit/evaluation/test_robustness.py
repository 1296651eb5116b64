"""Robustness of results against the line of standard models."""

from __future__ import annotations

import numpy as np
import pytest

from audit.evaluation.robustness import gap_closed, relative_robustness, robustness_table
from tests.audit.support.evaluation_results import result_of


def test_robustness_of_results() -> None:
    results = [
        result_of("imagenet1k", 0.63302),
        result_of("imagenetv2", 0.5621),
        result_of("imagenet-r", 0.6926),
    ]
    table = robustness_table(
        [*results, result_of("imagenet1k", 0.7, model="B"), result_of("imagenetv2", 0.65, model="B")]
    )
    v2 = table[(table["shift"] == "imagenetv2") & (table["model"] == "ViT-B-32 openai")].iloc[0]
    assert v2["effective"] == pytest.approx(0.0582, abs=1e-4) and v2["in_range"]
    assert v2["effective_low"] < v2["effective"] < v2["effective_high"]
    assert v2["difference"] == pytest.approx(0.5621 - 0.63302) and v2["baseline_models"] == 85
    on_all = table[table["shift"] == "imagenet-r"].iloc[0]
    assert on_all["id_set"] == "imagenet1k" and "not from the same classes" in on_all["note"]
    change = relative_robustness(table, before="ViT-B-32 openai", after="B openai")
    assert change["relative"].tolist() == [pytest.approx(0.65 - 0.5621)]
    assert gap_closed(0.8, 0.7, 0.6) == pytest.approx(0.5) and np.isnan(gap_closed(0.5, 0.5, 0.6))
