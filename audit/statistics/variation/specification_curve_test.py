"""The same images under many specifications: joint counts, and what they allow that single rates do not.

S specifications of one probe, K bit strings (which of the specifications the event happened in), G groups,
N images.

Rates of one specification say nothing of how its errors go with those of another, though both are of the
same images. The bit strings do: they give the covariance of the gaps, and a permutation of whole images'
labels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from audit.statistics.clusters.clustered_means import mean_difference
from audit.statistics.clusters.clustered_permutation import Exchangeable, labelings_p_floor
from audit.statistics.clusters.design_effects import sums_by_cluster
from audit.statistics.clusters.permuted_contrast import PermutedContrast
from audit.statistics.clusters.shared_permutations import ClusterLabels, SharedPermutations, chunks
from audit.statistics.permutation_p import ROUNDING, sequential_p
from clipmodel.array_types import Floats, Integers

DRAWS = 1_999


@dataclass(frozen=True, kw_only=True)
class Images:
    """The images behind joint counts, where several of them make one cluster, or where they have weights.

    Attributes
    ----------
    group, bit_string, cluster
        [N] codes; those of groups and bit strings are positions in the joint counts.
    weight
        [N] what each image counts for in the population; None if all count the same.
    """

    group: Integers
    bit_string: Integers
    cluster: Integers
    weight: Floats | None = None

    def among(self, sides: Integers) -> Images:
        """The images of some of the groups, given by their codes."""
        return self.only(np.isin(self.group, sides))

    def only(self, kept: NDArray[np.bool_]) -> Images:
        """Some of the images."""
        weight = None if self.weight is None else self.weight[kept]
        return Images(
            group=self.group[kept],
            bit_string=self.bit_string[kept],
            cluster=self.cluster[kept],
            weight=weight,
        )

    def told(self) -> Floats:
        """[N] the weights: 1 each if there are none."""
        return np.ones(len(self.group)) if self.weight is None else self.weight


@dataclass(frozen=True, kw_only=True)
class JointCounts:
    """How often each bit string of events happened in each group.

    Attributes
    ----------
    specifications
        S rows, columns `KEYS`: those in which the outcome was counted.
    bits
        [K, S] 1 where the event happened.
    counts
        [G, K] images of the group with the bit string.
    names
        G group names, the values joined.
    images
        Where some cluster holds several images, or images have weights; None otherwise.
    """

    specifications: pd.DataFrame
    bits: Integers
    counts: Integers
    names: list[str]
    images: Images | None = None

    def sides(self, group: str, reference: str) -> tuple[Integers, Integers]:
        """[K] counts of a group and of its reference; of all other groups where no group has that name."""
        own = self.counts[self.names.index(group)]
        if reference in self.names:
            return own, self.counts[self.names.index(reference)]
        return own, self.counts.sum(axis=0) - own

    def rates(self, group: str, reference: str) -> tuple[Floats, Floats]:
        """[S] rates of a group and of its reference (of all other groups where no group has that name).

        Weighted if images have weights; 0 for a side without images.
        """
        own, other = (side.astype(float) for side in self.sides(group, reference))
        if self.images is not None and self.images.weight is not None:
            inside = self.images.group == self.names.index(group)
            rest = self.images.group == self.names.index(reference) if reference in self.names else ~inside
            own, other = (
                np.bincount(self.images.bit_string[side], self.images.weight[side], minlength=len(self.bits))
                for side in (inside, rest)
            )
        first, second = (
            np.asarray(side @ self.bits / (side.sum() if side.any() else 1)) for side in (own, other)
        )
        return first, second

    def curve_p(
        self, group: str, reference: str, *, rng: np.random.Generator,
        permutations: SharedPermutations | None = None,
    ) -> float:  # fmt: skip
        """p of the specification curve of a group against its reference; see `curve_p`."""
        images, code = self._images_of(group, reference), self.names.index(group)
        return curve_p(
            self.bits, *self.sides(group, reference), rng=rng, images=images, group_code=code,
            permutations=permutations,
        )  # fmt: skip

    def covariance(self, group: str, reference: str) -> Floats:
        """Covariance [S, S] of the differences of a group from its reference over the sampling of images."""
        images = self._images_of(group, reference)
        if images is None:
            return difference_covariance(self.bits, *self.sides(group, reference))
        return cluster_covariance(self.bits, images, group_code=self.names.index(group))

    def rate_covariance(self, group: str) -> Floats:
        """Covariance [S, S] of the rates of a group over the sampling of images, or of clusters."""
        code = self.names.index(group)
        if self.images is None:
            return _rate_covariance(self.bits, self.counts[code])
        own = self.images.only(self.images.group == code)
        present, cluster = np.unique(own.cluster, return_inverse=True)
        if len(present) < 2:
            return np.full((self.bits.shape[1],) * 2, np.nan)
        sums = sums_by_cluster(_influence(self.bits[own.bit_string], own.weight), cluster)
        return np.asarray(sums.T @ sums * len(present) / (len(present) - 1))

    def clusters(self, group: str, reference: str) -> tuple[int, int]:
        """Clusters of a group and of its reference, or of all other groups; images if each is one."""
        own, other = self.sides(group, reference)
        if self.images is None:
            return int(own.sum()), int(other.sum())
        inside = self.images.group == self.names.index(group)
        rest = self.images.group == self.names.index(reference) if reference in self.names else ~inside
        return len(np.unique(self.images.cluster[inside])), len(np.unique(self.images.cluster[rest]))

    def _images_of(self, group: str, reference: str) -> Images | None:
        if self.images is None or reference not in self.names:
            return self.images
        return self.images.among(np.array([self.names.index(group), self.names.index(reference)]))


def difference_covariance(bits: Integers, group: Integers, reference: Integers) -> Floats:
    """Covariance [S, S] of the differences of rates over the sampling of images.

    Unbiased (divided by n - 1); NaN where a side has fewer than two images.
    """
    return _rate_covariance(bits, group) + _rate_covariance(bits, reference)


def cluster_covariance(bits: Integers, images: Images, *, group_code: int) -> Floats:
    """`difference_covariance` where clusters are sampled, and not images: from the sums of their influences.

    NaN where a side has fewer than two images, or all are of one cluster.
    """
    happened = bits[images.bit_string].astype(float)
    influence = np.zeros_like(happened)
    for own, sign in ((images.group == group_code, 1), (images.group != group_code, -1)):
        if np.count_nonzero(own) < 2:
            return np.full((bits.shape[1],) * 2, np.nan)
        influence[own] = sign * _influence(
            happened[own], None if images.weight is None else images.weight[own]
        )
    present, cluster = np.unique(images.cluster, return_inverse=True)
    if len(present) < 2:
        return np.full((bits.shape[1],) * 2, np.nan)
    sums = sums_by_cluster(influence, cluster)
    return np.asarray(sums.T @ sums * len(present) / (len(present) - 1))


def _influence(happened: NDArray[Any], weight: Floats | None) -> Floats:
    """[N, S] what each image adds to the error of one side's rates, weighted or not (Binder 1983)."""
    events = happened.astype(float)
    if weight is None:
        return np.asarray((events - events.mean(axis=0)) / len(events))
    return np.asarray((events - weight @ events / weight.sum()) * (weight / weight.sum())[:, None])


