"""What clusters of images answer, under every rule and threshold: counts by cluster, or their second moments.

Several images of one person are no independent draws, and how far they agree shows in the counts by cluster.
While images are scored, the threshold rank of every image and outcome is kept: how many thresholds of a rule
it reaches, one byte. From the ranks come the counts of every cluster at every threshold; for the points of a
curve, or if those counts would be too many, the sums over clusters from which the variance of a rate follows.

N images, S specifications, O outcomes, T thresholds, M pairs of group and cluster, G groups.
"""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from probes.scoring.threshold_lookup import RuleThresholds

CURVE = "curve"
"""Key of the ranks on the curve, next to the names of rules."""
IN_MEMORY = 1 << 28
"""Bytes of ranks that are held in memory; more lie in a temporary file."""
BLOCK_IMAGES = 1 << 19
"""Images whose second moments are computed at a time."""


class RankLog:
    """Threshold ranks of the images of one probe while they are scored.

    Parameters
    ----------
    n_images, n_specifications
        N and S.
    rules
        Those that are counted.
    curve
        [K] thresholds of the curve; none of them if it is empty.
    inverted
        [O] whether the outcome happens to the images that do not reach a threshold: a misclassification.
    """

    def __init__(
        self,
        n_images: int,
        *,
        n_specifications: int,
        rules: Sequence[RuleThresholds],
        curve: np.ndarray,
        inverted: Sequence[bool],
    ) -> None:
        self.inverted = tuple(inverted)
        self.rules, self.curve = tuple(rules), curve
        sizes = {rule.name: len(rule.thresholds) for rule in rules} | (
            {CURVE: len(curve)} if len(curve) else {}
        )
        self.n_thresholds = sizes
        shape = (n_specifications, len(self.inverted), n_images)
        self.ranks = {
            # One byte holds the ranks of up to 255 thresholds.
            name: _room(shape, np.uint8 if size < 256 else np.uint16, len(sizes))
            for name, size in sizes.items()
        }

    def of_images(self, n_images: int) -> RankLog:
        """The same rules, curve and outcomes for some of the images, of which nothing is noted yet."""
        own = copy.copy(self)
        own.ranks = {
            name: np.zeros((*ranks.shape[:2], n_images), ranks.dtype) for name, ranks in self.ranks.items()
        }
        return own

    def add(self, position: int, start: int, ranks: Mapping[str, np.ndarray]) -> None:
        """Note a chunk of images under configuration `position`: rule or `CURVE` -> [O, chunk] ranks."""
        for name, own in ranks.items():
            self.ranks[name][position, :, start : start + own.shape[1]] = own

    def cluster_counts(self, position: int, rule: str, pair: np.ndarray, n: np.ndarray) -> np.ndarray:
        """[O, T, M] images of each pair to which the outcome happened.

        Parameters
        ----------
        pair
            [N] codes of the pairs of group and cluster; -1 takes no part.
        n
            [M] images of each.
        """
        width = self.n_thresholds[rule] + 1
        inside = pair >= 0
        counts = np.empty((len(self.inverted), width - 1, len(n)), dtype=np.int64)
        for o, ranks in enumerate(self.ranks[rule][position]):
            # One histogram of ranks for each pair; its running sum from above gives the counts at all
            # thresholds.
            flat = pair[inside].astype(np.int64) * width + ranks[inside]
            histogram = np.bincount(flat, minlength=len(n) * width).reshape(len(n), width)
            reached = histogram[:, ::-1].cumsum(axis=1)[:, ::-1][:, 1:].T
            counts[o] = n - reached if self.inverted[o] else reached
        return counts

    def weighted_counts(
        self, position: int, rule: str, pair: np.ndarray, weights: np.ndarray, n: np.ndarray
    ) -> np.ndarray:
        """[O, T, M] as `cluster_counts`, but sums of the weights [N]; n is that of each pair."""
        width = self.n_thresholds[rule] + 1
        inside = pair >= 0
        sums = np.empty((len(self.inverted), width - 1, len(n)))
        for o, ranks in enumerate(self.ranks[rule][position]):
            flat = pair[inside].astype(np.int64) * width + ranks[inside]
            histogram = np.bincount(flat, weights[inside], minlength=len(n) * width).reshape(len(n), width)
            below = histogram.cumsum(axis=1)[:, :-1].T
            # Sums that are to be all or nothing are, whatever the order in which weights were added.
            reached = np.where(histogram[:, ::-1].cumsum(axis=1)[:, ::-1][:, 1:].T > 0, n - below, 0.0)
            reached = np.where(below > 0, reached, n)
            sums[o] = n - reached if self.inverted[o] else reached
        return sums

    def moments(
        self, position: int, rule: str, pairs: Pairs, weights: np.ndarray | None = None
    ) -> np.ndarray:
        """[O, T, G, `probes.records.MOMENTS`] sums over the clusters of each group.

        With the weights [N] of images, sums of those, and `probes.records.WEIGHTED` after them.
        """
        count = second_moments if weights is None else partial(weighted_moments, weights=weights)
        rows = [
            count(ranks, pairs, n_thresholds=self.n_thresholds[rule], inverted=inverted)
            for ranks, inverted in zip(self.ranks[rule][position], self.inverted, strict=True)
        ]
        return np.stack(rows)


