"""Retraining as a mitigation: models that were trained otherwise, judged over training runs.

Two runs of one recipe are two models, and their gaps differ as their seeds do. Images alone cannot tell that
from what the other training did, so the change is that of means over runs of either kind, and its interval
and p allow for another run beside other images (`audit.comparison.run_changes`). With one run on a side
nothing is judged.

Shapes: A and B runs before and after, N images.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from audit.comparison.run_changes import NOT_JUDGED, run_change_table
from audit.comparison.run_effects import Answers, joined_runs
from audit.mitigation.mitigation_tables import MITIGATION_COLUMNS
from audit.statistics.variation.prompt_variance import change_of_runs
from audit.tables.primary import primary_specification
from clipmodel.array_types import Floats
from clipmodel.plurals import number_of

__all__ = ["OverRuns", "retrained_cost", "retrained_rows", "right_of_runs"]

RENAMED: Final = {"first": "before", "second": "after", "mean_low": "low", "mean_high": "high"}
OverRuns = tuple[Floats, Floats, NDArray[np.int64]]
"""[A, N] and [B, N] what each image is in every run, such as classified rightly, and the clusters [N]."""


def retrained_rows(method: str, first: Sequence[Answers], second: Sequence[Answers]) -> pd.DataFrame:
    """What another training does to every gap.

    Parameters
    ----------
    method
        What it is called.
    first, second
        The suite on the same images, by A runs of the training before and B of the other one. Of the first of
        `first` gaps and rates are read.

    Returns
    -------
    Columns `audit.mitigation.mitigation_tables.MITIGATION_COLUMNS`, in the first specification of each probe:
    `before` and `after` are means over runs, `low` and `high` the interval of their change over training runs
    and images, `p_adjusted` Holm's over all gaps. `effect` is "narrower", "wider", "not shown", or "not
    judged: one training run", in which case interval and p are NaN. `note` says how many runs there are;
    `seeds`, which are those of methods that are fitted, is 0.
    """
    changes = run_change_table(first, second)
    gaps = changes[changes["reference"] != ""].rename(columns=RENAMED)
    known = gaps["change"].notna()
    told = f"{number_of(len(second), 'training run')} against {len(first)}"
    own = {str(probe["name"]): primary_specification(first[0].rates, probe=probe) or {}
           for probe in first[0].manifest["probes"]}  # fmt: skip
    places = {
        key: [own[name].get(key, np.nan if key == "threshold" else "") for name in gaps["probe"]]
        for key in ("design", "template", "rule", "threshold")
    }
    few = ~known & gaps["note"].ne("")
    return gaps.assign(
        method=method, **places, specifications=known.astype("int64"),
        narrower_in=(known & (gaps["after"].abs() < gaps["before"].abs())).astype("int64"), seeds=0,
        narrower_in_seeds=0,
        note=[note if is_few else told for note, is_few in zip(gaps["note"], few, strict=True)],
    )[list(MITIGATION_COLUMNS)].reset_index(drop=True)  # fmt: skip


def retrained_cost(
    method: str,
    gaps: pd.DataFrame,
    *,
    attribute: str,
    chance: float,
    measured: Mapping[str, OverRuns | None],
) -> dict[str, Any]:
    """What another training costs: columns `audit.mitigation.mitigation_tables.COST_COLUMNS`.

    Parameters
    ----------
    gaps
        Its rows of `retrained_rows`.
    measured
        leakage, nonlinear, utility -> what each image is in every run; None if it was not measured.
    """
    own = gaps[gaps["by"] == attribute]
    row: dict[str, Any] = {
        "method": method, "attribute": attribute, "chance": chance, "n": 0, "clusters": 0,
        "note": str(gaps["note"].iloc[0]) if len(gaps) else "",
    }  # fmt: skip
    if (gaps["effect"] == NOT_JUDGED).any():
        row["note"] += ", so its change is not judged: another seed may change as much"
    for side in ("before", "after"):
        row[f"widest_gap_{side}"] = float(own[side].abs().max()) if len(own) else np.nan
    for name, values in measured.items():
        if values is not None:
            row |= _over_runs(name, *values)
            row |= {"n": values[0].shape[1], "clusters": len(np.unique(values[2]))}
    return row


def right_of_runs(first: Sequence[Answers], second: Sequence[Answers]) -> OverRuns | None:
    """Whether each image is classified rightly in every run, over all probes with a truth.

    As `audit.mitigation.mitigation_tables.correctness`, over several runs. None if no probe has a truth.
    """
    parts, clusters = [], []
    for probe in first[0].manifest["probes"]:
        wrong = [one["name"] for one in probe["outcomes"] if one["kind"] == "misclassified"]
        for _, outcome, joined in joined_runs(probe, [*first, *second]):
            if outcome in wrong[:1]:
                bits = np.array([list(own) for own in joined["outcome_bits"]])
                parts.append(bits.T == "0")
                clusters.append(joined["cluster"].to_numpy(dtype=object))
    if not parts:
        return None
    right = np.concatenate(parts, axis=1).astype(float)
    codes = np.asarray(pd.factorize(np.concatenate(clusters))[0], dtype=np.int64)
    return right[: len(first)], right[len(first) :], codes


def _over_runs(name: str, first: Floats, second: Floats, clusters: NDArray[np.int64]) -> dict[str, float]:
    """Means before and after, and the change with the interval for other runs and images."""
    values = np.concatenate([first, second]).astype(float)
    number = len(np.unique(clusters))
    found = change_of_runs(
        first.mean(axis=1), second.mean(axis=1), _covariance(values, clusters), freedom=max(number - 1, 1)
    )
    return {
        f"{name}_before": float(first.mean()), f"{name}_after": float(second.mean()),
        f"{name}_change": found.change, f"{name}_low": found.mean_low, f"{name}_high": found.mean_high,
    }  # fmt: skip


def _covariance(values: Floats, clusters: NDArray[np.int64]) -> Floats:
    """[R, R] of the means over images of R runs [R, N]: cluster-robust, with the factor C / (C - 1)."""
    code = np.unique(clusters, return_inverse=True)[1]
    number = int(code.max(initial=0)) + 1
    centred = values - values.mean(axis=1, keepdims=True)
    sums = np.stack([np.bincount(code, weights=own, minlength=number) for own in centred])
    scale = number / max(number - 1, 1) / values.shape[1] ** 2
    return np.asarray(scale * sums @ sums.T, dtype=np.float64)
