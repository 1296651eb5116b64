"""Few-shot draws and the accuracy of a probe on them."""

from __future__ import annotations

import numpy as np

from clipmodel.evaluation.linear_probe.few_shot import draw_order, few_shot_curve


def test_draws_with_more_shots_contain_those_with_fewer() -> None:
    truth = np.array([0, 0, 0, 1, 1])
    order = draw_order(truth, seed=1)
    assert sorted(order[:3]) == [0, 1, 2] and sorted(order[3:]) == [0, 1]
    assert np.array_equal(order, draw_order(truth, seed=1))
    features = np.random.default_rng(0).normal(size=(5, 3))
    points = few_shot_curve((features, truth), (features, truth), classes=2, shots=(1, 2, 4), seeds=(0, 1))
    # No class has 4 images; class 1 has 2.
    assert [(p.shots, p.seed, p.train_images) for p in points] == [(1, 0, 2), (2, 0, 4), (1, 1, 2), (2, 1, 4)]
