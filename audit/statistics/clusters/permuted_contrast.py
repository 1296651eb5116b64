"""Student's t of one group against all others under permuted labels, from sums by cluster alone.

`clustered_means.Studentiser` takes labels laid out image by image, for any number of groups and variables. A
test of one group needs less: of each cluster the images of the group, a, and the sum of their values, s. With
A and S for all images of the cluster, it adds to the difference of the two means

    c_1 (s - a m_1) - c_2 ((S - s) - (A - a) m_2),   c_i = sqrt(k_i / (k_i - 1)) / n_i,

for sides of n_i images in k_i clusters and of means m_i. If images have weights, a and A are sums of
weights, s and S of weighted values, and n_i of weights: a permuted label leaves an image its weight. The
variance is the sum of the squares of that over the clusters, a quadratic form of (s, a, S, A), so sums of
their products over the clusters are all that must be computed for a labeling.

U clusters exchanged as blocks, M other clusters of one size n, b permutations.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audit.statistics.clusters.clustered_permutation import Exchangeable
from audit.statistics.clusters.shared_permutations import ClusterLabels
from clipmodel.array_types import Floats

_SLICE = 100_000
"""Numbers that are worked on at a time: what one step writes, the next finds in the processor's cache."""
_MOST_LISTED = 8
"""Images of a cluster whose subsets are listed: 256 of them."""
_PRODUCTS = ("k1", "k2", "a", "s", "aa", "as", "ss", "aA", "aS", "sA", "sS", "aq")
"""Sums over clusters that depend on the labels: clusters with images of the group and with others, then
products; q is the mean squared weight of a cluster's images, each counted with its weight."""


@dataclass(frozen=True, kw_only=True)
class _Whole:
    """Sums over all images of some clusters [M]: A, S and q."""

    sizes: Floats
    sums: Floats
    squares: Floats

    @classmethod
    def of(cls, weight: Floats, values: Floats, squares: Floats) -> _Whole:
        """Made of the sums by cluster of weights, weighted values and squared weights."""
        return cls(sizes=weight, sums=values, squares=squares / np.maximum(weight, 1e-300))


@dataclass(frozen=True, kw_only=True)
class PermutedContrast:
    """Values of images, laid out as `ClusterLabels` are.

    Attributes
    ----------
    units, others
        A, S and q of the clusters exchanged as blocks [U], and of the others [M] of each size n.
    values, weights
        For each size n of the other clusters, the values [n, M] of their images (times the weights, if there
        are any), and the weights.
    variance
        Of the values of single images: over n images, the least variance that a side's mean is taken to have,
        since a small side of alike images would seem to be measured without error.
    """

    units: _Whole
    others: tuple[_Whole, ...]
    values: tuple[Floats, ...]
    weights: tuple[Floats | None, ...]
    variance: float

    @classmethod
    def of(cls, values: Floats, places: Exchangeable, *, weights: Floats | None = None) -> PermutedContrast:
        """Made of the values [N] of images and what may be exchanged; `weights` [N] stay with the images."""
        told = np.ones(len(values)) if weights is None else weights
        # Centred: no t changes, and sums of squares lose no digits.
        centred = values - np.average(values, weights=weights)
        sums = [told, told * centred, told**2]
        units = _Whole.of(*(np.bincount(places.unit, each[places.whole]).astype(float) for each in sums))
        others = tuple(_Whole.of(*(each[block].sum(axis=1) for each in sums)) for block in places.blocks)
        laid_out = [np.ascontiguousarray((told * centred)[block].T) for block in places.blocks]
        return cls(
            units=units,
            others=others,
            values=tuple(laid_out),
            weights=tuple(
                None if weights is None else np.ascontiguousarray(weights[block].T) for block in places.blocks
            ),
            variance=float(np.average(centred**2, weights=weights)),
        )

    def t(self, labels: ClusterLabels, code: int) -> Floats:
        """[b] t of the images that have a label against all others.

        0 if the means are equal, whatever the error; NaN if a side has fewer than two clusters.
        """
        found = self._of_units(labels.units == code)
        parts = zip(labels.blocks, self.values, self.weights, self.others, strict=True)
        for block, values, weights, whole in parts:
            found += _of_block(block == code, values, weights, whole)
        return self._studentised(dict(zip(_PRODUCTS, found.T, strict=True)))

    def _of_units(self, inside: NDArray[np.bool_]) -> Floats:
        """[b, products] of clusters that are inside as a whole, or not at all."""
        n, s = self.units.sizes, self.units.sums
        one, nn, ns, ss = np.ones(len(n)), n * n, n * s, s * s
        columns = [one, one, n, s, nn, ns, ss, nn, ns, ns, ss, n * self.units.squares]
        found: Floats = inside.astype(float) @ np.column_stack(columns)
        found[:, 1] = len(n) - found[:, 1]
        return found

    def _studentised(self, of: dict[str, Floats]) -> Floats:
        whole = (self.units, *self.others)
        sizes, sums = (np.concatenate([getattr(one, name) for one in whole]) for name in ("sizes", "sums"))
        squares_of_weights = sum(float(one.sizes @ one.squares) for one in whole)
        n1 = of["a"]
        n2 = sizes.sum() - n1
        with np.errstate(invalid="ignore", divide="ignore"):
            m1, m2 = of["s"] / n1, (sums.sum() - of["s"]) / n2
            c1, c2 = (np.sqrt(k / (k - 1)) / n for k, n in ((of["k1"], n1), (of["k2"], n2)))
            by_s, by_a, by_sums, by_sizes = c1 + c2, -(c1 * m1 + c2 * m2), -c2, c2 * m2
            squares = (
                by_s**2 * of["ss"] + by_a**2 * of["aa"]
                + by_sums**2 * (sums @ sums) + by_sizes**2 * (sizes @ sizes)
            )  # fmt: skip
            products = (
                by_s * (by_a * of["as"] + by_sums * of["sS"] + by_sizes * of["sA"])
                + by_a * (by_sums * of["aS"] + by_sizes * of["aA"]) + by_sums * by_sizes * (sums @ sizes)
            )  # fmt: skip
            # One over Kish's effective images of either side: its images, if all count the same.
            told = of["aq"] / n1**2 + (squares_of_weights - of["aq"]) / n2**2
            variance = np.maximum(squares + 2 * products, self.variance * told)
            difference = np.where(np.abs(m1 - m2) < 1e-12, 0.0, m1 - m2)
            t = difference / np.sqrt(variance)
        t = np.where((difference == 0) & ~np.isnan(variance), 0.0, t)
        return np.where((of["k1"] > 1) & (of["k2"] > 1), t, np.nan)


