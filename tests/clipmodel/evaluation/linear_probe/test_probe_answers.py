from __future__ import annotations

import numpy as np

from clipmodel.evaluation.linear_probe.few_shot import SHOTS
from clipmodel.evaluation.linear_probe.probe_answers import few_shot_answers, probe_answers


def test_answers_of_a_separable_set() -> None:
    rng = np.random.default_rng(0)
    y = np.arange(60) % 6
    x = np.eye(6)[y] * 5 + rng.normal(size=(60, 6)) * 0.1
    found = probe_answers((x[:48], y[:48]), (x[48:], y[48:]), classes=6, seed=0)
    assert (found.predicted == y[48:]).all() and found.in_top5.all() and found.converged
    assert len(found.tried["strength"]) == len(found.tried["accuracy"])


def test_fewer_than_five_classes_have_no_top_five() -> None:
    rng = np.random.default_rng(1)
    y = np.arange(40) % 2
    x = np.eye(2)[y] * 5 + rng.normal(size=(40, 2)) * 0.1
    found = probe_answers((x, y), (x, y), classes=2, seed=0)
    assert not found.in_top5.any() and found.scores.shape == (40, 2)
    points = few_shot_answers((x, y), (x, y), classes=2)
    assert {(point.shots, point.train_images) for point in points} == {(n, 2 * n) for n in SHOTS}
