"""The paper's search for the strength, and few-shot draws."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from clipmodel.evaluation.linear_probe.search import STEPS, fit_probe, held_out, search, strength_of


def test_the_grid_is_the_papers() -> None:
    assert strength_of(0) == 1e-6 and strength_of(STEPS) == 1e6 and STEPS == 96
    assert strength_of(8) == pytest.approx(1e-5)


@pytest.mark.parametrize("peak", [0, 13, 48, 96])
def test_the_search_finds_the_only_peak_in_about_fifteen_tries(peak: int) -> None:
    asked: list[float] = []

    def accuracy(strengths: Sequence[float]) -> list[float]:
        asked.extend(strengths)
        return [-abs(np.log10(strength / strength_of(peak))) for strength in strengths]

    assert search(accuracy).strength == strength_of(peak)
    assert len(asked) == len(set(asked)) <= 15
    asked.clear()
    assert search(accuracy, exhaustive=True).strength == strength_of(peak) and len(asked) == 97


def test_of_equal_strengths_the_strongest_wins() -> None:
    assert search(lambda strengths: [1.0] * len(strengths)).strength == 1e6


@pytest.mark.slow
def test_digits_choose_what_a_brute_force_grid_of_scikit_learn_chooses() -> None:
    digits = load_digits()
    x, y = digits.data / 16, digits.target.astype(np.int64)
    train, validation, test = slice(0, 700), slice(700, 1000), slice(1000, None)
    probe = fit_probe(
        x[train], y[train], classes=10, validation=(x[validation], y[validation]), tolerance=1e-6
    )
    steps = range(32, 81)  # weaker ones take scikit-learn minutes, stronger ones predict nothing
    accuracy = {}
    for step in steps:
        model = LogisticRegression(C=1 / strength_of(step), tol=1e-6, max_iter=20000).fit(x[train], y[train])
        accuracy[strength_of(step)] = model.score(x[validation], y[validation])
    best = max(accuracy, key=lambda strength: (accuracy[strength], strength))
    both = (np.concatenate([x[train], x[validation]]), np.concatenate([y[train], y[validation]]))
    theirs = LogisticRegression(C=1 / best, tol=1e-6, max_iter=20000).fit(*both).score(x[test], y[test])
    scores = np.asarray(x[test] @ probe.classifier.weights.numpy().T + probe.classifier.intercept.numpy())
    assert probe.search.strength == pytest.approx(best)
    assert (scores.argmax(axis=1) == y[test]).mean() == pytest.approx(theirs, abs=1e-12)


def test_held_out_images_leave_every_class_some() -> None:
    truth = np.array([0] * 10 + [1] * 2 + [2])
    chosen = held_out(truth, seed=0)
    assert np.bincount(truth[chosen], minlength=3).tolist() == [2, 1, 0]
    assert held_out(np.array([0, 1]), seed=0).all()  # nothing can be spared
