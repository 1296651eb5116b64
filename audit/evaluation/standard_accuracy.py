"""A model's standard accuracy for the report of an audit: disparities are read beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from audit.evaluation.evaluation_result import EvaluationResult, read_results
from clipmodel.errors import UserError
from probes.records.schemas import SCHEMAS


def standard_accuracy(results: Sequence[EvaluationResult]) -> pd.DataFrame:
    """The main metric of each result, for `AuditResult.standard`.

    Returns
    -------
    The columns of the schema "standard", sorted by task and set.
    """
    rows = [
        {
            "evaluation_set": result.dataset,
            "evaluation_title": str(result.details.get("title") or result.dataset),
            "evaluation_task": result.task,
            "metric": result.main_metric,
            "value": result.main.value,
            "low": result.main.low,
            "high": result.main.high,
            "n": result.main.n,
            "chance_level": float(result.details.get("chance") or float("nan")),
        }
        for result in results
    ]
    table = pd.DataFrame(rows, columns=SCHEMAS["standard"].columns())
    ordered = table.sort_values(["evaluation_task", "evaluation_set"], kind="stable", ignore_index=True)
    return SCHEMAS["standard"].conform(ordered)


def results_of(folder: Path, fingerprint: str) -> list[EvaluationResult]:
    """The results in a folder that belong to some weights.

    Parameters
    ----------
    folder
        An --out folder of clip-audit evaluate.
    fingerprint
        Of the audited model.

    Raises
    ------
    UserError
        The folder has no results, or none of these weights; the message names the models that it has.
    """
    results = read_results(folder)
    own = [result for result in results if result.details.get("fingerprint") == fingerprint]
    if not own:
        models = ", ".join(dict.fromkeys(result.model_name for result in results))
        raise UserError(
            f"{folder}: results of {models}, none of the weights that are audited",
            remedy="evaluate the same weights (clip-audit evaluate MODEL --on SET), or name sets",
        )
    return own
