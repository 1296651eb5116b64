"""Differences of group means, studentised by the variance between clusters: the one core of two-sample tests.

Several images of a person are one observation of that person. The difference of two means is a sum over
clusters of their influences, and its variance the sum of the squared influences (Liang & Zeger 1986). Over
that error, a permutation of labels is exact if labels are exchangeable, and still right in large samples if
the two sides differ in variance, in the size of their clusters, or in how alike the images of a cluster are
(Chung & Romano 2013; without the error it is not: sizes of .2 to .4 occur).

N images, K clusters, V variables, G groups, B permutations.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from clipmodel.array_types import AnyIntegers, Floats

Bools = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class MeanDifference:
    """The difference of two means, of V variables.

    Attributes
    ----------
    difference, error
        [V] mean of the first side less that of the second, and its standard error between clusters; NaN with
        fewer than two clusters on a side.
    freedom
        [V] degrees of freedom of the error.
    clusters
        Clusters of the first and of the second side.
    """

    difference: Floats
    error: Floats
    freedom: Floats
    clusters: tuple[int, int]

    def interval(self, *, confidence: float = 0.95) -> tuple[Floats, Floats]:
        """[V] low and high by Student's distribution."""
        half = special.stdtrit(self.freedom, 0.5 + confidence / 2) * self.error
        return self.difference - half, self.difference + half


def mean_difference(
    values: ArrayLike, inside: ArrayLike, clusters: ArrayLike, *, weights: ArrayLike | None = None
) -> MeanDifference:
    """Difference of the means of two sides with its cluster-robust error.

    Parameters
    ----------
    values
        [N, V].
    inside
        [N] whether an image is of the first side; all others are of the second.
    clusters
        [N] codes; a cluster may have images on both sides.
    weights
        [N] what each image counts for; the same for all if left out.

    Notes
    -----
    Squared residuals of a cluster are divided by one less its share of its side (CR2 of Bell & McCaffrey 2002
    for a mean); with weights, they are those of the linearised mean (Binder 1983), and shares are of weight.
    Degrees of freedom are Satterthwaite's, each side's being those of its cluster sizes; if some cluster has
    images on both sides, those of the squared shares of all clusters.
    """
    numbers, first = np.asarray(values, dtype=float), np.asarray(inside, dtype=bool)
    cluster = np.unique(np.asarray(clusters), return_inverse=True)[1]
    n_clusters = int(cluster.max(initial=-1)) + 1
    told = None if weights is None else np.asarray(weights, dtype=float)
    one, other = (
        _side(numbers[own], cluster[own], n_clusters, None if told is None else told[own])
        for own in (first, ~first)
    )
    known = min(one.clusters, other.clusters) > 1
    with np.errstate(invalid="ignore", divide="ignore"):
        # Not the sum of the sides' variances: a cluster with images on both sides moves both means.
        variance = ((one.influence - other.influence) ** 2).sum(axis=0)
        freedom = (one.variance + other.variance) ** 2 / (
            one.variance**2 / one.freedom + other.variance**2 / other.freedom
        )
    joint = _freedom_of_shares(one.share**2 + other.share**2)
    if bool(np.any((one.share > 0) & (other.share > 0))):
        freedom = np.full(numbers.shape[1], joint)
    return MeanDifference(
        difference=one.mean - other.mean,
        error=np.where(known, np.sqrt(variance), np.nan),
        freedom=np.where(np.isfinite(freedom), np.maximum(freedom, 1.0), max(joint, 1.0)),
        clusters=(one.clusters, other.clusters),
    )


def clustered_mean(
    values: ArrayLike, clusters: ArrayLike, *, confidence: float = 0.95, weights: ArrayLike | None = None
) -> tuple[float, float, float]:
    """Mean of values [N], such as paired changes, and its interval between clusters.

    Variance and degrees of freedom are those of one side of `mean_difference`.

    Returns
    -------
    mean, low, high. All are NaN without values; the limits are NaN with fewer than two clusters.

    Examples
    --------
    >>> clustered_mean([0.0, 0.0, 1.0, 1.0], np.array([0, 1, 2, 3]))[0]
    0.5
    """
    numbers = np.asarray(values, dtype=float)
    if not len(numbers):
        return np.nan, np.nan, np.nan
    cluster = np.unique(np.asarray(clusters), return_inverse=True)[1]
    told = None if weights is None else np.asarray(weights, dtype=float)
    side = _side(numbers[:, None], cluster, int(cluster.max()) + 1, told)
    mean = float(side.mean[0])
    if side.clusters < 2:
        return mean, np.nan, np.nan
    half = float(special.stdtrit(side.freedom, 0.5 + confidence / 2) * np.sqrt(side.variance[0]))
    return mean, mean - half, mean + half


