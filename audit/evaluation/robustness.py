"""Accuracy under distribution shift beside the accuracy without it: effective and relative robustness."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd

from audit.evaluation.estimates import Estimate
from audit.evaluation.evaluation_result import EvaluationResult
from clipmodel.evaluation.robustness.baseline import SHIFTS, Line, baseline

METRIC: Final = {"zeroshot_classification": "acc1", "linear_probe": "lp_acc1"}
EMBEDDED: Final = {"emoji-held-out": "emoji"}  # no standard models: only the difference is said
COLUMNS: Final = (
    "model", "task", "shift", "id_set", "id_accuracy", "id_low", "id_high", "shift_accuracy",
    "shift_low", "shift_high", "difference", "difference_low", "difference_high", "predicted",
    "effective", "effective_low", "effective_high", "gap_closed", "in_range",
    "baseline_models", "baseline_r2", "note",
)  # fmt: skip
BEND: Final = "chosen to defeat ResNet-50: the line bends there and is fitted in two pieces"
EXTRAPOLATED: Final = "beyond the standard models: the line is extrapolated"
NO_SUBSET: Final = "predicted from all of ImageNet, not from the same classes"


def effective_robustness(accuracy: Estimate, shifted: Estimate, line: Line) -> tuple[float, float, float]:
    """Accuracy under shift minus the prediction for the accuracy without it, with a 95 % interval.

    The distances of both intervals' limits are added in squares (the two sets are independent); the
    uncertainty of the line is not included, its spread is reported beside it.
    """
    predicted = float(line.predict(accuracy.value))
    value = shifted.value - predicted
    # The lower end pairs the lowest accuracy under shift with the prediction for the highest one without.
    below = np.hypot(shifted.value - shifted.low, float(line.predict(accuracy.high)) - predicted)
    above = np.hypot(shifted.high - shifted.value, predicted - float(line.predict(accuracy.low)))
    return value, value - float(below), value + float(above)


def gap_closed(accuracy: float, shifted: float, predicted: float) -> float:
    """Share of a standard model's loss under shift that is not lost; NaN if it loses nothing."""
    loss = accuracy - predicted
    return (shifted - predicted) / loss if loss > 0 else float("nan")


def robustness_table(results: Sequence[EvaluationResult]) -> pd.DataFrame:
    """One row per model, task and shift of which the accuracy with and without shift is known."""
    rows = []
    by_key: dict[tuple[str, str], dict[str, EvaluationResult]] = {}
    for result in results:
        if result.task in METRIC:
            by_key.setdefault((result.model_name, result.task), {})[result.dataset] = result
    for (model, task), own in by_key.items():
        for shift, wanted in {**SHIFTS, **EMBEDDED}.items():
            # Published results often have all of ImageNet only; the note says so then.
            id_set = wanted if wanted in own else "imagenet1k"
            if shift in own and id_set in own:
                rows.append(_row(model, task, shift, id_set, wanted, own))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _row(
    model: str, task: str, shift: str, id_set: str, wanted: str, own: Mapping[str, EvaluationResult]
) -> dict[str, object]:
    accuracy, shifted = own[id_set].metrics[METRIC[task]], own[shift].metrics[METRIC[task]]
    # Limits added in squares, as for a difference of independent proportions (Newcombe 1998): the two sets
    # share no image.
    below = np.hypot(shifted.value - shifted.low, accuracy.high - accuracy.value)
    above = np.hypot(shifted.high - shifted.value, accuracy.value - accuracy.low)
    difference = shifted.value - accuracy.value
    row: dict[str, object] = {
        "model": model, "task": task, "shift": shift, "id_set": id_set, "id_accuracy": accuracy.value,
        "id_low": accuracy.low, "id_high": accuracy.high, "shift_accuracy": shifted.value,
        "shift_low": shifted.low, "shift_high": shifted.high, "difference": difference,
        "difference_low": difference - below, "difference_high": difference + above, "note": "",
    }  # fmt: skip
    if shift in EMBEDDED:
        return row
    line = baseline(shift, id_set)
    effective, low, high = effective_robustness(accuracy, shifted, line)
    predicted = float(line.predict(accuracy.value))
    inside = line.in_range(accuracy.value)
    notes = [
        text
        for text, true in (
            (BEND, len(line.pieces) > 1),
            (EXTRAPOLATED, not inside),
            (NO_SUBSET, id_set != wanted),
        )
        if true
    ]
    return row | {
        "predicted": predicted, "effective": effective, "effective_low": low, "effective_high": high,
        "gap_closed": gap_closed(accuracy.value, shifted.value, predicted), "in_range": inside,
        "baseline_models": len(line.models), "baseline_r2": line.r2, "note": "; ".join(notes),
    }  # fmt: skip


def relative_robustness(table: pd.DataFrame, *, before: str, after: str) -> pd.DataFrame:
    """Accuracy under shift of one model minus another's (Taori et al. 2020, tau), by task and shift.

    Returns
    -------
    task, shift, before, after, relative, id_change: the last says how much of it goes with a change without
    shift.
    """
    keys = ["task", "shift"]
    sides = [table[table["model"] == name] for name in (before, after)]
    both = sides[0].merge(sides[1], on=keys, suffixes=("_1", "_2"))
    return pd.DataFrame(
        {
            **{key: both[key] for key in keys},
            "before": both["shift_accuracy_1"],
            "after": both["shift_accuracy_2"],
            "relative": both["shift_accuracy_2"] - both["shift_accuracy_1"],
            "id_change": both["id_accuracy_2"] - both["id_accuracy_1"],
        }
    )
