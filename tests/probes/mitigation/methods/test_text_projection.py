"""Text projections against the formulas of the papers, written out."""

from __future__ import annotations

import numpy as np
import pytest

from probes.mitigation.fitting import FitData, UnsuitableError
from probes.mitigation.methods.text_projection import (
    CalibratedProjection,
    OrthogonalProjection,
    RoboShot,
    calibrated_matrix,
)
from probes.mitigation.transform import unit


def test_orthogonal_projection_is_the_pseudo_inverse_of_the_paper(data: FitData) -> None:
    v = np.concatenate(data.group_texts)
    wanted = np.eye(v.shape[1]) - v.T @ np.linalg.pinv(v @ v.T) @ v
    fitted = OrthogonalProjection().fit(data)
    np.testing.assert_allclose(fitted.text.matrix, wanted, atol=1e-6)
    np.testing.assert_allclose(
        fitted.texts(data.texts, data.text_vectors, data.encode),
        unit(data.text_vectors @ wanted.T), atol=1e-5,
    )  # fmt: skip
    assert fitted.image.is_identity


def test_calibration_is_the_minimiser_it_claims_to_be() -> None:
    # min_P |P - P0|^2 + lambda mean |P z_i - P z_j|^2 has the gradient 2 (P - P0) + 2 lambda P M = 0.
    rng = np.random.default_rng(0)
    projection, differences = rng.standard_normal((4, 4)), rng.standard_normal((7, 4))
    found = calibrated_matrix(projection, differences, 3.0)
    spread = sum(np.outer(d, d) for d in differences) / 7
    np.testing.assert_allclose(found - projection + 3.0 * found @ spread, 0, atol=1e-10)


def test_calibrated_texts_are_those_of_the_papers_formula(data: FitData) -> None:
    """t <- normalise(P0 (I + lambda M)^-1 t), M the mean of (z_i - z_j)(z_i - z_j)' over pairs."""
    v = np.concatenate(data.group_texts)
    p0 = np.eye(v.shape[1]) - v.T @ np.linalg.pinv(v @ v.T) @ v
    reworded = [
        [text.replace("a photo of a ", f"a photo of a {word} ") for word in ("man", "woman")]
        for text in data.texts
    ]
    z = [data.encode(pair).astype(float) for pair in reworded]
    m = np.mean([np.outer(a - b, a - b) for a, b in z], axis=0)
    wanted = [p0 @ np.linalg.inv(np.eye(len(m)) + 1000 * m) @ t for t in data.text_vectors]
    found = CalibratedProjection().fit(data).texts(data.texts, data.text_vectors, data.encode)
    np.testing.assert_allclose(found, unit(np.array(wanted)), atol=1e-5)


@pytest.mark.parametrize("method", [OrthogonalProjection, RoboShot])
def test_projections_are_idempotent(method: type[OrthogonalProjection], data: FitData) -> None:
    fitted = method().fit(data)
    (matrix,) = [own.matrix for own in (fitted.image, fitted.text) if own.matrix is not None]
    np.testing.assert_allclose(matrix @ matrix, matrix, atol=1e-10)
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-12)


def test_calibrated_pairs_come_out_nearer(data: FitData) -> None:
    pairs = data.pairs
    fitted = CalibratedProjection().fit(data).text
    before = np.linalg.norm(pairs[:, 0] - pairs[:, 1], axis=1)
    after = np.linalg.norm(fitted(pairs[:, 0]) - fitted(pairs[:, 1]), axis=1)
    assert (after < before).all()


def test_roboshot_removes_each_direction_in_turn(data: FitData) -> None:
    means = np.stack([own.mean(axis=0) for own in data.group_texts])
    q, _ = np.linalg.qr((means[1:] - means[0]).T)
    x = data.images
    for k in range(q.shape[1]):
        x = unit(x - np.outer(x @ q[:, k], q[:, k]))
    np.testing.assert_allclose(RoboShot().fit(data).images(data.images), x, atol=1e-6)


def test_words_that_a_file_does_not_have_are_said(data: FitData) -> None:
    from dataclasses import replace

    strange = replace(data, words={"Male": ("unknown",), "Female": ("woman",)})
    with pytest.raises(UnsuitableError, match="no embedding of the words of 'gender'"):
        OrthogonalProjection().fit(strange)
