"""A model's standard accuracy for the report of an audit: disparities are read beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pandas as pd

from audit.evaluation.evaluation_result import read_results

COLUMNS: Final = ("dataset", "title", "task", "metric", "value", "low", "high", "n", "chance")


def standard_accuracy(folder: Path, fingerprint: str) -> pd.DataFrame:
    """The main metric of each set that was evaluated with these weights.

    Parameters
    ----------
    folder
        An --out folder of clip-audit evaluate.
    fingerprint
        Of the audited model; results of other weights are left out.

    Returns
    -------
    dataset, title, task, metric, value, low, high, n, chance, sorted by task and set; without rows if none
    fits.

    Raises
    ------
    UserError
        The folder has no results.
    """
    rows = [
        {
            "dataset": result.dataset,
            "title": str(result.details.get("title", result.dataset)),
            "task": result.task,
            "metric": result.main_metric,
            "value": result.main.value,
            "low": result.main.low,
            "high": result.main.high,
            "n": result.main.n,
            "chance": float(result.details.get("chance") or float("nan")),
        }
        for result in read_results(folder)
        if result.details.get("fingerprint") == fingerprint
    ]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return table.sort_values(["task", "dataset"], kind="stable", ignore_index=True)
