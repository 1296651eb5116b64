from __future__ import annotations

import numpy as np
import pytest

from audit.comparison.run_effects import RUN_COLUMNS, run_effect_table
from audit.report.several import render_several
from audit.result import AuditResult
from audit.statistics.variation.prompt_variance import prompt_effect
from tests.audit.support.compared_audits import audit_of

TONES = np.random.default_rng(0).choice(["dark", "light"], 300)


def runs(number: int) -> tuple[list[AuditResult], np.ndarray]:
    """Models that differ in a seed: each adds its own amount to the rate of the dark; [R, N] events."""
    rng = np.random.default_rng(1)
    hard, shifts = rng.random(300), np.linspace(0.0, 0.2, number)
    bits = np.array([hard < 0.3 + shift * (TONES == "dark") for shift in shifts])
    bit_strings = [[f"{int(bit)}{int(bit)}" for bit in run] for run in bits]
    return [audit_of(run, TONES.tolist()) for run in bit_strings], bits


def test_a_gap_over_runs_by_the_bare_function() -> None:
    results, bits = runs(4)
    table = run_effect_table(results)
    assert tuple(table.columns) == RUN_COLUMNS
    row = table.set_index(["group", "reference"]).loc["dark", "light"]
    sides = [bits[:, side] for side in (TONES == "dark", TONES == "light")]
    gaps = sides[0].mean(axis=1) - sides[1].mean(axis=1)
    covariance = sum(np.cov(side) / side.shape[1] for side in sides)
    expected = prompt_effect(gaps, covariance)
    assert (row["runs"], row["n_group"]) == (4, sides[0].shape[1])
    assert (row["value"], row["sd_runs"]) == pytest.approx((expected.difference, expected.sd_prompts))
    assert (row["run_low"], row["run_high"]) == pytest.approx((expected.prompt_low, expected.prompt_high))
    assert row["run_low"] < row["images_low"] < row["images_high"] < row["run_high"]


def test_images_that_not_all_runs_have_take_no_part() -> None:
    results, _ = runs(3)
    shorter = audit_of(["00"] * 100, TONES[:100].tolist())
    table = run_effect_table([*results, shorter])
    assert table.loc[table["group"] == "all images", "n_group"].item() == 100


def test_one_run_says_nothing_and_two_give_no_interval() -> None:
    results, _ = runs(2)
    assert not len(run_effect_table(results[:1]))
    assert run_effect_table(results)["run_low"].isna().all()


def test_the_page_of_several_runs_shows_it() -> None:
    results, _ = runs(3)
    assert "In another training run" in render_several({str(i): one for i, one in enumerate(results)})
    assert "In another training run" not in render_several({"a": results[0], "b": results[1]})
