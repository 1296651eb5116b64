"""Erasure: nothing linear is left; the least change; projections are idempotent."""

from __future__ import annotations

import numpy as np
import scipy.linalg
import torch
import torch.nn.functional as F
from sklearn.linear_model import LogisticRegression, RidgeClassifier

from clipmodel.array_types import Floats
from probes.mitigation.fitting import FitData, without
from probes.mitigation.methods.erasure import (
    LEACE,
    DeAR,
    SubspaceProjection,
    _batches,
    classifier_subspace,
    leace,
    residual,
)


def naive_leace(x: Floats, z: Floats) -> tuple[Floats, Floats]:
    """Theorem 4.3 of Belrose et al. as it is written, with matrix roots."""
    mean = x.mean(axis=0)
    covariance = np.cov(x.T, bias=True)
    cross = (x - mean).T @ (z - z.mean(axis=0)) / len(x)
    whitening = scipy.linalg.pinvh(np.real(scipy.linalg.sqrtm(covariance)))
    seen = whitening @ cross
    projector = seen @ np.linalg.pinv(seen, rcond=1e-8)
    matrix = np.eye(len(mean)) - np.linalg.pinv(whitening) @ projector @ whitening
    return matrix, mean - matrix @ mean


def test_leace_is_the_formula_of_the_paper(data: FitData) -> None:
    for found, wanted in zip(
        leace(data.images, data.one_hot), naive_leace(data.images, data.one_hot), strict=True
    ):
        np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_after_leace_no_linear_classifier_beats_a_constant(data: FitData) -> None:
    raw = LEACE().fit(data).image.raw(data.images)
    means = (data.one_hot.T @ raw) / data.one_hot.sum(axis=0)[:, None]
    # Equal class means are what the theorem says the guarantee rests on.
    np.testing.assert_allclose(means[0], means[1], atol=1e-10)
    before = LogisticRegression(C=1e3).fit(data.images, data.codes).score(data.images, data.codes)
    after = LogisticRegression(C=1e3).fit(raw, data.codes).score(raw, data.codes)
    assert before > 0.9
    assert after < 0.56  # chance is .5


def test_leace_is_idempotent(data: FitData) -> None:
    first = LEACE().fit(data).image.raw(data.images)
    matrix, offset = leace(first, data.one_hot)
    np.testing.assert_allclose(first @ matrix.T + offset, first, atol=1e-8)


def test_the_subspace_of_the_classifiers_is_orthonormal_and_its_removal_idempotent(data: FitData) -> None:
    basis = classifier_subspace(data.images, data.codes, rounds=3, seed=0)
    np.testing.assert_allclose(basis @ basis.T, np.eye(len(basis)), atol=1e-10)
    projection = without(basis)
    np.testing.assert_allclose(projection @ projection, projection, atol=1e-10)


def test_rounds_are_iterated_null_space_projections(data: FitData) -> None:
    """Ravfogel et al. 2020: fit, project on the null space, fit again; the product of the projections."""
    left, product = data.images.copy(), np.eye(data.images.shape[1])
    for _ in range(2):
        w = np.atleast_2d(RidgeClassifier(alpha=0.1).fit(left, data.codes).coef_)
        nullspace = np.eye(w.shape[1]) - w.T @ np.linalg.pinv(w @ w.T) @ w
        product = nullspace @ product
        left = data.images @ product.T
    basis = classifier_subspace(data.images, data.codes, rounds=2, seed=0)
    # A classifier of what is left has no part in what was removed, so the order does not matter.
    np.testing.assert_allclose(without(basis), product, atol=1e-8)


def test_enough_rounds_leave_nothing_to_a_linear_classifier(data: FitData) -> None:
    projection = without(classifier_subspace(data.images, data.codes, rounds=12, seed=0))
    left = data.images @ projection
    score = RidgeClassifier(alpha=0.1).fit(left, data.codes).score(left, data.codes)
    assert score < 0.56  # chance is .5; the iteration ends within a point of it


def test_subspace_projection_puts_back_one_mean_for_all(data: FitData) -> None:
    fitted = SubspaceProjection().fit(data).image
    assert fitted.matrix is not None
    kept = np.eye(len(fitted.matrix)) - fitted.matrix
    inside = fitted.raw(data.images) @ kept
    np.testing.assert_allclose(inside, np.broadcast_to(inside[0], inside.shape), atol=1e-10)
    np.testing.assert_allclose(inside[0], kept @ data.group_means.mean(axis=0), atol=1e-10)


def naive_residual(
    x: Floats, coef: Floats, bias: Floats, *, steps: int, keep: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """The same loss by autograd and torch's Adam."""
    images, weight, intercept = (torch.from_numpy(array).float() for array in (x, coef, bias))
    matrix = torch.zeros((x.shape[1], x.shape[1]), requires_grad=True)
    offset = torch.zeros(x.shape[1], requires_grad=True)
    optimiser = torch.optim.Adam([matrix, offset], lr=5e-3)
    even = torch.full((len(x), len(coef)), 1 / len(coef))
    for _ in range(steps):
        optimiser.zero_grad()
        changed = F.normalize(images - images @ matrix.T - offset, dim=1)
        confusion = F.cross_entropy(changed @ weight.T + intercept, even)
        torch.autograd.backward(confusion + keep * (changed - images).square().sum(1).mean())
        optimiser.step()
    return matrix.detach(), offset.detach()


def test_the_written_gradient_is_that_of_autograd(data: FitData) -> None:
    rng = np.random.default_rng(0)
    coef, bias = rng.standard_normal((3, data.images.shape[1])), rng.standard_normal(3)
    found = residual(data.images, coef, bias, steps=40, keep=0.7, batch=len(data.images))
    wanted = naive_residual(data.images, coef, bias, steps=40, keep=0.7)
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other.numpy(), atol=2e-5)


def test_a_batch_shows_every_image_once_before_any_is_shown_again() -> None:
    first, second, third = _batches(7, 3, steps=3, seed=0)
    assert len({*first, *second}) == 6  # the seventh waits for no batch of its own
    assert len(set(third)) == 3
    for rows in _batches(3, 3, steps=2, seed=0):  # no more than a batch: all of them, in order
        np.testing.assert_array_equal(rows, [0, 1, 2])


def test_the_residual_confuses_a_classifier_and_stays_near(data: FitData) -> None:
    changed = DeAR(steps=400).fit(data).images(data.images)
    judge = LogisticRegression(C=10.0, max_iter=300).fit(data.images, data.codes)
    before, after = (judge.predict_proba(x).max(axis=1).mean() for x in (data.images, changed))
    assert after < before - 0.1
    assert (changed * data.images).sum(axis=1).mean() > 0.5
