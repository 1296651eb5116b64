"""C-ASC: which words resemble the images of which groups, a whole table at once, corrected for its size.

Shapes: N images, W words, G groups.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.stats import false_discovery_control

from probes.metrics.clusters import ClusteredGroups, numbered

CHUNK_CELLS = 4_000_000  # resampled weights held at a time
ROUNDING = 1e-6  # scores this close, relatively, are ties that rounding tore apart

Correction = Literal["max_t", "bh"]


@dataclass(frozen=True, kw_only=True)
class Scores:
    """C-ASC of every word and group.

    Attributes
    ----------
    value, low, high
        [W, G] the score and its percentile interval over resampled images, within each group; NaN for a group
        without images or without images outside it, and the interval also for one with a single image.
    p, p_adjusted
        [W, G] two-sided, without and with the correction over all words and groups.
    """

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray
    p: np.ndarray
    p_adjusted: np.ndarray


def contrastive_scores(similarities: np.ndarray, groups: np.ndarray, *, n_groups: int) -> np.ndarray:
    """C-ASC: how much more a word resembles the images of a group than those outside it.

    (mean similarity in the group - mean similarity outside) / standard deviation of all similarities, ddof 1
    (So-B-IT: Hamidieh et al. 2024).

    Parameters
    ----------
    similarities
        [N, W].
    groups
        [N] the group of each image, 0 ... G-1.

    Returns
    -------
    [W, G]; NaN where a group has no image, or all.
    """
    member = np.eye(n_groups)[groups]
    return _scores(
        member.sum(axis=0), member.T @ similarities, (member.T @ np.square(similarities)).sum(axis=0)
    )


def association_test(
    similarities: np.ndarray,
    groups: np.ndarray,
    *,
    n_groups: int,
    permutations: int = 999,
    resamples: int = 500,
    correction: Correction = "max_t",
    clusters: np.ndarray | None = None,
    seed: int = 0,
) -> Scores:
    """C-ASC with intervals, and p-values corrected over all words x groups.

    Groups are permuted among the images, for all words at once. "max_t" compares each score, over its
    standard error, with the largest of the whole table in each permutation (Westfall & Young 1993), which
    holds the chance of any false alarm and knows how words go together. "bh" is Benjamini & Hochberg 1995, of
    p-values that compare a score with those of the whole table: alone, 999 permutations tell nothing below
    .001 apart, and among thousands of tests none could pass.

    Parameters
    ----------
    similarities
        [N, W].
    groups
        [N] the group of each image, 0 ... G-1.
    clusters
        [N] what images of one person or drawing share; permutations and resamples then keep clusters whole,
        see `probes.metrics.clusters`. Images are independent if left out.
    """
    # Centred first: scores do not change, and sums of squares lose no digits.
    cosines = np.asarray(similarities, np.float64)
    cosines = cosines - cosines.mean(axis=0)
    value = contrastive_scores(cosines, groups, n_groups=n_groups)
    own = None if clusters is None else ClusteredGroups(groups=groups, clusters=numbered(clusters))
    orders = _orders(groups, own, n_groups=n_groups, n_permutations=permutations, seed=seed)
    permuted = _permute(cosines, groups, value, orders=orders, n_permutations=permutations)
    if own is None:
        low, high = _bootstrap(cosines, groups, n_groups=n_groups, resamples=resamples, seed=seed)
    else:
        low, high = _cluster_bootstrap(cosines, own, n_groups=n_groups, resamples=resamples, seed=seed)
    adjusted = permuted.of_largest if correction == "max_t" else adjust_bh(permuted.pooled)
    return Scores(value=value, low=low, high=high, p=permuted.own, p_adjusted=adjusted)


def adjust_bh(p: np.ndarray) -> np.ndarray:
    """p-values of any shape, adjusted as one family (Benjamini & Hochberg 1995); NaN is a test not made."""
    adjusted = np.array(p, np.float64)
    tested = ~np.isnan(adjusted)
    if tested.any():
        adjusted[tested] = false_discovery_control(adjusted[tested])
    return adjusted


def _scores(n: np.ndarray, sums: np.ndarray, squares: np.ndarray) -> np.ndarray:
    """Scores [..., W, G] from the sizes [..., G], sums [..., G, W] and sums of squares [..., W]."""
    n = np.asarray(n, np.float64)[..., None]
    total, n_all = sums.sum(axis=-2, keepdims=True), n.sum(axis=-2, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        difference = sums / n - (total - sums) / (n_all - n)
        variance = (squares[..., None, :] - total**2 / n_all) / (n_all - 1)
        scores = difference / np.sqrt(np.where(variance > 0, variance, np.nan))
    return np.swapaxes(np.where((n > 0) & (n < n_all), scores, np.nan), -1, -2)


@dataclass(frozen=True)
class _Permuted:
    """p-values [W, G]: of a score alone, of the largest of the table, and among all scores of the table."""

    own: np.ndarray
    of_largest: np.ndarray
    pooled: np.ndarray


def _orders(
    groups: np.ndarray, clusters: ClusteredGroups | None, *, n_groups: int, n_permutations: int, seed: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Permutations: the images in an order in which they are dealt to the groups, and how many to each."""
    generator = np.random.default_rng(seed)
    n = np.bincount(groups, minlength=n_groups)
    for _ in range(n_permutations):
        if clusters is None:
            yield generator.permutation(len(groups)), n
        else:
            dealt = clusters.permuted(generator)
            yield np.argsort(dealt, kind="stable"), np.bincount(dealt, minlength=n_groups)


