"""C-ASC: which words are more similar to the images of which groups, a whole table at once.

Shapes: N images, W words, G groups.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

Correction = Literal["max_t", "bh"]
"""How p-values are corrected over words and groups."""


def contrastive_scores(
    similarities: np.ndarray, groups: np.ndarray, *, n_groups: int, weights: np.ndarray | None = None
) -> np.ndarray:
    """C-ASC: how much more a word resembles the images of a group than those outside it.

    (mean similarity in the group - mean similarity outside) / standard deviation of all similarities, ddof 1
    (So-B-IT: Hamidieh et al. 2024).

    Parameters
    ----------
    similarities
        [N, W].
    groups
        [N] the group of each image, 0 ... G-1.
    weights
        [N] what each image counts for: means and the standard deviation are weighted then, with Kish's
        effective number of images in the place of N; the same for all if left out.

    Returns
    -------
    [W, G]; NaN where a group has no image, or all.
    """
    # A one-hot matrix: sums of all groups and words are then one product.
    member = np.eye(n_groups)[groups]
    if weights is not None:
        # Scaled to Kish's number, of which the variance is divided by one less.
        member = member * (weights * weights.sum() / (weights**2).sum())[:, None]
    return _scores(
        member.sum(axis=0), member.T @ similarities, (member.T @ np.square(similarities)).sum(axis=0)
    )


def _scores(n: np.ndarray, sums: np.ndarray, squares: np.ndarray) -> np.ndarray:
    """Scores [..., W, G] from the sizes [..., G], sums [..., G, W] and sums of squares [..., W]."""
    n = np.asarray(n, np.float64)[..., None]
    total, n_all = sums.sum(axis=-2, keepdims=True), n.sum(axis=-2, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        difference = sums / n - (total - sums) / (n_all - n)
        # By sums of squares, which are additive over groups; in 64 bits the cosines, between -1 and 1, lose
        # no digit that matters.
        variance = (squares[..., None, :] - total**2 / n_all) / (n_all - 1)
        # Rounding can make the variance of equal values slightly negative.
        scores = difference / np.sqrt(np.where(variance > 0, variance, np.nan))
    return np.swapaxes(np.where((n > 0) & (n < n_all), scores, np.nan), -1, -2)
