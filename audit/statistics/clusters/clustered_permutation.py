"""Permuting group labels if several images belong together, as photos of a person or recolourings do.

The images of one cluster have more in common than their label, so a label cannot be exchanged with just any
other image. This is the one scheme of the audit; what is exchanged, if labels have nothing to do with
outcomes:

- clusters with one label each are exchanged as blocks, whatever their size: persons with several photos;
- if some cluster of a size has several labels, the labels of all clusters of that size are exchanged: first
  those of a whole cluster against those of another, then among the images of each. Drawings in five skin
  tones keep one image of each tone.

If every image is a cluster of its own, this shuffles the labels over all images. A narrower scheme would
shuffle the clusters of several labels within themselves only. It tests whether rates are equal given what
kind of cluster an image is in, and the audit's gaps are marginal: with it, an interval that excludes zero
could stand next to p = 1. Both orbits are valid under exchangeability (Winkler et al. 2015, "Multi-level
block permutation", exchange whole blocks of one size and the images within them too).

N images, K clusters, G groups, B permutations.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from clipmodel.array_types import AnyIntegers

# Numbers drawn at a time: a quarter of a gigabyte.
_CHUNK = 30_000_000


@dataclass(frozen=True, kw_only=True)
class Exchangeable:
    """Which labels may be exchanged.

    Attributes
    ----------
    labels
        [N] codes of the groups.
    whole, unit
        Positions of the images whose cluster is exchanged as a block, and [same] the codes 0 ... K-1 of the
        clusters.
    blocks
        For each size n with clusters of several labels, the positions [K, n] of the images of all clusters of
        that size.
    """

    labels: AnyIntegers
    whole: AnyIntegers
    unit: AnyIntegers
    blocks: tuple[AnyIntegers, ...]

    @classmethod
    def of(
        cls, labels: AnyIntegers, clusters: AnyIntegers, *, sizes: AnyIntegers | None = None
    ) -> Exchangeable:
        """What may be exchanged, from the [N] codes of labels and clusters.

        `sizes` are those of which the labels of all clusters are exchanged, image by image; if left out,
        those of which some cluster has several labels. With the sizes of one group against all others, the
        labels of all groups can be permuted together, and that group's images are permuted as if it were the
        only one.
        """
        _, cluster, size = np.unique(clusters, return_inverse=True, return_counts=True)
        order = np.argsort(cluster, kind="stable")
        starts = np.cumsum(size) - size
        if sizes is None:
            ordered = np.asarray(labels)[order]
            mixed = np.maximum.reduceat(ordered, starts) != np.minimum.reduceat(ordered, starts)
            sizes = np.unique(size[mixed])
        in_blocks = np.isin(size, sizes)
        whole = order[~in_blocks[cluster[order]]]
        blocks = tuple(order[starts[size == n][:, None] + np.arange(n)] for n in sizes.tolist())
        unit = np.unique(cluster[whole], return_inverse=True)[1]
        return cls(labels=np.asarray(labels, dtype=np.int16), whole=whole, unit=unit, blocks=blocks)

    @property
    def sizes(self) -> AnyIntegers:
        """Sizes of clusters of which all labels are exchanged, image by image."""
        return np.array([block.shape[1] for block in self.blocks], dtype=np.int64)

    @property
    def unit_labels(self) -> NDArray[np.int16]:
        """[K] the label of each cluster that is exchanged as a block."""
        of_unit = np.zeros(int(self.unit.max(initial=-1)) + 1, dtype=np.int16)
        of_unit[self.unit] = self.labels[self.whole]
        return of_unit

    @property
    def log_labelings(self) -> float:
        """Logarithm of the number of distinct labelings that can be reached."""
        total = _log_arrangements(self.unit_labels[:, None])
        for block in self.blocks:
            rows = np.sort(self.labels[block], axis=1)
            total += _log_arrangements(rows) + _log_orders(rows)
        return total

    def chunks(self, draws: int) -> Iterator[int]:
        """How many permutations are drawn at a time."""
        step = max(1, _CHUNK // max(len(self.labels), 1))
        for start in range(0, draws, step):
            yield min(step, draws - start)

    def permuted(self, *, rng: np.random.Generator, draws: int) -> Iterator[NDArray[np.int16]]:
        """Labels of all images, permuted: chunks [b, N] of B in all."""
        of_unit = self.unit_labels
        for rows in self.chunks(draws):
            permuted = np.empty((rows, len(self.labels)), dtype=np.int16)
            permuted[:, self.whole] = rng.permuted(np.tile(of_unit, (rows, 1)), axis=1)[:, self.unit]
            for block in self.blocks:
                order = rng.permuted(np.tile(np.arange(len(block)), (rows, 1)), axis=1)
                permuted[:, block] = rng.permuted(self.labels[block][order], axis=2)
            yield permuted

    def every_labeling(self) -> NDArray[np.int16]:
        """[B, N] every labeling of two groups, 0 and 1, if all clusters are exchanged as blocks.

        Raises
        ------
        ValueError
            Some cluster has several labels, or the labels are others than 0 and 1.
        """
        if self.blocks or not set(np.unique(self.labels)) <= {0, 1}:
            raise ValueError("only clusters of one label each, 0 or 1, are enumerated")
        of_unit = self.unit_labels
        ones = list(itertools.combinations(range(len(of_unit)), int((of_unit == 1).sum())))
        labels = np.zeros((len(ones), len(of_unit)), dtype=np.int16)
        np.put_along_axis(labels, np.array(ones, dtype=np.intp).reshape(len(ones), -1), 1, axis=1)
        found = np.empty((len(ones), len(self.labels)), dtype=np.int16)
        found[:, self.whole] = labels[:, self.unit]
        return found


def permuted_labels(
    labels: AnyIntegers, clusters: AnyIntegers, *, rng: np.random.Generator, draws: int
) -> Iterator[NDArray[np.int16]]:
    """Labels of all images with those that may be exchanged permuted: chunks [b, N] of B in all.

    Parameters
    ----------
    labels
        [N] codes of G groups, N at least 1.
    clusters
        [N] codes.
    """
    yield from Exchangeable.of(labels, clusters).permuted(rng=rng, draws=draws)


def _log_arrangements(rows: AnyIntegers) -> float:
    """Logarithm of the number of distinct orders of some rows: a multinomial coefficient."""
    if len(rows) < 2:
        return 0.0
    number = np.unique(rows, axis=0, return_counts=True)[1]
    return float(special.gammaln(len(rows) + 1) - special.gammaln(number + 1).sum())


def _log_orders(rows: AnyIntegers) -> float:
    """Logarithm of the number of distinct orders within each row, all rows together."""
    number = np.stack([(rows == label).sum(axis=1) for label in np.unique(rows)])
    return float(len(rows) * special.gammaln(rows.shape[1] + 1) - special.gammaln(number + 1).sum())


def labelings_p_floor(exchangeable: Exchangeable) -> float:
    """The least p that the labelings allow: one in their number."""
    # Further out the exponential is 0 in double precision, and no floor.
    return math.exp(-min(exchangeable.log_labelings, 700.0))
