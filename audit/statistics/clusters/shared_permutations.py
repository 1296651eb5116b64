"""Permuted labels that several tests share.

The gaps of one grouping, in all outcomes, are tested by permuting the labels of the same images, and to draw
a permutation takes longer than to compute a statistic of it. So each permutation is drawn once, of the labels
of all groups together, and every test looks at its own group in it. Each test alone is what it is with draws
of its own; that tests depend on each other a little more matters to no adjustment that holds under any
dependence, as Holm's does.

N images, U clusters exchanged as blocks, M other clusters of one size n, b permutations.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from audit.statistics.clusters.clustered_permutation import Exchangeable

Labels = NDArray[np.integer]

FIRST_DRAWS = 199
MOST_KEPT = 60_000_000
"""Labels that are kept for the next test; beyond, the same ones are drawn again."""


@dataclass(frozen=True, kw_only=True)
class ClusterLabels:
    """Some labelings of the same images, laid out by cluster.

    Attributes
    ----------
    units
        [b, U] the label of each cluster that is exchanged as a block.
    blocks
        For each size n, the labels [n, b, M] of the images of the other clusters: image by image, so that
        sums over the images of a cluster run through memory in order.
    """

    units: Labels
    blocks: tuple[Labels, ...]

    @classmethod
    def as_they_are(cls, places: Exchangeable) -> ClusterLabels:
        """The labels before any permutation, b = 1."""
        blocks = tuple(places.labels[block].T[:, None] for block in places.blocks)
        return cls(units=places.unit_labels[None], blocks=blocks)

    @classmethod
    def drawn(cls, places: Exchangeable, rng: np.random.Generator, draws: int) -> ClusterLabels:
        """Permuted labels, b = `draws`: see `clustered_permutation.Exchangeable`."""
        narrow = np.int8 if places.labels.max(initial=0) < 128 else np.int16
        # NumPy shuffles what is as wide as an integer of the machine twice as fast as anything narrower.
        units = rng.permuted(np.tile(places.unit_labels.astype(np.int64), (draws, 1)), axis=1)
        blocks: list[Labels] = []
        for block in places.blocks:
            order = rng.permuted(np.tile(np.arange(len(block)), (draws, 1)), axis=1)
            # Whole clusters change places first, then the images within each: see `clustered_permutation`.
            labels = places.labels[block].astype(np.int64)[order]
            rng.permuted(labels, axis=2, out=labels)
            blocks.append(np.ascontiguousarray(np.moveaxis(labels, 2, 0), dtype=narrow))
        return cls(units=units.astype(narrow), blocks=tuple(blocks))

    @property
    def size(self) -> int:
        """Labels in all."""
        return self.units.size + sum(block.size for block in self.blocks)


@dataclass
class SharedPermutations:
    """Sequences of permutations, one for each set of labels that is permuted.

    Attributes
    ----------
    seed
        With the labels and their clusters it fixes a sequence: no other test changes it.
    draws
        Permutations of a sequence.
    """

    seed: int
    draws: int
    _kept: dict[tuple[bytes, int], ClusterLabels] = field(default_factory=dict, init=False, repr=False)
    _size: int = field(default=0, init=False)

    def of(self, places: Exchangeable) -> Iterator[ClusterLabels]:
        """The permutations of some labels, chunk by chunk: few at first, since most tests need no more."""
        key = _digest(places)
        for number, draws in enumerate(size for part in chunks(self.draws) for size in places.chunks(part)):
            found = self._kept.get((key, number))
            if found is None:
                rng = np.random.default_rng([self.seed, int.from_bytes(key, "big"), number])
                found = ClusterLabels.drawn(places, rng, draws)
                self._keep((key, number), found)
            yield found

    def _keep(self, key: tuple[bytes, int], labels: ClusterLabels) -> None:
        if self._size + labels.size <= MOST_KEPT:
            self._kept[key] = labels
            self._size += labels.size


def chunks(draws: int) -> Iterator[int]:
    """Sizes of the chunks in which permutations are drawn: few at first, since most tests need no more.

    Examples
    --------
    >>> list(chunks(1_999))
    [199, 597, 1203]
    """
    done, size = 0, FIRST_DRAWS
    while done < draws:
        yield min(size, draws - done)
        done, size = done + size, 3 * size


def _digest(places: Exchangeable) -> bytes:
    """Eight bytes that differ where labels or what may be exchanged differ."""
    whole = hashlib.blake2b(digest_size=8)
    for part in (places.labels, places.whole, places.unit, *places.blocks):
        whole.update(np.ascontiguousarray(part, dtype="<i8").tobytes())
    return whole.digest()
