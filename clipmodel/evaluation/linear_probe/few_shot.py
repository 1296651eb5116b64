"""Few-shot curves: the accuracy of a probe on 1, 2, 4, 8, 16 images per class, over several draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from clipmodel.evaluation.linear_probe.solver import fit

SHOTS = (1, 2, 4, 8, 16)
SEEDS = (0, 1, 2)
STRENGTH = 1.0  # a search needs validation images, which a few shots do not leave


@dataclass(frozen=True, kw_only=True)
class FewShot:
    """One point of one draw.

    Attributes
    ----------
    shots, seed
        Images per class, and the draw.
    right
        [M] which test images are classified right.
    train_images
        How many images were drawn.
    """

    shots: int
    seed: int
    right: NDArray[np.bool_]
    train_images: int


def few_shot_curve(
    train: tuple[NDArray[np.floating], NDArray[np.int64]],
    test: tuple[NDArray[np.floating], NDArray[np.int64]],
    *,
    classes: int,
    shots: Sequence[int] = SHOTS,
    seeds: Sequence[int] = SEEDS,
    strength: float = STRENGTH,
) -> list[FewShot]:
    """Fit on few images of each class and test.

    The images of a draw with fewer shots are among those of the same seed with more, so that a curve rises
    by what is added. Features are divided by their mean norm, so that one strength suits every model.

    Parameters
    ----------
    train, test
        Features [N, F] and classes [N].

    Returns
    -------
    One entry per number of shots and seed; numbers of shots that no class has images for are left out.
    """
    features, truth = train
    # `or 1.0`: features that are all zero have no norm to divide by.
    scale = float(np.linalg.norm(features, axis=1).mean()) or 1.0
    others = torch.as_tensor(np.asarray(test[0], dtype=np.float64) / scale)
    largest = int(np.bincount(truth, minlength=classes).max(initial=0))
    found = []
    for seed in seeds:
        order = draw_order(truth, seed=seed)
        for count in (count for count in shots if count <= largest):
            rows = np.flatnonzero(order < count)
            one = fit(features[rows] / scale, truth[rows], [strength], classes=classes)[0]
            right = one.scores(others).argmax(dim=1).numpy() == test[1]
            found.append(FewShot(shots=count, seed=seed, right=right, train_images=len(rows)))
    return found


def draw_order(truth: NDArray[np.int64], *, seed: int) -> NDArray[np.int64]:
    """[N] the place of each image in a random order of its class."""
    rng = np.random.default_rng(seed)
    order = np.empty(len(truth), dtype=np.int64)
    for c in np.unique(truth):
        rows = np.flatnonzero(truth == c)
        order[rng.permutation(rows)] = np.arange(len(rows))
    return order
