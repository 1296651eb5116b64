"""Measures of a ranking of images by their similarity to a query.

Three things that change these figures, and that publications often leave out, are arguments here: where ties
go, what stands for the logarithm of an absent group, and what share a group is expected to have.

Shapes: N candidates, G groups.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

TieRule = Literal["shared", "row order"]
ZeroRule = Literal["1/K", "1/groups", "zero"]
Reference = Literal["uniform", "dataset", "candidates"]

TIE_RULES: dict[str, str] = {
    "shared": "equal scores share their places",
    "row order": "equal scores stand in the order of the data",
}
ZERO_RULES: dict[str, str] = {
    "1/K": "an absent group counts as one image in K",
    "1/groups": "an absent group counts as its share among equal groups",
    "zero": "an absent group counts as without skew",
}
REFERENCES: dict[str, str] = {
    "uniform": "equal shares",
    "dataset": "the shares of the whole data set",
    "candidates": "the shares of the images ranked",
}


def counts_at(
    scores: np.ndarray, groups: np.ndarray, *, n_groups: int, tie_rule: TieRule = "shared"
) -> np.ndarray:
    """How many of the K highest-scoring images are of each group, for every K.

    Parameters
    ----------
    scores
        [N] similarities to the query.
    groups
        [..., N] the group of each image, 0 ... G-1; leading axes are other groupings of the same images.
    tie_rule
        "shared": images of equal score share their places, so a count may be a fraction: it is the mean over
        all orders of the equal ones. "row order": they stand as the data do.

    Returns
    -------
    [..., N, G]; row K-1 sums to K.

    Raises
    ------
    ValueError
        A score is not finite.
    """
    scores = np.asarray(scores, np.float64)
    if not np.isfinite(scores).all():
        raise ValueError("a score is not finite")
    # Stable: with "row order" ties stand as the data do.
    order = np.argsort(-scores, kind="stable")
    in_order = np.asarray(groups)[..., order]
    counts = np.empty((*in_order.shape, n_groups))
    for group in range(n_groups):  # sums of single bytes, one group at a time, run through memory in order
        counts[..., group] = np.cumsum(in_order == group, axis=-1, dtype=np.int32)
    ranked = scores[order]
    starts = np.flatnonzero(np.concatenate([[True], ranked[1:] != ranked[:-1]]))
    # Without ties both rules give the same counts.
    if tie_rule == "row order" or len(starts) == len(ranked):
        return counts
    ends = np.concatenate([starts[1:], [len(ranked)]])
    block = np.repeat(np.arange(len(starts)), ends - starts)
    nobody = np.zeros((*counts.shape[:-2], 1, n_groups))
    before = np.concatenate([nobody, counts], axis=-2)[..., starts, :]
    # Inside a block of equal scores the counts rise in a straight line, which is the mean over all orders.
    within = (np.arange(len(ranked)) - starts[block] + 1) / (ends - starts)[block]
    added = (counts[..., ends - 1, :] - before)[..., block, :]
    return np.asarray(before[..., block, :] + within[:, None] * added)


def skew(counts: np.ndarray, reference: np.ndarray, *, zero_rule: ZeroRule = "1/K") -> np.ndarray:
    """Skew@K of every group: ln((c_a / K) / p_a).

    Above 0 the group is more frequent among the K highest than it is expected to be (Geyik, Ambler &
    Kenthapadi 2019, definition 1). MaxSkew@K and MinSkew@K are the largest and the smallest.

    Parameters
    ----------
    counts
        [..., G] how many of the K highest are of each group; K is their sum.
    reference
        [G] the share each group is expected to have. A group with a share of 0 has no skew: NaN.
    zero_rule
        What stands in for a group that is absent, whose logarithm is minus infinity: a share of "1/K" or of
        "1/groups", or a skew of "zero".
    """
    counts, p = np.asarray(counts, np.float64), np.asarray(reference, np.float64)
    k = counts.sum(axis=-1, keepdims=True)
    stand_in = {"1/K": 1 / k, "1/groups": np.full_like(k, 1 / counts.shape[-1]), "zero": p}[zero_rule]
    with np.errstate(divide="ignore", invalid="ignore"):
        skews = np.log(np.where(counts == 0, stand_in, counts / k) / p)
    return np.where(p > 0, skews, np.nan)


def ndkl(counts: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Normalised discounted divergence of the shares in every prefix from the expected ones, in nats.

    (1 / Z) sum over i of KL(D_i, D) / log2(i + 1), Z = sum of 1 / log2(i + 1) (Geyik et al. 2019, definition
    5). 0 where every prefix has the expected shares; infinite where a group without expectation turns up.

    Parameters
    ----------
    counts
        [..., N, G] of `counts_at`, or its first rows.
    reference
        [G] the share each group is expected to have.

    Returns
    -------
    [...]
    """
    n = np.arange(np.shape(counts)[-2])
    shares = np.asarray(counts) / (n + 1)[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        # 0 log 0 is 0 here: the limit, which NumPy does not know.
        divergence = np.where(shares > 0, shares * np.log(shares / np.asarray(reference)), 0).sum(axis=-1)
    discount = 1 / np.log2(n + 2)
    return np.asarray((divergence * discount).sum(axis=-1) / discount.sum())


def bias_at(first: np.ndarray | float, second: np.ndarray | float) -> np.ndarray:
    """Bias@K: (first - second) / (first + second) of two groups' counts in the top K.

    Between -1 and 1 (Wang, Liu & Wang 2021, with men first). They take 0 where neither group is there; here
    that is NaN: nothing was seen.
    """
    first, second = np.asarray(first, np.float64), np.asarray(second, np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(first + second > 0, (first - second) / (first + second), np.nan)


def normalised_entropy(counts: np.ndarray) -> np.ndarray:
    """Entropy of the groups' shares over ln G: 1 where they are equal, 0 where one group has all.

    Used at K = 100 by So-B-IT (Hamidieh et al. 2024). It does not know how many of each group there are.

    Parameters
    ----------
    counts
        [..., G]; NaN for one group only.
    """
    counts = np.asarray(counts, np.float64)
    shares = counts / counts.sum(axis=-1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        entropy = -np.where(shares > 0, shares * np.log(shares), 0).sum(axis=-1)
        return (
            np.asarray(entropy / np.log(counts.shape[-1]))
            if counts.shape[-1] > 1
            else np.full_like(entropy, np.nan)
        )


def top_weights(scores: np.ndarray, k: int, *, tie_rule: TieRule = "shared") -> np.ndarray:
    """[N] how much of each image is among the K highest: 1, 0, or a share where equal scores share places.

    Summed over the images of a group it is row K-1 of `counts_at`.
    """
    scores = np.asarray(scores, np.float64)
    order = np.argsort(-scores, kind="stable")
    if tie_rule == "row order":
        return np.isin(np.arange(len(scores)), order[:k]).astype(np.float64)
    last = scores[order[k - 1]]
    above, level = scores > last, scores == last
    expected: np.ndarray = above + level * (k - above.sum()) / level.sum()
    return expected