def _error(n: np.ndarray) -> np.ndarray:
    """[G] the standard error of a score, in units of the standard deviation, for groups of n [G] images."""
    with np.errstate(divide="ignore"):
        return np.sqrt(1 / n + 1 / (n.sum() - n))


def _permute(
    cosines: np.ndarray,
    groups: np.ndarray,
    value: np.ndarray,
    *,
    orders: Iterable[tuple[np.ndarray, np.ndarray]],
    n_permutations: int,
) -> _Permuted:
    squares = np.square(cosines).sum(axis=0)
    least = np.abs(value) / _error(np.bincount(groups, minlength=value.shape[1])) * (1 - ROUNDING)
    own, of_largest, pooled = (np.ones_like(value) for _ in range(3))
    single = cosines.astype(np.float32)
    for order, n in orders:
        sums = _sums_by_group(single, order, n)
        permuted = np.abs(_scores(n, sums, squares)) / _error(n)
        own += permuted >= least
        of_largest += np.nanmax(permuted, initial=0) >= least
        known = np.sort(permuted[~np.isnan(permuted)])
        pooled += len(known) - np.searchsorted(known, least)
    n_tests = max(1, int(np.isfinite(value).sum()))
    sizes = (1 + n_permutations, 1 + n_permutations, 1 + n_permutations * n_tests)
    p = [
        np.where(np.isnan(value), np.nan, hits / size)
        for hits, size in zip((own, of_largest, pooled), sizes, strict=True)
    ]
    return _Permuted(*p)


def _sums_by_group(cosines: np.ndarray, order: np.ndarray, n: np.ndarray) -> np.ndarray:
    """[G, W] sums where the images of an order are dealt to the groups, n [G] to each."""
    ends = np.cumsum(n)
    return np.stack([cosines[order[end - size : end]].sum(axis=0) for end, size in zip(ends, n, strict=True)])


def _bootstrap(
    cosines: np.ndarray, groups: np.ndarray, *, n_groups: int, resamples: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """[W, G] 2.5 and 97.5 % points of the score over images drawn again within each group."""
    generator = np.random.default_rng(seed)
    n = np.bincount(groups, minlength=n_groups)
    both = np.concatenate([cosines, np.square(cosines)], axis=1).astype(np.float32)
    sums = np.zeros((resamples, n_groups, both.shape[1]))
    for group in np.flatnonzero(n):
        own = both[groups == group]
        at_once = max(1, CHUNK_CELLS // len(own))
        for start in range(0, resamples, at_once):
            part = slice(start, min(start + at_once, resamples))
            weights = generator.multinomial(len(own), np.full(len(own), 1 / len(own)), part.stop - part.start)
            sums[part, group] = weights.astype(np.float32) @ own
    n_words = cosines.shape[1]
    drawn = _scores(n, sums[..., :n_words], sums[..., n_words:].sum(axis=1))
    low, high = np.quantile(drawn, (0.025, 0.975), axis=0)
    # One image drawn from one is always itself: no spread is no knowledge of it.
    single = np.broadcast_to(n < 2, low.shape)
    return np.where(single, np.nan, low), np.where(single, np.nan, high)


def _cluster_bootstrap(
    cosines: np.ndarray, groups: ClusteredGroups, *, n_groups: int, resamples: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """As `_bootstrap`, over clusters drawn again; NaN where a group is missing from a resample."""
    both = np.concatenate([cosines, np.square(cosines)], axis=1)
    n, sums = groups.resampled_sums(both, n_groups=n_groups, resamples=resamples, seed=seed)
    n_words = cosines.shape[1]
    drawn = _scores(n, sums[..., :n_words], sums[..., n_words:].sum(axis=1))
    low, high = np.quantile(drawn, (0.025, 0.975), axis=0)
    single = np.broadcast_to(groups.n_clusters(n_groups) < 2, low.shape)
    return np.where(single, np.nan, low), np.where(single, np.nan, high)
