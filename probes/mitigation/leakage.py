"""How well a fresh classifier still reads the attribute from image embeddings: correct or not, per image."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

FOLDS = 5
NEIGHBOURS = 15


def leakage(
    images: NDArray[np.floating], codes: NDArray[np.int64], clusters: NDArray[np.int64], *, seed: int
) -> dict[str, NDArray[np.bool_]]:
    """Whether classifiers fitted on other clusters name the group of each image.

    Parameters
    ----------
    images
        [N, R] embeddings.
    codes, clusters
        [N] group and cluster of each image: no cluster is in two folds.

    Returns
    -------
    "linear" (ridge classifier) and "nonlinear" (nearest neighbours by cosine, 15 or all that there are): [N]
    bool.
    """
    from sklearn.linear_model import RidgeClassifier
    from sklearn.neighbors import KNeighborsClassifier

    fold = folds(clusters, seed=seed)
    makers: dict[str, Callable[[int], Any]] = {
        "linear": lambda _: RidgeClassifier(alpha=0.1),
        "nonlinear": lambda n: KNeighborsClassifier(min(NEIGHBOURS, n), metric="cosine", algorithm="brute"),
    }
    found = {name: np.zeros(len(codes), dtype=bool) for name in makers}
    for number in range(FOLDS):
        test = fold == number
        if not test.any() or len(np.unique(codes[~test])) < 2:
            continue
        for name, make in makers.items():
            model = make(int((~test).sum())).fit(images[~test], codes[~test])
            found[name][test] = model.predict(images[test]) == codes[test]
    return found


def folds(clusters: NDArray[np.int64], *, seed: int) -> NDArray[np.int64]:
    """[N] 0 ... FOLDS - 1, whole clusters at random."""
    _, code = np.unique(clusters, return_inverse=True)
    order = np.random.default_rng([seed, 3]).permutation(int(code.max(initial=-1)) + 1)
    return np.asarray(order[code] % FOLDS, dtype=np.int64)


def halves(clusters: NDArray[np.int64], *, seed: int) -> NDArray[np.bool_]:
    """[N] whether an image is fitted on: whole clusters, half of them, at random."""
    _, code = np.unique(clusters, return_inverse=True)
    order = np.random.default_rng([seed, 4]).permutation(int(code.max(initial=-1)) + 1)
    return np.asarray(order[code] % 2 == 0, dtype=bool)
