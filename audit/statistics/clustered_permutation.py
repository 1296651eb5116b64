"""Permuting group labels where several images belong together, as photos of a person or recolourings do.

Images of one cluster have more in common than their label, so none of them can change places with just any
other image. What can change places, where labels have nothing to do with outcomes:

- clusters with one label each, as wholes, whatever their size: persons with several photos;
- where some clusters of a size have several labels, the labels of all clusters of that size: first those of a
  whole cluster against those of another, then among the images of each. Drawings in five skin tones keep one
  image of each tone.

Where every image is a cluster of its own, this is shuffling the labels over all images.

N images, K clusters, G groups, B permutations.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Codes = NDArray[np.integer]

# Numbers drawn at a time: a quarter of a gigabyte.
_CHUNK = 30_000_000


@dataclass(frozen=True, kw_only=True)
class Exchangeable:
    """Which images may change places.

    Attributes
    ----------
    whole, unit
        Positions of the images whose cluster goes as a whole, and [same] the codes 0 ... K-1 of the clusters.
    blocks
        For each size n with clusters of several labels, the positions [K, n] of the images of all clusters of
        that size.
    """

    whole: Codes
    unit: Codes
    blocks: tuple[Codes, ...]

    @classmethod
    def of(cls, labels: Codes, clusters: Codes) -> Exchangeable:
        """From the [N] codes of labels and clusters."""
        _, cluster, size = np.unique(clusters, return_inverse=True, return_counts=True)
        order = np.argsort(cluster, kind="stable")
        starts = np.cumsum(size) - size
        ordered = np.asarray(labels)[order]
        mixed = np.maximum.reduceat(ordered, starts) != np.minimum.reduceat(ordered, starts)
        sizes = np.unique(size[mixed])
        in_blocks = np.isin(size, sizes)
        whole = order[~in_blocks[cluster[order]]]
        blocks = tuple(order[starts[size == n][:, None] + np.arange(n)] for n in sizes.tolist())
        return cls(whole=whole, unit=np.unique(cluster[whole], return_inverse=True)[1], blocks=blocks)


def permuted_sums(
    weights: Floats, inside: NDArray[np.bool_], clusters: Codes, *, rng: np.random.Generator, draws: int
) -> tuple[Floats, Floats]:
    """Sum of weights and number of images of one group, its label permuted against that of all others.

    Parameters
    ----------
    weights
        [N] one number an image, N at least 1.
    inside
        [N] whether it is of the group.
    clusters
        [N] codes.

    Returns
    -------
    [B] and [B]. The number varies where clusters that go as wholes differ in size.
    """
    places = Exchangeable.of(inside.astype(np.int16), clusters)
    sums, sizes = np.zeros(draws), np.zeros(draws)
    if len(places.whole):
        sums, sizes = _sums_of_wholes(
            weights[places.whole], inside[places.whole], places.unit, rng=rng, draws=draws
        )
    for block in places.blocks:
        own = inside[block].sum(axis=1)
        sums = sums + _sums_of_block(weights[block], own, rng=rng, draws=draws)
        sizes = sizes + own.sum()
    return sums, sizes


def _sums_of_wholes(
    weights: Floats, inside: NDArray[np.bool_], unit: Codes, *, rng: np.random.Generator, draws: int
) -> tuple[Floats, Floats]:
    """Clusters of equal sum and size are alike: how many of each kind are in the group is drawn."""
    totals = [np.bincount(unit, weights=each) for each in (weights, np.ones(len(unit)))]
    of_group = np.count_nonzero(np.bincount(unit, weights=inside))
    kinds, number = np.unique(np.column_stack(totals), axis=0, return_counts=True)
    drawn = rng.multivariate_hypergeometric(number, int(of_group), size=draws)
    sums, sizes = (np.asarray(drawn @ column, dtype=float) for column in kinds.T)
    return sums, sizes


def _sums_of_block(
    weights: Floats, own: NDArray[np.int64], *, rng: np.random.Generator, draws: int
) -> Floats:
    """[B] sums over [K, n] weights: how many of a cluster are in the group changes places, then which."""
    alike = weights.max(axis=1) == weights.min(axis=1)
    step = max(1, _CHUNK // len(own))
    parts = []
    for start in range(0, draws, step):
        number = np.broadcast_to(own, (min(step, draws - start), len(own)))
        if np.ptp(own):
            number = rng.permuted(number, axis=1)
        sums = number[:, alike] @ weights[alike, 0]
        parts.append(sums + _selected_sums(weights[~alike], number[:, ~alike], rng=rng))
    return np.concatenate(parts)


def _selected_sums(weights: Floats, number: NDArray[np.int64], *, rng: np.random.Generator) -> Floats:
    """[B] sums of `number` [B, K] weights of each cluster, drawn one after the other (selection sampling)."""
    total, open_ = np.zeros(len(number)), number.copy()
    for image in range(weights.shape[1]):
        chosen = rng.random(number.shape) * (weights.shape[1] - image) < open_
        open_ -= chosen
        total += chosen @ weights[:, image]
    return total


def permuted_labels(
    labels: Codes, clusters: Codes, *, rng: np.random.Generator, draws: int
) -> Iterator[NDArray[np.int16]]:
    """Labels of all images with those that may change places permuted: chunks [b, N] of B in all.

    Parameters
    ----------
    labels
        [N] codes of G groups, N at least 1.
    clusters
        [N] codes.
    """
    places = Exchangeable.of(labels, clusters)
    codes = np.asarray(labels, dtype=np.int16)
    of_unit = np.zeros(int(places.unit.max(initial=-1)) + 1, dtype=np.int16)
    of_unit[places.unit] = codes[places.whole]
    step = max(1, _CHUNK // len(codes))
    for start in range(0, draws, step):
        rows = min(step, draws - start)
        permuted = np.empty((rows, len(codes)), dtype=np.int16)
        permuted[:, places.whole] = rng.permuted(np.tile(of_unit, (rows, 1)), axis=1)[:, places.unit]
        for block in places.blocks:
            order = rng.permuted(np.tile(np.arange(len(block)), (rows, 1)), axis=1)
            permuted[:, block] = rng.permuted(codes[block][order], axis=2)
        yield permuted
