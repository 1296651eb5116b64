"""Do the same images have equal rates under several specifications?

Cochran's Q assumes that any two specifications agree equally often. If two of them are variants of one prompt
and a third is not, its size at 5 % is .15 to .18. The Wald statistic of the differences of rates, with their
covariance between clusters (Bhapkar 1966 for single images), assumes no such thing; its distribution comes
from flipping the signs of whole clusters' differences, which needs no large sample and, for two
specifications of single images, is McNemar's exact test.

N images, K clusters, S specifications, B draws.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from audit.statistics.clusters.clustered_means import sums_by_code
from clipmodel.array_types import Floats

DRAWS = 1_999
# 2^10 patterns of signs are fewer than the draws, and p of all of them is exact.
MOST_EXACT_CLUSTERS = 10
ROUNDING = 1e-9


def equal_rates_p(
    happened: ArrayLike, clusters: ArrayLike, *, seed: int = 0, draws: int = DRAWS,
    weights: ArrayLike | None = None,
) -> float:  # fmt: skip
    """p of equal rates under all specifications.

    Parameters
    ----------
    happened
        [N, S] of 0 and 1.
    clusters
        [N] codes.
    draws
        Random sign flips, if more than ten clusters change; otherwise all are looked at.
    weights
        [N] what each image counts for: p is then of equal weighted rates. The same for all if left out.

    Returns
    -------
    1 if no cluster's sums differ between specifications; NaN with fewer than two specifications or no image.

    Notes
    -----
    The differences of a cluster are between its sums of events under each other specification and under the
    first. With their sum d and the sum of their squares M, both over clusters, the statistic is d' M^+ d. M
    does not change with the signs, so a draw costs one matrix product.
    """
    events = np.asarray(happened, dtype=float)
    if events.ndim != 2 or events.shape[1] < 2 or not len(events):
        return float("nan")
    if weights is not None:
        events = events * np.asarray(weights, dtype=float)[:, None]
    code = np.unique(np.asarray(clusters), return_inverse=True)[1]
    sums = sums_by_code(events[:, 1:] - events[:, :1], code, int(code.max()) + 1)
    kinds, number = np.unique(sums[np.any(sums != 0, axis=1)], axis=0, return_counts=True)
    if not len(kinds):
        return 1.0
    standardised = kinds @ _inverse_root((kinds * number[:, None]).T @ kinds)
    observed = float(np.sum((number @ standardised) ** 2))
    if number.sum() <= MOST_EXACT_CLUSTERS:
        signs = 1 - 2 * ((np.arange(2 ** number.sum())[:, None] >> np.arange(number.sum())) & 1)
        statistics = np.sum((signs @ np.repeat(standardised, number, axis=0)) ** 2, axis=1)
        return float((statistics >= observed * (1 - ROUNDING)).mean())
    rng = np.random.default_rng(seed)
    # Clusters with equal differences are alike: how many of them keep their sign is drawn.
    net = 2 * rng.binomial(number, 0.5, size=(draws, len(number))) - number
    statistics = np.sum((net @ standardised) ** 2, axis=1)
    return float((1 + (statistics >= observed * (1 - ROUNDING)).sum()) / (1 + draws))


def _inverse_root(matrix: Floats) -> Floats:
    """A with A A' the pseudo-inverse of a positive semidefinite matrix."""
    values, vectors = np.linalg.eigh(matrix)
    # Specifications that always agree leave directions without variance: there the inverse does not exist.
    kept = values > values.max(initial=0.0) * 1e-10
    return np.asarray(vectors[:, kept] / np.sqrt(values[kept]))
