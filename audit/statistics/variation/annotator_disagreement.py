"""A difference between groups whose labels annotators disagree on: multiple imputation of the labels.

What an image's group is, is known as well as its annotators agree. Each imputation takes, for every image,
what one of its annotators said, at random; the spread of the difference over imputations is added to its
sampling variance (Rubin 1987, chapter 3). One annotator errs more often than a majority, and errors mix the
groups, so the imputed difference may be smaller than that of the majority's labels.

Shapes: N images, J annotators, M imputations, K clusters.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from clipmodel.array_types import Floats, Integers

NONE = -1
IMPUTATIONS = 100
"""Labelings drawn: the variance between them has a relative error of sqrt(2 / 99) = 14 %, the half-width of
an interval at most half of that."""


@dataclass(frozen=True, kw_only=True)
class ImputedDifference:
    """A difference of rates, a group less all others, with the disagreement of annotators in its interval.

    Attributes
    ----------
    difference, low, high
        Mean over the imputations, and its 95 % interval; NaN if a side is empty in some imputation, or if
        there are fewer than three clusters.
    share_of_variance
        Part of the variance that is due to disagreement.
    disagreement
        Share of the images with several labels on which these differ.
    n
        Images with a label.
    """

    difference: float
    low: float
    high: float
    share_of_variance: float
    disagreement: float
    n: int


def imputed_difference(
    event: NDArray[np.bool_],
    votes: Integers,
    *,
    group: int,
    clusters: Integers,
    imputations: int = IMPUTATIONS,
    seed: int = 0,
) -> ImputedDifference:
    """Difference of the rates of a group and of all others, over imputed labels.

    Parameters
    ----------
    event
        [N] whether the outcome happened.
    votes
        [N, J] the code that each annotator gave, `NONE` where one gave none.
    group
        The code of the group.
    clusters
        [N] what each image belongs to; images of one cluster are not independent.
    imputations, seed
        How many, and of their draws.

    Notes
    -----
    With W the mean sampling variance, B the variance over the M imputations and T = W + (1 + 1/M) B, the
    interval is a t interval with the degrees of freedom of Barnard & Rubin (1999), whose complete-data
    degrees are the clusters less two. W adds the influences of a cluster's images before it squares them,
    times K / (K - 1).
    """
    usable = (votes != NONE).any(axis=1)
    told, outcome = votes[usable], event[usable].astype(float)
    cluster = np.unique(clusters[usable], return_inverse=True)[1]
    n_clusters = int(cluster.max(initial=-1)) + 1
    rng = np.random.default_rng(seed)
    found = [
        _difference(outcome, drawn_labels(told, rng) == group, cluster, n_clusters)
        for _ in range(imputations)
    ]
    differences, variances = (np.array(column) for column in zip(*found, strict=True))
    several = (told != NONE).sum(axis=1) > 1
    lowest = np.where(told == NONE, np.iinfo(np.int64).max, told).min(axis=1)
    disagreement = float((told.max(axis=1) != lowest)[several].mean()) if several.any() else float("nan")
    low, high, share = _limits(differences, variances, n_clusters)
    return ImputedDifference(
        difference=float(differences.mean()), low=low, high=high, share_of_variance=share,
        disagreement=disagreement, n=int(usable.sum()),
    )  # fmt: skip


def drawn_labels(votes: Integers, rng: np.random.Generator) -> Integers:
    """[N] what one of the annotators of each image said, each as likely as the other; all rows have one."""
    order = np.where(votes == NONE, -1.0, rng.random(votes.shape))
    return np.asarray(votes[np.arange(len(votes)), order.argmax(axis=1)], dtype=np.int64)


def _difference(
    outcome: Floats, own: NDArray[np.bool_], cluster: Integers, n_clusters: int
) -> tuple[float, float]:
    """Rate of a group less that of all others, and its variance between clusters."""
    n_own, n_rest = int(own.sum()), int((~own).sum())
    if not n_own or not n_rest or n_clusters < 2:
        return float("nan"), float("nan")
    rates = float(outcome[own].mean()), float(outcome[~own].mean())
    influence = np.where(own, (outcome - rates[0]) / n_own, (rates[1] - outcome) / n_rest)
    sums = np.bincount(cluster, weights=influence, minlength=n_clusters)
    return rates[0] - rates[1], float((sums**2).sum()) * n_clusters / (n_clusters - 1)


def _limits(differences: Floats, variances: Floats, n_clusters: int) -> tuple[float, float, float]:
    """Both ends of the interval, and the share of variance due to disagreement."""
    within, m = float(variances.mean()), len(differences)
    between = (1 + 1 / m) * float(differences.var(ddof=1))
    total, complete = within + between, n_clusters - 2
    if not total > 0 or complete < 1:
        return float("nan"), float("nan"), float("nan")
    share = between / total
    # Barnard & Rubin 1999: Rubin's own degrees of freedom can exceed those that complete data would have.
    observed = (complete + 1) / (complete + 3) * complete * (1 - share)
    inverse = (share**2 / (m - 1)) + (1 / observed if observed > 0 else np.inf)
    half = float(special.stdtrit(1 / inverse, 0.975)) * float(np.sqrt(total))
    centre = float(differences.mean())
    return centre - half, centre + half, share
