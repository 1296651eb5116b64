"""Differences in units of a standard deviation (C-ASC, SC-WEAT, WEAT): intervals, and permutation p.

The published statistics are the estimates; what is compared with permutations is Student's t of the same
difference. A permutation of the difference itself tests equal distributions: with unequal variances and
unequal sizes it rejects equal means in 21 to 26 % of cases at 5 % (Chung & Romano 2013).

N images, V variables (words), G groups, B labelings.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from audit.statistics.clusters.clustered_means import Studentiser, mean_difference, sums_by_code
from audit.statistics.clusters.clustered_permutation import Exchangeable
from audit.statistics.multiplicity import benjamini_hochberg
from clipmodel.array_types import AnyIntegers, Floats

Bools = NDArray[np.bool_]
Correction = Literal["max_t", "bh"]

MOST_EXACT_LABELINGS = 10_000
ROUNDING = 1e-5
"""Statistics this close, relatively, are ties that rounding parted."""
_CELLS = 20_000_000  # labels, or statistics, held at a time


def standardised_interval(
    values: ArrayLike, inside: Bools, clusters: AnyIntegers, *, confidence: float = 0.95,
    weights: Floats | None = None,
) -> tuple[Floats, Floats]:  # fmt: skip
    """[V] interval of (mean inside - mean outside) / standard deviation of all values.

    Student's, with the error of the ratio by the delta method from the influences of clusters; NaN with fewer
    than two clusters on a side.

    Parameters
    ----------
    values
        [N, V].
    inside
        [N].
    clusters
        [N] codes.
    weights
        [N] what each image counts for; the same for all if left out.
    """
    numbers = np.asarray(values, dtype=float)
    numbers = numbers - np.average(numbers, axis=0, weights=weights)
    found = mean_difference(numbers, inside, clusters, weights=weights)
    code = np.unique(clusters, return_inverse=True)[1]
    told = np.ones(len(numbers)) if weights is None else weights
    kish = told.sum() ** 2 / (told**2).sum()
    with np.errstate(invalid="ignore", divide="ignore"):
        variance = np.average(numbers**2, axis=0, weights=told) * kish / (kish - 1)
        if weights is None:
            variance = numbers.var(axis=0, ddof=1)
        spread = np.sqrt(np.where(variance > 0, variance, np.nan))
        effect = found.difference / spread
        influence = -effect / (2 * variance) * (numbers**2 - variance) * (told / told.sum())[:, None]
        influence += mean_influence(numbers, inside, told) / spread
        sums = sums_by_code(influence, code, int(code.max(initial=-1)) + 1)
        # The part that is due to the difference has its own correction for few clusters.
        plain = mean_difference_variance(numbers, inside, code, weights=told)
        error = np.sqrt((sums**2).sum(axis=0) * np.where(plain > 0, found.error**2 / plain, 1.0))
    scaled = type(found)(
        difference=effect, error=np.where(np.isnan(found.error), np.nan, error), freedom=found.freedom,
        clusters=found.clusters,
    )  # fmt: skip
    return scaled.interval(confidence=confidence)


def mean_influence(numbers: Floats, inside: Bools, weights: Floats) -> Floats:
    """[N, V] what each image adds to the difference of the sides' weighted means."""
    influence = np.zeros_like(numbers)
    for own, sign in ((inside, 1), (~inside, -1)):
        if own.any():
            mean = np.average(numbers[own], axis=0, weights=weights[own])
            influence[own] = sign * (numbers[own] - mean) * (weights[own] / weights[own].sum())[:, None]
    return influence


def mean_difference_variance(
    numbers: Floats, inside: Bools, code: AnyIntegers, *, weights: Floats | None = None
) -> Floats:
    """[V] sum of squared cluster influences on the difference of means, uncorrected."""
    told = np.ones(len(numbers)) if weights is None else weights
    influence = mean_influence(numbers, inside, told)
    return np.asarray((sums_by_code(influence, code, int(code.max(initial=-1)) + 1) ** 2).sum(axis=0))


@dataclass(frozen=True, kw_only=True)
class LabelingTest:
    """p of every group and variable.

    Attributes
    ----------
    p, p_adjusted
        [G, V]; NaN if a side has fewer than two clusters or a variable does not vary.
    labelings
        How many labelings were compared with, the observed one included.
    exact
        Whether these are all that there are.
    """

    p: Floats
    p_adjusted: Floats
    labelings: int
    exact: bool