def _of_block(inside: NDArray[np.bool_], values: Floats, weights: Floats | None, whole: _Whole) -> Floats:
    """[b, products] of clusters [M] of one size: which images are inside [n, b, M], and values [n, M]."""
    _, draws, clusters = inside.shape
    found = np.empty((draws, len(_PRODUCTS)))
    # Whole clusters leave nothing, whatever the order in which their weights were added.
    nearly = whole.sizes * (1 - 1e-9)
    linear = np.column_stack([np.ones(clusters), whole.sizes, whole.sums])
    step = max(1, _SLICE // max(clusters, 1))
    for start in range(0, draws, step):
        some = slice(start, start + step)
        a, s = cluster_sums(inside[:, some], values, weights)
        k1, k2 = np.count_nonzero(a, axis=1), np.count_nonzero(a < nearly, axis=1)
        squares = (np.einsum("bm,bm->b", *pair) for pair in ((a, a), (a, s), (s, s)))
        (of_a, a_sizes, a_sums), (of_s, s_sizes, s_sums) = (a @ linear).T, (s @ linear).T
        columns = [k1, k2, of_a, of_s, *squares, a_sizes, a_sums, s_sizes, s_sums, a @ whole.squares]
        found[some] = np.column_stack(columns)
    return found


def cluster_sums(
    inside: NDArray[np.bool_], values: Floats, weights: Floats | None = None
) -> tuple[Floats, Floats]:
    """Images, or their weight, and sums [b, M] of those inside, [n, b, M], of values [n, M]."""
    n, draws, clusters = inside.shape
    if n > _MOST_LISTED or draws <= 2**n:
        return _added_up(inside, values, weights)
    # A cluster of n images has 2^n sums: each is added up once, and then looked up.
    every = (np.arange(2**n) >> np.arange(n)[:, None] & 1).astype(bool)
    tables = _added_up(np.broadcast_to(every[:, :, None], (n, 2**n, clusters)), values, weights)
    bits = inside.view(np.uint8)
    which = bits[0].astype(np.intp)
    for place in range(1, n):
        which |= bits[place] << np.uint8(place)
    which *= clusters
    which += np.arange(clusters)
    return tables[0].take(which), tables[1].take(which)


def _added_up(inside: NDArray[np.bool_], values: Floats, weights: Floats | None) -> tuple[Floats, Floats]:
    """`cluster_sums`, image by image."""
    sums = np.zeros(inside.shape[1:])
    n = np.zeros(inside.shape[1:])
    for place, (own, value) in enumerate(zip(inside, values, strict=True)):
        n += own if weights is None else np.where(own, weights[place], 0.0)
        sums += np.where(own, value, 0.0)
    return n, sums
