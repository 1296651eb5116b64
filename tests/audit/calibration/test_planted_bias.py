from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from audit.calibration.planted_bias import detectable_change, judge_models, panel_contrasts, planted_summary

GROUPS = [f"g{i}" for i in range(8)]


def trained(models: int, *, loss: float, seed: int, planted: str = "") -> pd.DataFrame:
    """Values of models whose groups vary from seed to seed, and lose in one of them."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(models):
        values = (
            np.linspace(-1, 0, len(GROUPS))
            + 0.1 * rng.standard_normal()
            + 0.2 * rng.standard_normal(len(GROUPS))
        )
        for group, value in zip(GROUPS, values, strict=True):
            drop = loss if group == planted else 0.0
            rows.append((f"{planted}{loss}-{number}", planted, loss, group, value - drop))
    return pd.DataFrame(rows, columns=["model", "planted", "strength", "group", "value"])


def test_a_contrast_by_hand() -> None:
    # Beside the others: the model (2 - 1.5, 1 - 2, 2 - 1.5); the panel's first group 0 - 1, 1 - 1 and 2 - 1.
    panel = np.array([[0.0, 1, 1], [1, 1, 1], [2, 1, 1]])
    change, p = panel_contrasts([2.0, 1, 2], panel)
    assert change[0] == pytest.approx(0.5 - 0)
    assert p[0] == pytest.approx(stats.t.cdf(0.5 / (1 * np.sqrt(4 / 3)), 2))


def test_controls_raise_a_finding_in_one_of_twenty_and_a_planted_loss_is_named() -> None:
    values = pd.concat([trained(20, loss=0.0, seed=1), trained(20, loss=2.0, seed=2, planted="g3")])
    judged = judge_models(values)
    summary = planted_summary(judged, values).set_index("strength")
    assert summary.loc[0.0, "found"] <= 0.15
    assert summary.loc[2.0, "found"] >= 0.95
    assert summary.loc[2.0, "found_low"] < summary.loc[2.0, "found"]
    assert summary.loc[2.0, "any_other"] <= 0.15
    assert summary.loc[2.0, "change"] == pytest.approx(-2.0, abs=0.2)
    assert set(judged.loc[judged["named"] & (judged["strength"] > 0), "group"]) >= {"g3"}


def test_the_detectable_change_has_its_power() -> None:
    rng = np.random.default_rng(3)
    found = []
    for _ in range(300):
        panel = rng.standard_normal((19, 6))
        value = rng.standard_normal(6)
        # Of the true spread: a contrast with the mean of five others has a standard deviation of sqrt(1.2).
        scale = np.sqrt(1.2 * (1 + 1 / 19))
        value[0] -= scale * (stats.t.ppf(1 - 0.05 / 6, 18) + stats.t.ppf(0.95, 18))
        found.append(panel_contrasts(value, panel)[1][0] < 0.05 / 6)
    assert 0.9 < np.mean(found) <= 1
    assert detectable_change(np.random.default_rng(4).standard_normal((2000, 6))).mean() == pytest.approx(
        np.sqrt(1.2) * (stats.norm.ppf(1 - 0.05 / 6) + stats.norm.ppf(0.95)), rel=0.03
    )


def test_the_false_alarms_of_controls_over_many_panels() -> None:
    alarms = [
        judge_models(trained(6, loss=0.0, seed=seed)).groupby("model")["named"].any().mean()
        for seed in range(10, 40)
    ]
    assert np.mean(alarms) < 0.09
