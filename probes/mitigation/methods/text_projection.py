"""Projections of the texts away from what the words of the groups span (Chuang et al. 2023)."""

from __future__ import annotations

import numpy as np

from clipmodel.array_types import Floats
from probes.mitigation.fitting import FitData, Method, subspace, without
from probes.mitigation.transform import Map, Mitigation


class OrthogonalProjection(Method):
    """P0 = I - V' (V V')^+ V over the prompts V of the groups; t <- normalise(P0 t)."""

    name = "orthogonal"
    source = "Chuang et al. 2023, arXiv 2302.00070, section 3"
    about = "Projects each text on the complement of the prompts that name the groups."
    needs = "texts"

    def fit(self, data: FitData) -> Mitigation:
        basis = subspace(np.concatenate(data.group_texts))
        return Mitigation(
            method=self.name, attribute=data.attribute, text=Map(matrix=without(basis)),
            parameters={"rank": len(basis)},
        )  # fmt: skip


class CalibratedProjection(Method):
    """t <- normalise(P0 (I + lambda M)^-1 t), M the mean of (z_i - z_j)(z_i - z_j)' over equivalent prompts.

    Parameters
    ----------
    strength
        lambda; 1000 in the authors' code.
    """

    name = "calibrated"
    source = "Chuang et al. 2023, arXiv 2302.00070, section 4"
    about = "As orthogonal, calibrated so that prompts which differ in the group alone come out alike."
    needs = "texts"

    def __init__(self, strength: float = 1000.0) -> None:
        self.strength = strength

    def fit(self, data: FitData) -> Mitigation:
        projection = without(subspace(np.concatenate(data.group_texts)))
        pairs = data.pairs
        matrix = calibrated_matrix(projection, pairs[:, 0] - pairs[:, 1], self.strength)
        return Mitigation(
            method=self.name, attribute=data.attribute, text=Map(matrix=matrix),
            parameters={"lambda": self.strength, "pairs": len(pairs)},
        )  # fmt: skip


def calibrated_matrix(projection: Floats, differences: Floats, strength: float) -> Floats:
    """P0 (I + lambda M)^-1 of differences [K, D]."""
    spread = differences.T @ differences / len(differences)
    inner = np.eye(len(projection)) + strength * spread
    return np.asarray(projection @ np.linalg.inv(inner), dtype=np.float64)


class RoboShot(Method):
    """Take the directions between the words of the groups out of the images.

    The directions are orthonormalised by QR and removed in turn. Normalising in between scales a vector
    without turning it, so the whole is one projection. The authors also strengthen useful directions, written
    by a language model for each task; they are left out here.
    """

    name = "roboshot"
    source = "Adila et al. 2024, arXiv 2309.04344, the rejecting half"
    about = "Removes the directions between the words of the groups from the images."
    needs = "texts"

    def fit(self, data: FitData) -> Mitigation:
        means = np.stack([own.mean(axis=0) for own in data.group_texts])
        directions, _ = np.linalg.qr((means[1:] - means[0]).T)
        return Mitigation(
            method=self.name, attribute=data.attribute, image=Map(matrix=without(directions.T)),
            parameters={"directions": directions.shape[1]},
        )  # fmt: skip
