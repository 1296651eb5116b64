from __future__ import annotations

import numpy as np

from audit.evaluation.few_shot_table import few_shot_table
from clipmodel.evaluation.linear_probe.few_shot import FewShot


def test_a_few_shot_curve_has_the_mean_and_the_spread_of_its_draws() -> None:
    points = [
        FewShot(shots=1, seed=0, right=np.array([True, False, False, False]), train_images=3),
        FewShot(shots=1, seed=1, right=np.array([True, True, True, False]), train_images=3),
    ]
    row = few_shot_table(points).iloc[0]
    assert (row["accuracy"], row["lowest_draw"], row["highest_draw"], row["draws"], row["n"]) == (
        0.5,
        0.25,
        0.75,
        2,
        4,
    )