def labeling_test(
    values: ArrayLike,
    labels: AnyIntegers,
    groups: ArrayLike,
    clusters: AnyIntegers,
    *,
    permutations: int,
    seed: int,
    correction: Correction = "max_t",
    one_sided: bool = False,
    floor: bool = False,
    weights: ArrayLike | None = None,
) -> LabelingTest:
    """Compare the t of each group against all other images with those of permuted labels.

    Parameters
    ----------
    values
        [N, V].
    labels
        [N] codes of the groups.
    groups
        [G] codes to test.
    clusters
        [N] codes; what is permuted is what `clustered_permutation` says.
    permutations
        Random labelings, if there are more than 10,000 of two groups in all.
    correction
        Over groups and variables: "max_t" compares each with the largest of all in each labeling (Westfall &
        Young 1993); "bh" adjusts p among all statistics of the table (Benjamini & Hochberg 1995), since
        alone, 999 permutations tell nothing below .001 apart.
    one_sided
        Whether only larger differences are as extreme.
    floor, weights
        See `clustered_means.Studentiser`.
    """
    places = Exchangeable.of(labels, clusters)
    studentiser = Studentiser(values, clusters, floor=floor, weights=weights)
    codes, whole = np.atleast_1d(np.asarray(groups)), not places.blocks
    observed = _sized(studentiser.t(places.labels[None], codes, whole=whole)[0], one_sided)
    # The logarithm of the number is rounded: exactly as many as are allowed must not be one too many.
    exact = (
        whole and len(np.unique(labels)) <= 2
        and places.log_labelings <= math.log(MOST_EXACT_LABELINGS) + 1e-9
    )  # fmt: skip
    counts = _Reached(observed)
    for chunk in _labelings(places, exact, permutations, seed, cells=observed.size):
        counts.add(_sized(studentiser.t(chunk, codes, whole=whole), one_sided))
    # Among all labelings is the one observed; among random ones it counts besides.
    more = 0 if exact else 1
    own, largest, pooled = counts.p(more)
    return LabelingTest(
        p=own, p_adjusted=largest if correction == "max_t" else benjamini_hochberg(pooled.ravel()).reshape(
            pooled.shape), labelings=counts.n + more, exact=exact,
    )  # fmt: skip


def _sized(t: Floats, one_sided: bool) -> Floats:
    return t if one_sided else np.abs(t)


def _labelings(
    places: Exchangeable, exact: bool, permutations: int, seed: int, *, cells: int
) -> Iterator[AnyIntegers]:
    """Chunks [b, N] of labels."""
    step = max(1, _CELLS // max(cells, len(places.labels)))
    if exact:
        several = len(np.unique(places.labels)) > 1
        every: AnyIntegers = places.every_labeling() if several else places.labels[None]
        yield from (every[start : start + step] for start in range(0, len(every), step))
        return
    rng = np.random.default_rng(seed)
    for start in range(0, permutations, step):
        yield from places.permuted(rng=rng, draws=min(step, permutations - start))


class _Reached:
    """How often permuted statistics reach the observed ones [G, V]: alone, as the largest, among all."""

    def __init__(self, observed: Floats) -> None:
        finite = np.where(np.isfinite(observed), observed, 0.0)
        # The absolute step is for a statistic of 0, of which a relative one leaves nothing.
        self.least = np.where(np.isfinite(observed), finite - np.abs(finite) * ROUNDING - 1e-12, observed)
        self.known = ~np.isnan(observed)
        self.n = 0
        self.own, self.largest, self.pooled = (np.zeros(observed.shape) for _ in range(3))
        self.tests = max(int(self.known.sum()), 1)

    def add(self, permuted: Floats) -> None:
        """Count a chunk [b, G, V]."""
        values = np.where(self.known, np.nan_to_num(permuted, nan=-np.inf, posinf=np.inf), -np.inf)
        self.n += len(values)
        self.own += (values >= self.least).sum(axis=0)
        largest = np.sort(values.reshape(len(values), -1).max(axis=1))
        self.largest += len(largest) - np.searchsorted(largest, self.least)
        everything = np.sort(values[:, self.known].ravel())
        self.pooled += len(everything) - np.searchsorted(everything, self.least)

    def p(self, more: int) -> tuple[Floats, Floats, Floats]:
        """p of each, `more` labelings counted besides as reaching all."""
        sizes = (self.n + more, self.n + more, self.n * self.tests + more)
        own, largest, pooled = (
            np.where(self.known, (hits + more) / size, np.nan)
            for hits, size in zip((self.own, self.largest, self.pooled), sizes, strict=True)
        )
        return own, largest, pooled