def _rate_covariance(bits: Integers, counts: Integers) -> Floats:
    n = int(counts.sum())
    if n < 2:
        return np.full((bits.shape[1],) * 2, np.nan)
    rates = counts @ bits / n
    together = (bits * counts[:, None]).T @ bits / n
    return np.asarray((together - np.outer(rates, rates)) / (n - 1))


def curve_p(
    bits: Integers, group: Integers, reference: Integers, *, rng: np.random.Generator, draws: int = DRAWS,
    images: Images | None = None, group_code: int = 0, permutations: SharedPermutations | None = None,
) -> float:  # fmt: skip
    """p of a whole specification curve: is the mean of its gaps zero?

    The statistic is the mean over the specifications of the gap in units of its error (Simonsohn, Simmons &
    Nelson 2020 average z-values likewise). It is linear in the events, so each image has one number, the
    weighted sum of its events; the difference of the two sides' means of it is studentised by its variance
    between clusters (`statistics.clusters.clustered_means`). Its distribution comes from permuting the labels
    of whole images, so the dependence of the specifications is in it, and the error makes it a test of equal
    rates: without it, sides whose clusters differ in size, or whose images differ in how consistently they
    are classified, reject in 30 to 40 % of cases at 5 %.

    The error is that of a score test: each side's own variance in units of mean (most - mean), the largest
    that a number between 0 and `most` can have, times the pooled mean (most - mean). A small side whose
    images answer alike has few events by chance and then, by its own variance, a small error: 12 of them
    against 48 others reject in 11 % of cases without this, in 5 % with it.

    Parameters
    ----------
    bits, group, reference
        As in `JointCounts`, counts [K] of both sides.
    draws
        Permutations at most; see `permutation_p.sequential_p`.
    images, group_code
        The images of both sides, and which of them are of the group; None if each is a cluster of its own.
        If they have weights, p is of equal weighted rates: a permuted label leaves an image its weight.
    permutations
        Of labels that other tests permute too, if clusters have images on both sides; drawn with `rng` if
        left out.

    Returns
    -------
    NaN if a side has fewer than two clusters; 1 if the event happens always or never.
    """
    n_group, n_reference = int(group.sum()), int(reference.sum())
    if not (n_group and n_reference):
        return float("nan")
    pooled: Integers | Floats = group + reference
    total = n_group + n_reference
    if images is not None and images.weight is not None:
        pooled = np.bincount(images.bit_string, weights=images.weight, minlength=len(bits))
    rate = pooled @ bits / pooled.sum()
    error = np.sqrt(rate * (1 - rate) * (1 / n_group + 1 / n_reference))
    varying = error > 0
    if not varying.any():
        return 1.0
    weights = bits[:, varying] @ (1 / error[varying])
    if images is None:
        bit_string = np.concatenate([np.repeat(np.arange(len(side)), side) for side in (group, reference)])
        inside = np.arange(total) < n_group
        images = Images(
            group=np.where(inside, group_code, group_code + 1),
            bit_string=bit_string,
            cluster=np.arange(total),
        )
    values = weights[images.bit_string]
    most = float((1 / error[varying]).sum())
    inside = images.group == group_code
    places = Exchangeable.of(inside, images.cluster)
    difference = mean_difference(values[:, None], inside, images.cluster, weights=images.weight)
    if places.blocks:
        shared = permutations or SharedPermutations(seed=int(rng.integers(2**32)), draws=draws)
        observed, permuted = _t_of_images(values, images, group_code, places, shared)
    else:
        kinds = _Kinds.of(values, inside, images.cluster, most=most, weights=images.weight)
        observed = float(kinds.t(kinds.observed[None])[0])
        permuted = (kinds.t(kinds.draw(rng, size)) for size in chunks(draws))
    freedom = float(difference.freedom[0])
    return sequential_p(observed, permuted, freedom=freedom, least=lambda: labelings_p_floor(places))


