"""FairerCLIP's encoder is the eigenvector problem that the paper states."""

from __future__ import annotations

import numpy as np

from clipmodel.array_types import Floats
from probes.mitigation.fitting import FitData
from probes.mitigation.methods.fairer_clip import FairerCLIP, closed_form_encoder


def test_rows_solve_the_generalised_eigenvalue_problem() -> None:
    rng = np.random.default_rng(3)
    x, y, z, s = (rng.standard_normal((60, k)) for k in (8, 3, 4, 2))
    rows = closed_form_encoder(x, y, z, s, rank=3, tau_z=0.5, tau_s=0.5, ridge=0.1)
    centred = x - x.mean(0)

    def dependence(a: np.ndarray) -> np.ndarray:
        cross = centred.T @ (a - a.mean(0)) / 60
        return cross @ cross.T / np.linalg.norm(cross @ cross.T, 2)

    covariance = centred.T @ centred / 60 + 0.1 * np.eye(8)
    matrix = np.linalg.solve(covariance, dependence(y) + dependence(z) - dependence(s))
    values = np.sort(np.linalg.eigvals(matrix).real)[::-1][:3]
    for row, value in zip(rows, values, strict=True):
        np.testing.assert_allclose(matrix @ row, value * row, atol=1e-8)


def naive_encoder(x: Floats, y: Floats, z: Floats, s: Floats, *, rank: int, tau_s: float) -> Floats:
    """Eigenvectors of (cov_x + gamma I)^-1 (B_y + B_z - w B_s), as written, of length 1 in that metric."""

    def dependence(a: Floats) -> Floats:
        cross = sum(np.outer(u, v) for u, v in zip(x - x.mean(0), a - a.mean(0), strict=True)) / len(x)
        return np.asarray(cross @ cross.T / np.linalg.norm(cross @ cross.T, 2))

    covariance = np.cov(x.T, bias=True) + 1e-3 * np.eye(x.shape[1])
    matrix = np.linalg.inv(covariance) @ (dependence(y) + dependence(z) - tau_s / (1 - tau_s) * dependence(s))
    values, vectors = np.linalg.eig(matrix)
    rows = vectors.real.T[np.argsort(-values.real)[:rank]]
    return np.asarray([row / np.sqrt(row @ covariance @ row) for row in rows])


def test_image_and_text_encoders_are_solved_in_turn(data: FitData) -> None:
    fitted = FairerCLIP(features=20, rank=2, attribute_weight=0.3, rounds=2).fit(data)
    label = (data.images @ data.text_vectors.T).argmax(axis=1)
    y = np.eye(len(data.texts))[label]
    sides = [fitted.image, fitted.text]
    features = []
    for side, vectors in zip(sides, (data.images, data.text_vectors[label]), strict=True):
        assert side.frequencies is not None and side.phases is not None
        # Rahimi and Recht 2007, one feature at a time.
        features.append(
            np.stack([np.sqrt(2 / 20) * np.cos(vectors @ w + b)
                      for w, b in zip(side.frequencies, side.phases, strict=True)], axis=1)
        )  # fmt: skip
    other = features[1]
    for _ in range(2):
        image = naive_encoder(features[0], y, other, data.one_hot, rank=2, tau_s=0.3)
        text = naive_encoder(features[1], y, features[0] @ image.T, data.one_hot, rank=2, tau_s=0.3)
        other = features[1] @ text.T
    for side, wanted in zip(sides, (image, text), strict=True):
        assert side.matrix is not None
        for found, row in zip(side.matrix, wanted, strict=True):  # eigenvectors have no sign
            assert min(np.abs(found - row).max(), np.abs(found + row).max()) < 1e-5


def test_the_attribute_matters_less_to_the_encoded_images(data: FitData) -> None:
    fitted = FairerCLIP(features=80, rank=4, attribute_weight=0.9).fit(data)
    images = fitted.images(data.images)
    assert images.shape == (len(data.images), 4)
    separation = [
        np.linalg.norm(x[data.codes == 0].mean(0) - x[data.codes == 1].mean(0)) / x.std()
        for x in (data.images, images)
    ]
    assert separation[1] < separation[0]