@dataclass(frozen=True, kw_only=True)
class _Side:
    """One mean of V variables: its value, and what each of K clusters adds to its variance."""

    mean: Floats  # [V]
    share: Floats  # [K] of the images, or of their weight
    influence: Floats  # [K, V] corrected residuals
    clusters: int  # with images

    @property
    def variance(self) -> Floats:
        """[V]."""
        squares: Floats = (self.influence**2).sum(axis=0)
        return squares

    @property
    def freedom(self) -> float:
        """Satterthwaite's, of the sizes of the clusters."""
        return _freedom_of_shares(self.share**2)


def _side(values: Floats, cluster: AnyIntegers, n_clusters: int, weights: Floats | None = None) -> _Side:
    n: Floats | AnyIntegers = np.bincount(cluster, minlength=n_clusters)
    if weights is not None:
        n = np.bincount(cluster, weights=weights, minlength=n_clusters)
        values = values * weights[:, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = values.sum(axis=0) / n.sum()
        residual = (sums_by_code(values, cluster, n_clusters) - n[:, None] * mean) / n.sum()
        share = n / (n.sum() if n.any() else 1)
        # The mean was fitted to these residuals, so they are too small: by the root of 1 - share (CR2).
        influence = residual / np.sqrt(1 - share)[:, None]
    influence[n == 0] = 0.0
    return _Side(mean=mean, share=share, influence=influence, clusters=int(np.count_nonzero(n)))


def _freedom_of_shares(weights: Floats) -> float:
    """Degrees of freedom of a sum of squares whose parts weigh `weights`: K - 1 for K equal ones."""
    total = float((weights**2).sum())
    return max(float(weights.sum()) ** 2 / total - 1, 1.0) if total else 1.0


def sums_by_code(values: Floats, code: AnyIntegers, n: int) -> Floats:
    """[N, V] to [n, V] sums of the rows of each code."""
    if not len(code):
        return np.zeros((n, values.shape[1]))
    # np.bincount with weights would take one of the V columns at a time.
    order = np.argsort(code, kind="stable")
    ordered = code[order]
    starts = np.flatnonzero(np.diff(ordered, prepend=-1))
    sums = np.zeros((n, values.shape[1]))
    sums[ordered[starts]] = np.add.reduceat(values[order], starts, axis=0)
    return sums


class Studentiser:
    """Student's t of many labelings of the same images, each group against all others.

    Parameters
    ----------
    values
        [N, V].
    clusters
        [N] codes.
    floor
        Whether a side's variance is at least that of independent images of all: for counts, of which a small
        side may by chance have none, and would seem to be measured without error.
    weights
        [N] what each image counts for, whatever its label; the same for all if left out.
    """

    def __init__(
        self, values: ArrayLike, clusters: ArrayLike, *, floor: bool = False, weights: ArrayLike | None = None
    ) -> None:
        numbers = np.asarray(values, dtype=float)
        cluster = np.unique(np.asarray(clusters), return_inverse=True)[1]
        self.order = np.argsort(cluster, kind="stable")
        self.starts = np.flatnonzero(np.diff(cluster[self.order], prepend=-1))
        self.size: Floats | AnyIntegers = np.diff(np.append(self.starts, len(cluster)))
        # Centred: no t changes, and sums of squares lose no digits.
        if weights is None:
            self.weights = None
            self.values = (numbers - numbers.mean(axis=0))[self.order]
            variance = self.values.var(axis=0)
        else:
            self.weights = np.asarray(weights, dtype=float)[self.order]
            mean = np.average(numbers, axis=0, weights=np.asarray(weights, dtype=float))
            centred = (numbers - mean)[self.order]
            variance = np.average(centred**2, axis=0, weights=self.weights)
            self.values = centred * self.weights[:, None]
            self.size = np.add.reduceat(self.weights, self.starts)
        self.variance = variance if floor else np.zeros(numbers.shape[1])
        self.sums = np.add.reduceat(self.values, self.starts, axis=0)
        self.unequal = bool(len(self.size)) and not bool((self.size == 1).all())
        parts = [self.sums, self.sums**2]
        if self.unequal:
            parts.append(self.sums * self.size[:, None])
        columns = [np.ones(len(self.size)), self.size, self.size**2]
        if self.weights is not None:
            columns.append(np.add.reduceat(self.weights**2, self.starts))
        extra = np.column_stack(columns)
        self._whole = np.hstack([*parts, extra])
        self._single = self._whole.astype(np.float32) if self._whole.size > 4_000_000 else self._whole

    def t(self, labels: AnyIntegers, groups: ArrayLike, *, whole: bool) -> Floats:
        """[b, G, V] t of every group against all other images.

        Parameters
        ----------
        labels
            [b, N] codes.
        groups
            [G] the codes.
        whole
            Whether all images of a cluster have one label in each labeling.

        Returns
        -------
        0 if the difference is, whatever its error; NaN if a side has fewer than two clusters.
        """
        codes = np.atleast_1d(np.asarray(groups))
        ordered = labels[:, self.order]
        if whole:
            return self._of_wholes(ordered[:, self.starts], codes)
        return np.stack([self._of_any(ordered == code) for code in codes], axis=1)

    def _of_wholes(self, unit: AnyIntegers, codes: AnyIntegers) -> Floats:
        v, last = self.values.shape[1], 3 if self.weights is None else 4
        member = (unit[:, None, :] == codes[:, None]).astype(self._single.dtype)
        own = (member @ self._single).astype(float)
        sides = (own, self._whole.sum(axis=0) - own)
        parts = []
        for side in sides:
            k, n, squares = (side[..., [place - last]] for place in range(3))
            total, square = side[..., :v], side[..., v : 2 * v]
            cross = side[..., 2 * v : 3 * v] if self.unequal else total
            with np.errstate(invalid="ignore", divide="ignore"):
                mean = total / n
                # k / (k - 1) and not CR2, whose factor of a cluster depends on the size of the side that a
                # labeling puts it on: sums over clusters would not suffice.
                spread = np.maximum(square - 2 * mean * cross + mean**2 * squares, 0) / n**2 * k / (k - 1)
                images = n if self.weights is None else n**2 / side[..., [-1]]
                spread = np.maximum(spread, self.variance / images)
            parts.append((mean, np.where(k > 1, spread, np.nan)))
        (one, variance_1), (other, variance_2) = parts
        return _ratio(one - other, variance_1 + variance_2)

    def _of_any(self, inside: Bools) -> Floats:
        """[b, V] t if a cluster may have images on both sides: its influences on both means add up."""
        weight = 1.0 if self.weights is None else self.weights
        if self.values.shape[1] == 1:
            own = inside.astype(float)
            sums = np.add.reduceat(own * self.values[:, 0], self.starts, axis=1)
            return self.of_sums(np.add.reduceat(own * weight, self.starts, axis=1), sums[..., None])
        rows = []
        for own in inside:
            sums = np.add.reduceat(self.values * own[:, None], self.starts, axis=0)
            n = np.add.reduceat(own.astype(float) * weight, self.starts)
            rows.append(self.of_sums(n[None], sums[None]))
        return np.concatenate(rows)

    def of_sums(self, n_own: Floats, sums_own: Floats) -> Floats:
        """[b, V] t from the images [b, K], or their weight, and sums [b, K, V] of the first side."""
        influence, floor, means = np.zeros_like(sums_own), np.zeros((len(n_own), 1)), []
        enough = np.ones(len(n_own), dtype=bool)
        rest = self.size - n_own
        if self.weights is not None:
            # Whole clusters leave nothing, whatever the order in which their weights were added.
            rest = np.where(rest > self.size * 1e-9, rest, 0.0)
        for n, sums, sign in ((n_own, sums_own, 1), (rest, self.sums - sums_own, -1)):
            k = np.count_nonzero(n, axis=1)
            enough &= k > 1
            total = n.sum(axis=1)[:, None]
            total = np.where(total > 0, total, 1)
            means.append(sums.sum(axis=1) / total)
            scale = sign * np.sqrt(k / np.maximum(k - 1, 1))[:, None] / total
            influence += scale[..., None] * (sums - n[..., None] * means[-1][:, None])
            floor = floor + self.variance / self._images(n, total)
        variance = np.maximum((influence**2).sum(axis=1), floor)
        return _ratio(means[0] - means[1], np.where(enough[:, None], variance, np.nan))

    def _images(self, n: Floats, total: Floats) -> Floats:
        """[b, 1] Kish's effective images of a side; the images of a cluster have its mean squared weight."""
        if self.weights is None:
            return total
        squares = np.add.reduceat(self.weights**2, self.starts) / self.size
        kish = n @ squares[:, None]
        return np.asarray(total**2 / np.where(kish > 0, kish, 1.0))


def _ratio(difference: Floats, variance: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        t = difference / np.sqrt(variance)
    # Over an error that is 0 as well, what rounding leaves of a difference would be a t of any size.
    return np.where(np.abs(difference) < 1e-12, np.where(np.isnan(variance), np.nan, 0.0), t)
