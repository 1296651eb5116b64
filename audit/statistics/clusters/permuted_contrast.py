"""Student's t of one side against the other under permuted labels, from counts by cluster alone.

`clustered_means.Studentiser` takes labels laid out image by image, for any number of groups. A test of one
group against all others needs less: of each cluster the images on the first side, and the sum of their
values. They come straight from the shuffled clusters, so that no image is laid out and sought again. The
random numbers are those of `clustered_permutation.Exchangeable.permuted`, and so is every t, to the last bit.

N images, K clusters, M of them of one size n, B permutations.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audit.statistics.clusters.clustered_means import Studentiser
from audit.statistics.clusters.clustered_permutation import Codes, Exchangeable

Floats = NDArray[np.float64]

_FEW = 8
"""Images of a cluster up to which numpy adds them up one after the other, and a loop over them is faster."""
_SLICE = 100_000
"""Numbers that are worked on at a time: what one step writes, the next finds in the processor's cache."""


@dataclass(frozen=True, kw_only=True)
class PermutedContrast:
    """Values of images on two sides, in the order in which their clusters are shuffled.

    Attributes
    ----------
    places
        Which labels may be exchanged; those of the first side are 1, all others 0.
    studentiser
        Of the values.
    units
        [U] the clusters that are exchanged as blocks, in the order of the codes of all clusters.
    rows
        [M] likewise the other clusters, a list a size.
    values, weights
        [M, n] the values of their images (times the weights, if there are any) and the weights, a table a
        size.
    """

    places: Exchangeable
    studentiser: Studentiser
    units: Codes
    rows: tuple[Codes, ...]
    values: tuple[Floats, ...]
    weights: tuple[Floats | None, ...]

    @classmethod
    def of(
        cls, values: Floats, clusters: Codes, places: Exchangeable, *, weights: Floats | None = None
    ) -> PermutedContrast:
        """From the [N] values and clusters of images, and what may be exchanged; `weights` [N] stay with the
        images."""
        studentiser = Studentiser(values[:, None], clusters, floor=True, weights=weights)
        cluster = np.unique(clusters, return_inverse=True)[1]
        centred = np.empty(len(values))
        centred[studentiser.order] = studentiser.values[:, 0]
        units = np.zeros(len(places.unit_labels), dtype=np.intp)
        units[places.unit] = cluster[places.whole]
        return cls(
            places=places, studentiser=studentiser, units=units,
            rows=tuple(cluster[block[:, 0]] for block in places.blocks),
            values=tuple(centred[block] for block in places.blocks),
            weights=tuple(None if weights is None else weights[block] for block in places.blocks),
        )  # fmt: skip

    def observed(self) -> float:
        """t of the labels as they are."""
        inside = (self.places.labels == 1).astype(float)
        units = (self.places.unit_labels == 1).astype(float)[None]
        blocks = zip(self.places.blocks, self.values, self.weights, strict=True)
        sums = [cluster_sums(inside[block][None], each, weights) for block, each, weights in blocks]
        return float(self._t(units, sums)[0])

    def permuted(self, *, rng: np.random.Generator, draws: int) -> Iterator[Floats]:
        """t of B permutations, in chunks [b]."""
        inside = (self.places.labels == 1).astype(float)
        of_unit = (self.places.unit_labels == 1).astype(float)
        for b in self.places.chunks(draws):
            units = rng.permuted(np.tile(of_unit, (b, 1)), axis=1)
            sums = []
            for block, values, weights in zip(self.places.blocks, self.values, self.weights, strict=True):
                order = rng.permuted(np.tile(np.arange(len(block)), (b, 1)), axis=1)
                sums.append(_shuffled(inside[block], values, order, rng=rng, weights=weights))
            step = max(1, _SLICE // len(self.studentiser.size))
            for start in range(0, b, step):
                some = slice(start, start + step)
                yield self._t(units[some], [(n[some], each[some]) for n, each in sums])

    def _t(self, units: Floats, blocks: list[tuple[Floats, Floats]]) -> Floats:
        """[b] t, from which units [b, U] are inside, and the images and sums of the other clusters."""
        size, whole = self.studentiser.size, self.studentiser.sums[:, 0]
        n, sums = np.empty((len(units), len(size))), np.empty((len(units), len(size)))
        n[:, self.units], sums[:, self.units] = units * size[self.units], units * whole[self.units]
        for rows, (n_inside, of_inside) in zip(self.rows, blocks, strict=True):
            n[:, rows], sums[:, rows] = n_inside, of_inside
        return self.studentiser.of_sums(n, sums[..., None])[:, 0]


def _shuffled(
    inside: Floats, values: Floats, order: Codes, *, rng: np.random.Generator, weights: Floats | None = None
) -> tuple[Floats, Floats]:
    """Images (or their weight) and sums [b, M] inside: clusters [M, n] in orders [b, M], then their images.

    Whether an image is inside is a float here: numpy shuffles what is as wide as an integer of the machine
    twice as fast as anything narrower, with the same random numbers.
    """
    n, sums = np.empty(order.shape), np.empty(order.shape)
    step = max(1, _SLICE // max(values.size, 1))
    for start in range(0, len(order), step):
        some = slice(start, start + step)
        labels = inside[order[some]]
        n[some], sums[some] = cluster_sums(rng.permuted(labels, axis=2, out=labels), values, weights)
    return n, sums


def cluster_sums(inside: Floats, values: Floats, weights: Floats | None = None) -> tuple[Floats, Floats]:
    """Images, or their weight, and sums [b, M] of those inside, [b, M, n] of 0 and 1, of values [M, n].

    Added up as `numpy.add.reduceat` does, the first to the sum of the others.
    """
    width = values.shape[1]
    n = inside @ np.ones(width) if weights is None else (inside * weights).sum(axis=-1)
    if width > _FEW:
        own = inside * values
        return n, own[..., 0] + own[..., 1:].sum(axis=-1)
    rest = np.zeros(n.shape)
    for place in range(1, width):
        rest += inside[..., place] * values[:, place]
    return n, inside[..., 0] * values[:, 0] + rest
