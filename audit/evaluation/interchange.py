"""Tables that others read: CLIP_benchmark's CSV, a row of open_clip's table, averages over lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from audit.evaluation.evaluation_result import EvaluationResult
from clipmodel.evaluation.registry.catalogue import set_lists

LIST_OF_38: Final = "datacomp38"
AVERAGE_COLUMN: Final = "Average perf. on 38 datasets"
OPEN_CLIP_COLUMNS: Final = ("name", "pretrained", "params (M)", "FLOPs (B)", AVERAGE_COLUMN)
IDENTITY: Final = ("dataset", "model", "pretrained", "task", "language", "model_fullname")
KEPT: Final = ("n", "seed", "fingerprint", "preprocessing", "images_sha256", "labels_sha256", "main_metric")
LINEAR: Final = "lp_"


def results_frame(results: Sequence[EvaluationResult]) -> pd.DataFrame:
    """One row per result: CLIP_benchmark's columns first (read by name), then what they lack.

    Columns METRIC_low and METRIC_high stand next to each metric. `dataset` carries no "wds/" prefix, as in
    their published benchmark.csv.
    """
    rows: list[dict[str, Any]] = []
    for result in results:
        identity = (result.dataset, result.model, result.pretrained, result.task, result.language)
        row: dict[str, Any] = dict(
            zip(IDENTITY, (*identity, f"{result.model} {result.pretrained}"), strict=True)
        )
        row |= {name: one.value for name, one in result.metrics.items()}
        row["n"] = result.main.n
        row["main_metric"] = result.main_metric
        row |= {key: result.details[key] for key in KEPT if key in result.details}
        row |= {f"{name}_low": one.low for name, one in result.metrics.items()}
        row |= {f"{name}_high": one.high for name, one in result.metrics.items()}
        rows.append(row)
    return pd.DataFrame(rows)


@dataclass(frozen=True, kw_only=True)
class ListAverage:
    """The mean of the main metrics of a list of sets.

    Attributes
    ----------
    name, title, source
        Of the list.
    value
        NaN unless all sets are there.
    present
        Set -> value.
    missing
        Sets without a value: named, not dropped.
    """

    name: str
    title: str
    source: str
    value: float
    present: Mapping[str, float]
    missing: Sequence[str]


def list_average(values: Mapping[str, Mapping[str, float]], name: str) -> ListAverage:
    """Average over a list of the registry.

    Parameters
    ----------
    values
        Set -> metric -> value.
    name
        Of the list; without a correction for chance, as the publications average.
    """
    found = set_lists()[name]
    present = {
        member.set: float(values[member.set][member.metric])
        for member in found.members
        if member.set in values and np.isfinite(values[member.set].get(member.metric, np.nan))
    }
    missing = [member.set for member in found.members if member.set not in present]
    # NaN unless all sets are there: an average over fewer sets is no longer the published one.
    value = float(np.mean(list(present.values()))) if not missing else float("nan")
    return ListAverage(
        name=name, title=found.title, source=found.source, value=value, present=present, missing=missing
    )


def metric_values(
    results: Sequence[EvaluationResult], *, task: str | None = None
) -> dict[str, dict[str, float]]:
    """Set -> metric -> value of one model's results; the "lp_" of a linear probe's metrics is dropped."""
    found: dict[str, dict[str, float]] = {}
    for result in results:
        if task is None or result.task == task:
            own = {name.removeprefix(LINEAR): one.value for name, one in result.metrics.items()}
            found.setdefault(result.dataset, {}).update(own)
    return found


def open_clip_row(
    results: Sequence[EvaluationResult], *, parameters: int | None = None, flops: float | None = None
) -> dict[str, Any]:
    """A row of open_clip's docs/openclip_results.csv, to merge with its table.

    Sets that are missing are NaN, and the average is NaN then. The average of a published row is that of
    unrounded values, ours of the columns shown: with 38 values rounded to four digits (each off by at most
    5e-5, on average by nearly nothing) and the average rounded as well, the two agree to 1e-4 in any case and
    to 5.3e-5 in all 121 published rows.

    Parameters
    ----------
    results
        Of one model, zero-shot.
    parameters, flops
        Counts of the model, if known.

    Raises
    ------
    ValueError
        The results are of several models.
    """
    names = {(result.model, result.pretrained) for result in results}
    if len(names) != 1:
        raise ValueError(f"a row is of one model, not of {len(names)}")
    ((model, pretrained),) = names
    zero_shot = [result for result in results if result.task != "linear_probe"]
    average = list_average(metric_values(zero_shot), LIST_OF_38)
    columns = {
        member.column: average.present.get(member.set, float("nan"))
        for member in set_lists()[LIST_OF_38].members
    }
    return {
        "name": model,
        "pretrained": pretrained,
        # Two digits, as their table has them.
        "params (M)": float("nan") if parameters is None else round(parameters / 1e6, 2),
        "FLOPs (B)": float("nan") if flops is None else round(flops / 1e9, 2),
        AVERAGE_COLUMN: average.value,
        **columns,
    }
