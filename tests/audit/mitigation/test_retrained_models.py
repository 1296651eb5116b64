"""Retraining judged over training runs: by the bare functions, and not at all from one run."""

from __future__ import annotations

import numpy as np
import pytest

from audit.comparison.run_changes import NOT_JUDGED, NOT_SHOWN, run_change_table
from audit.mitigation.mitigation_tables import COST_COLUMNS, MITIGATION_COLUMNS, cost_frame
from audit.mitigation.retrained_models import retrained_cost, retrained_rows, right_of_runs
from audit.result import AuditResult
from tests.audit.support.compared_audits import audit_of

TONES = np.random.default_rng(0).choice(["dark", "light"], 400)
HARD = np.random.default_rng(1).random(400)


def runs(*shifts: float) -> tuple[list[AuditResult], np.ndarray]:
    """Runs of which each adds its own amount to the errors of the dark; [R, N] errors."""
    bits = np.array([0.3 + shift * (TONES == "dark") > HARD for shift in shifts])
    return [audit_of([f"{int(bit)}{int(bit)}" for bit in run], TONES.tolist()) for run in bits], bits


def test_one_training_run_is_not_judged_however_much_it_changes() -> None:
    rows = retrained_rows("cap", runs(0.5)[0], runs(0.0)[0])
    assert tuple(rows.columns) == MITIGATION_COLUMNS
    assert set(rows["effect"]) == {NOT_JUDGED}
    assert rows[["low", "high", "p", "p_adjusted"]].isna().all(axis=None)
    assert rows["note"].tolist() == ["1 training run against 1"] * len(rows)
    row = retrained_cost("cap", rows, attribute="tone", chance=0.5, measured={})
    assert "not judged" in row["note"] and row["widest_gap_after"] < row["widest_gap_before"]


def test_several_runs_are_judged_by_their_spread() -> None:
    before, after = runs(0.48, 0.5, 0.52)[0], runs(0.0, 0.02, 0.01)[0]
    row = retrained_rows("cap", before, after).iloc[0]
    changes = run_change_table(before, after)
    wanted = changes[changes["reference"] != ""].iloc[0]
    assert row["effect"] == "narrower"
    assert (row["before"], row["change"], row["low"], row["high"]) == pytest.approx(
        (wanted["first"], wanted["change"], wanted["mean_low"], wanted["mean_high"])
    )
    assert (row["design"], row["template"], row["specifications"], row["narrower_in"]) == (
        "default", "plain", 1, 1,
    )  # fmt: skip
    # The same mean change, in runs that differ from each other by as much, is not shown.
    noisy = retrained_rows("cap", runs(0.1, 0.5, 0.9)[0], runs(-0.2, 0.4, -0.17)[0]).iloc[0]
    assert noisy["effect"] == NOT_SHOWN and noisy["high"] > 0


def test_accuracy_is_of_all_runs_with_their_spread() -> None:
    (before, one), (after, two) = runs(0.4, 0.5), runs(0.1, 0.0, 0.05)
    rows = retrained_rows("cap", before, after)
    found = right_of_runs(before, after)
    assert found is None  # the outcome of these audits is no misclassification
    right = (1.0 - one, 1.0 - two, np.arange(400))
    row = retrained_cost("cap", rows, attribute="tone", chance=0.6, measured={"utility": right})
    assert row["utility_change"] == pytest.approx(one.mean() - two.mean())
    assert row["utility_low"] < row["utility_change"] < row["utility_high"]
    assert row["n"] == row["clusters"] == 400
    assert cost_frame([row]).columns.tolist() == list(COST_COLUMNS)
