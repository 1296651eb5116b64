"""Results of a standard evaluation, invented."""

from __future__ import annotations

import numpy as np

from audit.evaluation.estimates import Estimate
from audit.evaluation.evaluation_result import EvaluationResult


def estimate(value: float, n: int = 1000) -> Estimate:
    return Estimate(value=value, low=value - 0.01, high=value + 0.01, n=n, method="Wilson")


def result_of(
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
