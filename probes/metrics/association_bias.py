"""Association bias: how differently classes are given to two groups. Bare arrays in, numbers out.

Alabdulmohsin et al. 2024 ("CLIP the Bias") take the mean over labels y, such as occupations, of
|P(y | first group) - P(y | second group)|. A mean of absolute values is above 0 by chance alone, the more so
the fewer images there are: it comes with what chance would give, and with each label's own difference.

Shapes: N images, C classes, R permutations.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from probes.metrics.c_asc import Correction, adjust_bh
from probes.metrics.clusters import ClusteredGroups, numbered
from probes.metrics.proportions import newcombe, normal_quantile

ROUNDING = 1e-9


@dataclass(frozen=True, kw_only=True)
class Parity:
    """Association bias, and the difference of each class.

    Attributes
    ----------
    bias, by_chance, p
        The mean of absolute differences, its mean where groups are dealt anew, and the share of those that
        are as large, the one observed counted.
    difference, low, high
        [C] share, or mean probability, in the first group less that in the second, and its 95 % interval.
    p_class, p_adjusted
        [C] two-sided p of each difference, without and with the correction over classes; NaN for a class that
        is given to none, or to all.
    """

    bias: float
    by_chance: float
    p: float
    difference: np.ndarray
    low: np.ndarray
    high: np.ndarray
    p_class: np.ndarray
    p_adjusted: np.ndarray


def association_bias(
    given: np.ndarray,
    is_first: np.ndarray,
    *,
    permutations: int = 999,
    correction: Correction = "max_t",
    clusters: np.ndarray | None = None,
    seed: int = 0,
) -> Parity:
    """Association bias of two groups.

    Parameters
    ----------
    given
        [N, C] how far each class is given to each image: bool, or its probability.
    is_first
        [N] bool: whether the image is of the first group; each group has two images or more.
    correction
        Over the classes: "max_t" compares each difference, over its spread by chance, with the largest of all
        classes in each permutation; "bh" is Benjamini & Hochberg's.
    clusters
        [N] what images of one person or drawing share; groups are then dealt to whole clusters, see
        `probes.metrics.clusters`, and intervals are of so many clusters.

    Notes
    -----
    Intervals are Newcombe's for shares, with counts over their design effect where there are clusters, and
    normal ones for probabilities. Both take the two groups as independent, so that they are too long rather
    than too short where a cluster has images of both.
    """
    own = np.arange(len(given)) if clusters is None else numbered(clusters)
    groups = ClusteredGroups(groups=np.where(is_first, 0, 1), clusters=own)
    values = np.asarray(given, np.float64)
    difference = _differences(values, np.asarray(is_first)[None])[0]
    generator = np.random.default_rng(seed)
    dealt = np.stack([groups.permuted(generator) == 0 for _ in range(permutations)])
    chance = _differences(values, dealt)
    bias, biases = float(np.abs(difference).mean()), np.abs(chance).mean(axis=1)
    p_class, largest = _tests(difference, chance)
    low, high = _intervals(given, is_first, own)
    return Parity(
        bias=bias, by_chance=float(biases.mean()),
        p=float((1 + (biases >= bias - ROUNDING).sum()) / (1 + permutations)),
        difference=difference, low=low, high=high, p_class=p_class,
        p_adjusted=largest if correction == "max_t" else adjust_bh(p_class),
    )  # fmt: skip


def _differences(values: np.ndarray, is_first: np.ndarray) -> np.ndarray:
    """[R, C] means over the first group less those over the second; `is_first` is [R, N]."""
    n = is_first.sum(axis=1, keepdims=True)
    sums = is_first.astype(np.float64) @ values
    return np.asarray(sums / n - (values.sum(axis=0) - sums) / (len(values) - n))


def _tests(difference: np.ndarray, chance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """[C] p of each difference alone, and beside the largest of all classes, each over its own spread."""
    spread = np.sqrt(np.square(np.vstack([chance, difference])).mean(axis=0))
    with np.errstate(divide="ignore", invalid="ignore"):
        size, sizes = (
            np.abs(each) / np.where(spread > ROUNDING, spread, np.nan) for each in (difference, chance)
        )
    largest = np.nanmax(sizes, axis=1, initial=0)[:, None]
    p, adjusted = (
        np.where(np.isnan(size), np.nan, (1 + (each >= size - ROUNDING).sum(axis=0)) / (1 + len(chance)))
        for each in (sizes, largest)
    )
    return p, adjusted


def _intervals(
    given: np.ndarray, is_first: np.ndarray, clusters: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """[C] 95 % intervals of the differences."""
    sides = [(given[own], clusters[own]) for own in (is_first, ~is_first)]
    means = [values.mean(axis=0) for values, _ in sides]
    variances = [_variance_of_mean(values.astype(np.float64), own) for values, own in sides]
    if given.dtype != bool:
        half = normal_quantile(0.95) * np.sqrt(sum(variances))
        difference = means[0] - means[1]
        return np.maximum(difference - half, -1), np.minimum(difference + half, 1)
    sizes = [
        _effective(mean, variance, n=len(values), n_clusters=len(np.unique(own)))
        for mean, variance, (values, own) in zip(means, variances, sides, strict=True)
    ]
    return newcombe(means[0] * sizes[0], sizes[0], means[1] * sizes[1], sizes[1])


def _variance_of_mean(values: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    """[C] variance of the mean of images in clusters, between clusters (Liang & Zeger 1986); NaN for one."""
    own = numbered(clusters)
    residuals = values - values.mean(axis=0)
    sums = np.stack([np.bincount(own, weights=column) for column in residuals.T], axis=1)
    k = len(sums)
    return np.square(sums).sum(axis=0) / len(values) ** 2 * (k / (k - 1) if k > 1 else np.nan)


def _effective(share: np.ndarray, variance: np.ndarray, *, n: int, n_clusters: int) -> np.ndarray:
    """[C] how many independent images a share is worth; of none or all, as many as there are clusters."""
    plain = share * (1 - share) / n
    with np.errstate(divide="ignore", invalid="ignore"):
        effect = np.maximum(1, variance / plain)
    if n_clusters == n:
        return np.full(len(share), float(n))
    return np.where(plain > 0, n / effect, n_clusters)
