from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from audit.comparison.run_changes import ONE_RUN, RUN_CHANGE_COLUMNS, run_change_table
from audit.result import AuditResult
from audit.statistics.variation.prompt_variance import change_of_runs
from clipmodel.errors import UserError
from tests.audit.support.compared_audits import audit_of

TONES = np.random.default_rng(0).choice(["dark", "light"], 300)


def runs(shifts: list[float]) -> tuple[list[AuditResult], np.ndarray]:
    """Runs of which each adds its own amount to the rate of the dark; [R, N] events."""
    hard = np.random.default_rng(1).random(300)
    bits = np.array([hard < 0.3 + shift * (TONES == "dark") for shift in shifts])
    bit_strings = [[f"{int(bit)}{int(bit)}" for bit in run] for run in bits]
    return [audit_of(run, TONES.tolist()) for run in bit_strings], bits


def test_changes_over_runs_by_the_bare_function() -> None:
    (first, one), (second, two) = runs([0.0, 0.05]), runs([0.2, 0.3, 0.25])
    table = run_change_table(first, second)
    assert tuple(table.columns) == RUN_CHANGE_COLUMNS
    bits = np.vstack([one, two])
    dark, light = (bits[:, side] for side in (TONES == "dark", TONES == "light"))
    gaps = dark.mean(axis=1) - light.mean(axis=1)
    covariance = np.cov(dark) / dark.shape[1] + np.cov(light) / light.shape[1]
    expected = change_of_runs(gaps[:2], gaps[2:], covariance)
    row = table.set_index(["group", "reference"]).loc["dark", "light"]
    for name in ("change", "sd_runs", "images_low", "mean_low", "mean_high", "run_low", "run_high"):
        assert row[name] == pytest.approx(getattr(expected, name)), name
    assert row[["runs_first", "runs_second"]].tolist() == [2, 3]
    assert row["first"] == pytest.approx(gaps[:2].mean())
    assert row["run_low"] < row["mean_low"] <= row["images_low"] < row["images_high"]
    everybody = table[(table["by"] == "") & (table["group"] == "all images")]
    assert everybody["change"].iloc[0] == pytest.approx(two.mean() - one.mean())


def test_one_run_says_nothing_of_another_one() -> None:
    row = run_change_table(runs([0.0])[0], runs([0.2, 0.3])[0]).iloc[0]
    assert row["note"] == ONE_RUN
    assert np.isnan(row["run_low"]) and not np.isnan(row["images_low"])


def test_audits_without_outcomes_are_refused() -> None:
    from dataclasses import replace

    first = runs([0.0, 0.1])[0]
    with pytest.raises(UserError, match="keep no outcomes"):
        run_change_table(first, [replace(first[0], outcomes=None)])


def test_columns_are_typed() -> None:
    table = run_change_table(runs([0.0, 0.1])[0], runs([0.2, 0.3])[0])
    assert table["n_group"].dtype == np.int64
    assert isinstance(table["note"].dtype, pd.StringDtype)