def _room(shape: tuple[int, ...], dtype: type, shares: int) -> np.ndarray:
    if int(np.prod(shape)) * np.dtype(dtype).itemsize * shares <= IN_MEMORY:
        return np.zeros(shape, dtype)
    # The file is unlinked at once and lives on in the mapping: nothing is left behind, even by a kill.
    with tempfile.TemporaryFile(prefix="clip-audit-ranks-") as file:
        return np.memmap(file, dtype=dtype, mode="w+", shape=shape)


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """Pairs of group and cluster of one grouping, sorted by group.

    Attributes
    ----------
    code
        [N] the pair of each image, -1 for one in no group.
    group
        [M] the group of each pair, ascending, of 0 ... G-1.
    n_groups
        G.
    """

    code: np.ndarray
    group: np.ndarray
    n_groups: int

    @classmethod
    def of(cls, group: np.ndarray, cluster: np.ndarray, *, n_groups: int) -> Pairs:
        """From the [N] codes of groups (-1: none) and of clusters."""
        code = np.full(len(group), -1, dtype=np.int32)
        inside = group >= 0
        width = int(cluster.max(initial=0)) + 1
        # group * width + cluster is one number for the pair; sorted, pairs of one group are next to each
        # other.
        present, code[inside] = np.unique(
            group[inside].astype(np.int64) * width + cluster[inside], return_inverse=True
        )
        return cls(code=code, group=present // width, n_groups=n_groups)

    @cached_property
    def inside(self) -> np.ndarray:
        """Positions of the images that are in a group."""
        return np.flatnonzero(self.code >= 0)

    @cached_property
    def n(self) -> np.ndarray:
        """[M] images of each pair."""
        # Shifted by one, those in no group are counted first.
        return np.bincount(self.code + 1, minlength=len(self.group) + 1)[1:].astype(float)

    @cached_property
    def ordered(self) -> np.ndarray:
        """Positions of the images that are in a group, in the order of their pairs."""
        n_outside = int((self.code < 0).sum())
        return np.argsort(self.code, kind="stable")[n_outside:].astype(np.int32)

    def blocks(self) -> Iterator[tuple[slice, slice]]:
        """Pairs some at a time, and the places of their images in `ordered`."""
        ends = np.cumsum(self.n.astype(np.int64))
        first = start = 0
        while first < len(ends):
            # At least one pair, however many images it has.
            last = max(first + 1, int(np.searchsorted(ends, start + BLOCK_IMAGES, side="right")))
            yield slice(first, last), slice(start, end := int(ends[last - 1]))
            first, start = last, end

    @cached_property
    def weight(self) -> np.ndarray:
        """[M] 1 / (1 - n_k / n) of the cluster k in its group; 0 for a cluster that is a group of its own."""
        share = self.n / np.bincount(self.group, self.n, minlength=self.n_groups)[self.group]
        # 0, not infinity, for a group of one cluster: its variance cannot be estimated, and the audit says
        # so.
        factor: np.ndarray = np.divide(1.0, 1 - share, out=np.zeros(len(share)), where=share < 1)
        return factor

    @cached_property
    def ranked(self) -> tuple[np.ndarray, np.ndarray]:
        """The pair of each image and its place within, from 0, in the order of `self.code` sorted."""
        pair = np.repeat(np.arange(len(self.group)), self.n.astype(int))
        start = np.cumsum(self.n) - self.n
        return pair, np.arange(len(pair)) - start[pair]

    def sums(self, values: np.ndarray) -> np.ndarray:
        """[M] to [G]."""
        return np.bincount(self.group, values, minlength=self.n_groups)


def second_moments(ranks: np.ndarray, pairs: Pairs, *, n_thresholds: int, inverted: bool) -> np.ndarray:
    """Sums over the clusters k of each group, at every threshold, from sorted ranks, some clusters at a time.

    With x_k of n_k images to which the outcome happened, n = sum n_k and w_k = 1 / (1 - n_k / n): the number
    of clusters; of those with some event, and with some image without; sums of w x^2, w x n, w n^2, n^2, n^3,
    n^4. Among the images of a cluster in descending order of their ranks, the r-th (from 0) adds 2 r + 1 to
    x^2 at all thresholds that it reaches, so that one weighted histogram holds the squares at every
    threshold.

    Returns
    -------
    [T, G, `probes.records.MOMENTS`].
    """
    width, n, w = n_thresholds + 1, pairs.n, pairs.weight
    names = ("with", "all", "squares", "products")
    sums = {name: np.zeros(pairs.n_groups * width) for name in names}
    for own, images in pairs.blocks():
        pair = np.repeat(np.arange(own.start, own.stop), n[own].astype(np.int64))
        within = np.arange(len(pair)) - (np.cumsum(n[own]) - n[own])[pair - own.start]
        # Sorted by pair and, within it, by descending rank.
        key = pair * width + (n_thresholds - ranks[pairs.ordered[images]].astype(np.int64))
        key.sort()
        place = pairs.group[pair] * width + n_thresholds - (key - pair * width)
        added = (within == 0, within == n[pair] - 1, w[pair] * (2 * within + 1), (w * n)[pair])
        for name, values in zip(names, added, strict=True):
            # One value after the other, so that the sums do not depend on the size of a block.
            np.add.at(sums[name], place, values.astype(float))
    reached = {
        name: own.reshape(pairs.n_groups, width)[:, ::-1].cumsum(axis=1)[:, ::-1][:, 1:].T
        for name, own in sums.items()
    }
    clusters, sizes = pairs.sums(np.ones(len(n))), pairs.sums(w * n**2)
    some, without = reached["with"], clusters - reached["all"]
    squares, products = reached["squares"], reached["products"]
    if inverted:
        some, without = without, some
        squares, products = sizes - 2 * products + squares, sizes - products
    powers = [np.broadcast_to(pairs.sums(n**power), some.shape) for power in (2, 3, 4)]
    return np.stack(
        [np.broadcast_to(clusters, some.shape), some, without, squares, products,
         np.broadcast_to(sizes, some.shape), *powers], axis=-1,
    )  # fmt: skip


def weighted_moments(
    ranks: np.ndarray, pairs: Pairs, *, weights: np.ndarray, n_thresholds: int, inverted: bool
) -> np.ndarray:
    """`second_moments` of weighted images, and `probes.records.WEIGHTED`.

    With weights v_i, n_k and x_k are sums of weights and q_k that of squared weights; in place of n^3 stands
    q n^2. Among the images of a cluster in descending order of their ranks, one that the weight b comes
    before adds v (2 b + v) to x^2 at all thresholds that it reaches.

    Returns
    -------
    [T, G, `MOMENTS` and `WEIGHTED`].
    """
    width = n_thresholds + 1
    code, own, v = pairs.code[pairs.inside], ranks[pairs.inside].astype(np.int64), weights[pairs.inside]
    order = np.lexsort((-own, code))
    pair, rank, v = code[order], own[order], v[order]
    within = pairs.ranked[1]
    n, squared = (np.bincount(pair, values, minlength=len(pairs.group)) for values in (v, v**2))
    share = n / pairs.sums(n)[pairs.group]
    alone = np.bincount(pairs.group, minlength=pairs.n_groups)[pairs.group] == 1
    w = np.where(alone, 0.0, 1 / np.where(alone, 1.0, 1 - share))
    summed = np.cumsum(v)
    # The weight before an image in its own cluster: the running sum less what earlier clusters add up to.
    before = summed - v - (np.cumsum(n) - n)[pair]
    added = {
        "with": (within == 0).astype(float),
        "all": (within == pairs.n[pair] - 1).astype(float),
        "squares": w[pair] * v * (2 * before + v),
        "products": (w * n)[pair] * v,
        "count": v,
    }
    place = pairs.group[pair] * width + rank
    reached = {
        name: np.bincount(place, values, minlength=pairs.n_groups * width)
        .reshape(pairs.n_groups, width)[:, ::-1]
        .cumsum(axis=1)[:, ::-1][:, 1:]
        .T
        for name, values in added.items()
    }
    clusters, sizes, total = pairs.sums(np.ones(len(n))), pairs.sums(w * n**2), pairs.sums(n)
    some, without = reached["with"], clusters - reached["all"]
    # Rounding may carry a running sum past the total.
    squares, products, count = reached["squares"], reached["products"], np.minimum(reached["count"], total)
    count = np.where(without == 0, total, count)
    if inverted:
        some, without = without, some
        squares, products, count = sizes - 2 * products + squares, sizes - products, total - count
    fixed = [
        sizes, *(pairs.sums(each) for each in (n**2, squared * n**2, n**4)),
    ]  # fmt: skip
    last = [total, count, pairs.sums(squared), pairs.sums(squared**2)]
    whole = [clusters, some, without, squares, products, *fixed, *last]
    return np.stack([np.broadcast_to(each, some.shape) for each in whole], axis=-1)
