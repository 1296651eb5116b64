"""Methods that remove what linear classifiers of the attribute read from the images."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from clipmodel.array_types import Floats
from probes.mitigation.fitting import FitData, Method, subspace, without
from probes.mitigation.transform import Map, Mitigation

if TYPE_CHECKING:
    from torch import Tensor


class LEACE(Method):
    """x <- x - W^+ P W (x - mean): the least change after which no linear classifier beats a constant.

    W whitens, P projects on the columns of W Sigma_xA. The guarantee is of the embeddings before they are
    brought to unit length again, on the images it was fitted on.
    """

    name = "leace"
    source = "Belrose et al. 2023, arXiv 2306.03819, theorem 4.3"
    about = "Erases from the images, by the least change, all that a linear classifier can read."

    def fit(self, data: FitData) -> Mitigation:
        matrix, offset = leace(data.images, data.one_hot)
        return Mitigation(
            method=self.name, attribute=data.attribute, image=Map(matrix=matrix, offset=offset),
            parameters={"rank": len(data.levels) - 1},
        )  # fmt: skip


def leace(x: Floats, z: Floats, *, tolerance: float = 1e-8) -> tuple[Floats, Floats]:
    """Matrix and offset of the least-squares erasure of z [N, G] from x [N, D]."""
    mean = x.mean(axis=0)
    centred = x - mean
    covariance = centred.T @ centred / len(x)
    cross = centred.T @ (z - z.mean(axis=0)) / len(x)
    values, vectors = np.linalg.eigh(covariance)
    kept = values > tolerance * values.max()
    root = vectors[:, kept] * np.sqrt(values[kept])  # W^+ = root vectors'
    whiten = (vectors[:, kept] / np.sqrt(values[kept])).T
    # Entries are correlations: below this they are rounding, and there is nothing to erase.
    _, sizes, rows = np.linalg.svd((whiten @ cross).T, full_matrices=False)
    basis = rows[sizes > 1e-7]
    removal = root @ (basis.T @ basis) @ whiten
    return np.eye(len(mean)) - removal, removal @ mean


class SubspaceProjection(Method):
    """Remove, round by round, the directions of linear classifiers of the attribute; keep a neutral mean.

    After each round a classifier is fitted to what is left, as in iterative null-space projection. In the
    removed subspace every image gets the mean of the group means, every text the mean of the suite's texts.

    Parameters
    ----------
    rounds
        Classifiers fitted at most; it ends early once one does no better than the largest group's share.
    """

    name = "spd"
    source = "arXiv 2511.18123 (abstract); Ravfogel et al. 2020 for the iteration (recalled)"
    about = "Removes the subspace that linear classifiers of the attribute span, and keeps a neutral mean."

    def __init__(self, rounds: int = 5) -> None:
        self.rounds = rounds

    def fit(self, data: FitData) -> Mitigation:
        basis = classifier_subspace(data.images, data.codes, rounds=self.rounds, seed=data.seed)
        projection = without(basis)
        kept = np.eye(projection.shape[0]) - projection
        return Mitigation(
            method=self.name, attribute=data.attribute,
            image=Map(matrix=projection, offset=kept @ data.group_means.mean(axis=0)),
            text=Map(matrix=projection, offset=kept @ data.text_vectors.mean(axis=0)),
            parameters={"rank": len(basis)},
        )  # fmt: skip


def classifier_subspace(x: Floats, codes: NDArray[np.int64], *, rounds: int, seed: int) -> Floats:
    """[R, D] orthonormal directions of the classifiers of each round."""
    from sklearn.linear_model import RidgeClassifier

    chance = np.bincount(codes).max() / len(codes)
    basis = np.zeros((0, x.shape[1]))
    for _ in range(rounds):
        left = x - (x @ basis.T) @ basis
        found = RidgeClassifier(alpha=0.1, random_state=seed).fit(left, codes)
        if found.score(left, codes) <= chance + 0.01:
            break
        basis = subspace(np.concatenate([basis, np.atleast_2d(found.coef_)]), tolerance=1e-6)
    return basis


class DeAR(Method):
    """Subtract a linear residual that a classifier of the attribute needs.

    r(x) = V x + b is trained to leave a fitted classifier without an idea (maximal entropy) while x - r(x)
    stays near x (losses recalled).
    """

    name = "dear"
    source = "Seth, Hemani & Agarwal 2023, arXiv 2303.10431 (losses recalled)"
    about = "Learns a linear residual whose subtraction leaves a classifier of the attribute without an idea."

    def __init__(self, steps: int = 300, keep: float = 1.0, batch: int = 128) -> None:
        self.steps, self.keep, self.batch = steps, keep, batch

    def fit(self, data: FitData) -> Mitigation:
        from sklearn.linear_model import LogisticRegression

        judge = LogisticRegression(C=10.0, max_iter=300, random_state=data.seed).fit(data.images, data.codes)
        coef, bias = judge.coef_, judge.intercept_
        if len(data.levels) == 2:
            # sklearn has one row of logits for two classes; two rows of half of it have the same softmax.
            coef, bias = np.vstack([-coef, coef]) / 2, np.concatenate([-bias, bias]) / 2
        matrix, offset = residual(
            data.images, coef, bias, steps=self.steps, keep=self.keep, batch=self.batch, seed=data.seed
        )
        size = len(offset)
        return Mitigation(
            method=self.name, attribute=data.attribute,
            image=Map(matrix=np.eye(size) - matrix, offset=-offset),
            parameters={"steps": self.steps, "keep": self.keep, "batch": self.batch},
        )  # fmt: skip


def residual(
    images: Floats, coef: Floats, bias: Floats, *, steps: int, keep: float, batch: int = 128,
    rate: float = 5e-3, seed: int = 0,
) -> tuple[Floats, Floats]:  # fmt: skip
    """V [D, D] and b [D] of the residual r(x) = V x + b, after so many steps of Adam from zero.

    The loss is the mean over the images of a batch of the cross-entropy of even shares under the classifier
    (coef [G, D], bias [G]) of y = normalise(x - r(x)), plus `keep` times the squared distance of y from x.
    Its gradient is written out, since autograd took half of the time of a whole `clip-audit mitigate`, and so
    is the optimiser: torch's loads its compiler, which takes longer than the steps. Fewer images than a batch
    are taken whole at every step.
    """
    import torch

    x = torch.from_numpy(images).float()
    weight, intercept = torch.from_numpy(coef).float(), torch.from_numpy(bias).float()
    size = x.shape[1]
    parts = [torch.zeros(size, size), torch.zeros(size)]
    moments = [(torch.zeros_like(part), torch.zeros_like(part)) for part in parts]
    with torch.inference_mode():
        for step, rows in enumerate(_batches(len(x), batch, steps=steps, seed=seed), start=1):
            shown = x[torch.from_numpy(rows)]
            moved = shown - torch.addmm(parts[1], shown, parts[0].T)
            length = moved.norm(dim=1, keepdim=True)
            y = moved / length
            shares = torch.softmax(torch.addmm(intercept, y, weight.T), dim=1)
            slope = ((shares - 1 / len(coef)) @ weight + 2 * keep * (y - shown)) / len(shown)
            slope = (slope - (slope * y).sum(dim=1, keepdim=True) * y) / length
            gradients = -(slope.T @ shown), -slope.sum(dim=0)
            for part, own, gradient in zip(parts, moments, gradients, strict=True):
                _adam(part, own, gradient, step=step, rate=rate)
    return parts[0].double().numpy(), parts[1].double().numpy()


def _adam(part: Tensor, moments: tuple[Tensor, Tensor], gradient: Tensor, *, step: int, rate: float) -> None:
    """One step of Adam (Kingma & Ba 2015, algorithm 1), in place; the gradient is used up."""
    first, second = moments
    first.lerp_(gradient, 0.1)
    second.mul_(0.999).addcmul_(gradient, gradient, value=0.001)
    scale = gradient.copy_(second).div_(1 - 0.999**step).sqrt_().add_(1e-8)
    part.addcdiv_(first, scale, value=-rate / (1 - 0.9**step))


def _batches(n: int, size: int, *, steps: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """Rows of each step: every image once before any is shown again; a rest too small for a batch waits."""
    rng = np.random.default_rng([seed, 10])
    order = np.arange(n) if n <= size else rng.permutation(n)
    place = 0
    for _ in range(steps):
        if place + size > n > size:
            order, place = rng.permutation(n), 0
        yield order[place : place + size] if n > size else order
        place += size
