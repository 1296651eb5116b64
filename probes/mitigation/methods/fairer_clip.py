"""FairerCLIP: kernel encoders of images and texts in closed form (Dehdashtian et al. 2024)."""

from __future__ import annotations

import numpy as np
import scipy.linalg

from clipmodel.array_types import Floats
from probes.mitigation.fitting import FitData, Method, UnsuitableError
from probes.mitigation.transform import Map, Mitigation


class FairerCLIP(Method):
    """Encoders that keep dependence on the label and the other modality, and lower that on the attribute.

    Random Fourier features stand for a Gaussian kernel. The label of an image is the text of the suite that
    is most similar to it (pseudo-label), so none is needed. Image and text encoders are solved in turn.

    Parameters
    ----------
    features, rank
        Random features F, and dimensions R of the common space.
    label_weight, attribute_weight
        tau_z and tau_s.
    ridge
        gamma.
    rounds
        How often each encoder is solved.
    """

    name = "fairer_clip"
    source = "Dehdashtian et al. 2024, arXiv 2403.15593, section 3"
    about = (
        "Encodes images and texts anew, dependent on the label and as little as possible on the attribute."
    )

    def __init__(
        self, *, features: int = 400, rank: int = 32, label_weight: float = 0.5,
        attribute_weight: float = 0.7, ridge: float = 1e-3, rounds: int = 2,
    ) -> None:  # fmt: skip
        self.features, self.rank, self.rounds, self.ridge = features, rank, rounds, ridge
        self.label_weight, self.attribute_weight = label_weight, attribute_weight

    def fit(self, data: FitData) -> Mitigation:
        if len(data.texts) < 2:
            raise UnsuitableError("needs two texts or more", remedy="name another method")
        rng = np.random.default_rng([data.seed, 2])
        scales = [_bandwidth(side) for side in (data.images, data.text_vectors)]
        frequencies = [rng.standard_normal((self.features, data.images.shape[1])) / scale for scale in scales]
        phases = [rng.uniform(0, 2 * np.pi, self.features) for _ in scales]
        label = np.argmax(data.images @ data.text_vectors.T, axis=1)
        of_images = Map(frequencies=frequencies[0], phases=phases[0]).raw(data.images)
        of_texts = Map(frequencies=frequencies[1], phases=phases[1]).raw(data.text_vectors)[label]
        y = np.asarray(label[:, None] == np.unique(label), dtype=np.float64)
        image, text = np.zeros((0, self.features)), np.zeros((0, self.features))
        other = of_texts
        for _ in range(self.rounds):
            image = self._encoder(of_images, y, other, data.one_hot)
            text = self._encoder(of_texts, y, of_images @ image.T, data.one_hot)
            other = of_texts @ text.T
        rank = min(len(image), len(text))
        return Mitigation(
            method=self.name, attribute=data.attribute,
            image=Map(matrix=image[:rank], frequencies=frequencies[0], phases=phases[0]),
            text=Map(matrix=text[:rank], frequencies=frequencies[1], phases=phases[1]),
            parameters={"features": self.features, "rank": rank, "tau_s": self.attribute_weight},
        )  # fmt: skip

    def _encoder(self, x: Floats, y: Floats, z: Floats, s: Floats) -> Floats:
        return closed_form_encoder(
            x, y, z, s, rank=self.rank, tau_z=self.label_weight, tau_s=self.attribute_weight,
            ridge=self.ridge,
        )  # fmt: skip


def closed_form_encoder(
    x: Floats, y: Floats, z: Floats, s: Floats, *, rank: int, tau_z: float, tau_s: float, ridge: float
) -> Floats:
    """[R, F] rows: leading eigenvectors of (cov_x + gamma I)^-1 (B_y + w_z B_z - w_s B_s).

    B_a = C_a C_a' over its spectral norm, C_a the cross-covariance of the features x [N, F] with a [N, K];
    w = tau / (1 - tau). The signs of the rows are such that the entry of the greatest size is positive.
    """
    centred = x - x.mean(axis=0)
    covariance = centred.T @ centred / len(x) + ridge * np.eye(x.shape[1])
    objective = (
        _dependence(centred, y)
        + tau_z / (1 - tau_z) * _dependence(centred, z)
        - tau_s / (1 - tau_s) * _dependence(centred, s)
    )
    # The generalised problem of two symmetric matrices: their quotient is not symmetric.
    _, vectors = scipy.linalg.eigh(objective, covariance, subset_by_index=[x.shape[1] - rank, x.shape[1] - 1])
    rows = vectors.T[::-1]
    largest = np.abs(rows).argmax(axis=1)
    return np.asarray(rows * np.sign(rows[np.arange(len(rows)), largest])[:, None], dtype=np.float64)


def _dependence(centred: Floats, a: Floats) -> Floats:
    cross = centred.T @ (a - a.mean(axis=0)) / len(a)
    squared = cross @ cross.T
    size = float(np.linalg.norm(cross, 2)) ** 2
    return np.asarray(squared / size if size > 1e-18 else squared, dtype=np.float64)


def _bandwidth(vectors: Floats) -> float:
    """The median distance of two vectors (the median heuristic), of at most 300 of them."""
    some = vectors[np.linspace(0, len(vectors) - 1, min(len(vectors), 300)).astype(int)]
    # Of unit vectors; rounding may leave less than 0.
    distances = np.sqrt(np.maximum(2 - 2 * some @ some.T, 0))[np.triu_indices(len(some), k=1)]
    return float(np.median(distances)) if len(distances) and np.median(distances) > 0 else 1.0
