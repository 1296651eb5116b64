"""FairerCLIP's encoder is the eigenvector problem that the paper states."""

from __future__ import annotations

import numpy as np

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


def test_the_attribute_matters_less_to_the_encoded_images(data: FitData) -> None:
    fitted = FairerCLIP(features=80, rank=4, attribute_weight=0.9).fit(data)
    images = fitted.images(data.images)
    assert images.shape == (len(data.images), 4)
    separation = [
        np.linalg.norm(x[data.codes == 0].mean(0) - x[data.codes == 1].mean(0)) / x.std()
        for x in (data.images, images)
    ]
    assert separation[1] < separation[0]