def _t_of_images(
    values: Floats, images: Images, group_code: int, places: Exchangeable, shared: SharedPermutations
) -> tuple[float, Iterator[Floats]]:
    """Student's t of the group, and its permutations: labels of all groups are permuted together."""
    together = Exchangeable.of(images.group, images.cluster, sizes=places.sizes)
    contrast = PermutedContrast.of(values, together, weights=images.weight)
    observed = float(contrast.t(ClusterLabels.as_they_are(together), group_code)[0])
    return observed, (contrast.t(labels, group_code) for labels in shared.of(together))


@dataclass(frozen=True, kw_only=True)
class _Kinds:
    """Clusters exchanged as blocks: those of equal sum and size are alike, so their numbers are drawn.

    Attributes
    ----------
    sums, sizes, squares, number, observed
        [M] of each kind: sum of its images' values, its images, their squared weights (the images again if
        all count the same), clusters of the kind, and how many of them are of the group. With weights, sums
        and sizes are weighted.
    variance
        Of the values of single images: the floor of a side's variance, see `Studentiser`.
    most
        The largest value that an image can have; the least is 0.
    weighted
        Whether images have weights.
    """

    sums: Floats
    sizes: Floats
    squares: Floats
    number: Integers
    observed: Integers
    variance: float
    most: float
    weighted: bool = False

    @classmethod
    def of(
        cls, values: Floats, inside: NDArray[np.bool_], clusters: Integers, *, most: float,
        weights: Floats | None = None,
    ) -> _Kinds:  # fmt: skip
        cluster = np.unique(clusters, return_inverse=True)[1]
        variance = values.var()
        columns = [np.bincount(cluster, weights=values), np.bincount(cluster)]
        if weights is not None:
            columns = [np.bincount(cluster, each) for each in (weights * values, weights, weights**2)]
            variance = np.average((values - np.average(values, weights=weights)) ** 2, weights=weights)
        totals = np.column_stack(columns)
        label = np.bincount(cluster, weights=inside) > 0
        # Sums of weights in another order differ in their last digits; such clusters are alike all the
        # same.
        kinds, place = np.unique(np.round(totals, 9), axis=0, return_inverse=True)
        number, observed = (
            np.bincount(place.ravel(), weights=each, minlength=len(kinds)).astype(np.int64)
            for each in (np.ones(len(label)), label)
        )
        return cls(
            sums=kinds[:, 0].astype(float), sizes=kinds[:, 1].astype(float),
            squares=kinds[:, -1].astype(float), number=number, observed=observed, variance=float(variance),
            most=most, weighted=weights is not None,
        )  # fmt: skip

    def draw(self, rng: np.random.Generator, draws: int) -> Integers:
        """[B, M] how many clusters of each kind are in the group."""
        return rng.multivariate_hypergeometric(self.number, int(self.observed.sum()), size=draws)

    def t(self, drawn: Integers) -> Floats:
        """[B] the studentised difference of such groups from the others."""
        n = self.sizes
        whole = float(self.number @ n)
        mean = float(self.number @ self.sums) / whole
        # Centred: the means differ alike, and sums of squares lose no digits.
        s = self.sums - mean * n
        pooled = mean * (self.most - mean)
        moments = np.column_stack([np.ones(len(s)), n, s, s**2, s * n, n**2, self.squares])
        own = drawn @ moments
        means, variances = [], []
        for k, size, total, square, cross, squares, each in (own.T, (self.number @ moments - own).T):
            with np.errstate(invalid="ignore", divide="ignore"):
                above = total / size
                spread = (square - 2 * above * cross + above**2 * squares) / size**2 * k / (k - 1)
                largest = pooled * squares / size**2 * k / (k - 1)
                bound = np.maximum((mean + above) * (self.most - mean - above), 0.0)
                # Without an event on a side, or nothing else, its images may all answer alike.
                scored = np.where(bound > ROUNDING * pooled, spread * pooled / bound, largest)
                if not self.weighted:
                    # Heavy images may be those furthest from the mean, so that weighted sides have no bound.
                    scored = np.minimum(scored, largest)
                scored = np.maximum(scored, self.variance / (size**2 / each))
                variances.append(np.where(k > 1, scored, np.nan))
            means.append(above)
        return np.asarray((means[0] - means[1]) / np.sqrt(variances[0] + variances[1]))
