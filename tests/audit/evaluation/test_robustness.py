"""Robustness of results against the line of standard models."""

from __future__ import annotations

import numpy as np
import pytest

from audit.evaluation.estimates import Estimate
from audit.evaluation.evaluation_result import EvaluationResult
from audit.evaluation.robustness import gap_closed, relative_robustness, robustness_table


def estimate(value: float, n: int = 1000) -> Estimate:
    return Estimate(value=value, low=value - 0.01, high=value + 0.01, n=n, method="Wilson")


def made(
    dataset: str = "cifar10", value: float = 0.5, *, model: str = "ViT-B-32", **rest: object
) -> EvaluationResult:
    metrics = {
        "acc1": estimate(value),
        "acc5": Estimate(value=np.nan, low=np.nan, high=np.nan, n=0, method=""),
    }
    task = "zeroshot_classification"
    return EvaluationResult(
        dataset=dataset, model=model, pretrained="openai", task=task, metrics=metrics, main_metric="acc1",
        details={"seed": 0, "fingerprint": "f"}, **rest,  # type: ignore[arg-type]
    )  # fmt: skip


def test_robustness_of_results() -> None:
    results = [made("imagenet1k", 0.63302), made("imagenetv2", 0.5621), made("imagenet-r", 0.6926)]
    table = robustness_table(
        [*results, made("imagenet1k", 0.7, model="B"), made("imagenetv2", 0.65, model="B")]
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
