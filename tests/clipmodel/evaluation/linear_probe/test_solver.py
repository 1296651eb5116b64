"""The solver against scikit-learn on scikit-learn's digits."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from clipmodel.evaluation.linear_probe.solver import Solver, fit

DIGITS = load_digits()
X, Y = DIGITS.data[:400] / 16, DIGITS.target[:400]


@pytest.mark.parametrize("strength", [1e3, 1.0, 1e-2])
def test_weights_equal_scikit_learns(strength: float) -> None:
    ours = fit(X, Y, [strength], classes=10, tolerance=1e-8)[0]
    theirs = LogisticRegression(C=1 / strength, tol=1e-10, max_iter=20000).fit(X, Y)
    assert ours.converged
    # Intercepts are free up to a constant: compare what they do.
    centred = ours.intercept - ours.intercept.mean()
    assert np.allclose(centred, theirs.intercept_ - theirs.intercept_.mean(), atol=2e-3)
    assert np.allclose(ours.weights, theirs.coef_, atol=2e-3)


def test_fewer_images_than_features() -> None:
    rows = np.random.default_rng(0).normal(size=(12, 40))
    labels = np.arange(12) % 3
    ours = fit(rows, labels, [0.5], classes=3, tolerance=1e-9)[0]
    theirs = LogisticRegression(C=2, tol=1e-10, max_iter=20000).fit(rows, labels)
    assert np.allclose(ours.weights, theirs.coef_, atol=1e-4)


def test_several_strengths_at_once_are_the_same_as_one_by_one() -> None:
    strengths = [1e-1, 1e2, 1.0]
    together = fit(X, Y, strengths, classes=10, tolerance=1e-7)
    for strength, one in zip(strengths, together, strict=True):
        alone = Solver(X, Y, classes=10, tolerance=1e-7).fit([strength])[0]
        assert one.strength == strength
        assert torch.allclose(one.weights, alone.weights, atol=1e-3)


def test_a_class_without_images_is_never_predicted() -> None:
    one = fit(X, Y, [1.0], classes=12)[0]
    assert one.scores(torch.from_numpy(X)).argmax(dim=1).max() <= 9


@pytest.mark.parametrize(
    ("features", "truth", "strengths", "message"),
    [
        (np.zeros((2, 3)), np.zeros(3, int), [1.0], "are needed"),
        (np.zeros((0, 3)), np.zeros(0, int), [1.0], "are needed"),
        (np.full((2, 3), np.nan), np.zeros(2, int), [1.0], "not finite"),
        (np.zeros((2, 3)), np.array([0, 5]), [1.0], "outside 0"),
        (np.eye(2, 3), np.array([0, 1]), [0.0], "positive"),
    ],
)
def test_what_cannot_be_fitted_is_refused(
    features: np.ndarray, truth: np.ndarray, strengths: list[float], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        fit(features, truth, strengths, classes=2)
