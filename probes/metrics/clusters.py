"""Chance where images come in clusters: permutations and resamples that leave a person or drawing whole.

Images of one person are alike whatever the group, so labels that are permuted among single images give
differences that are too small, and p-values that are too. Bare arrays in, arrays out.

Shapes: N images, K clusters, G groups, R resamples, F features.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

CHUNK_CELLS = 4_000_000  # resampled weights held at a time


@dataclass(frozen=True, kw_only=True)
class ClusteredGroups:
    """The groups of images that come in clusters.

    Where all images of a cluster are of one group, as those of a person are, its group is exchanged with
    those of the other such clusters, whole. Where they are of several, as a drawing in five skin tones is,
    the groups are exchanged among its own images. Both are what chance could have dealt otherwise without
    touching what makes the images of a cluster alike (exchangeable blocks: Winkler et al. 2015, "Multi-level
    block permutation").

    Attributes
    ----------
    groups
        [N] the group of each image, 0 ... G-1.
    clusters
        [N] the cluster of each, 0 ... K-1; every number occurs.
    """

    groups: np.ndarray
    clusters: np.ndarray

    def permuted(self, generator: np.random.Generator) -> np.ndarray:
        """[N] groups as chance could have dealt them."""
        dealt = self.of_cluster.copy()
        dealt[self.whole] = generator.permutation(dealt[self.whole])
        groups = dealt[self.clusters]
        if len(self._mixed):
            # Clusters are in order, and less than 1 is added: each is shuffled within its own places.
            order = np.argsort(self.clusters[self._mixed] + generator.random(len(self._mixed)))
            groups[self._mixed] = self.groups[self._mixed[order]]
        return groups

    @cached_property
    def of_cluster(self) -> np.ndarray:
        """[K] the group of all images of a cluster, -1 where they are of several."""
        n_clusters = int(self.clusters.max(initial=-1)) + 1
        least = np.full(n_clusters, np.iinfo(np.int64).max)
        most = np.full(n_clusters, -1)
        np.minimum.at(least, self.clusters, self.groups)
        np.maximum.at(most, self.clusters, self.groups)
        return np.where(least == most, most, -1)

    @cached_property
    def whole(self) -> np.ndarray:
        """[K] bool: clusters of one group."""
        return self.of_cluster >= 0

    @cached_property
    def _mixed(self) -> np.ndarray:
        """Places of the images whose cluster is of several groups, cluster by cluster."""
        places = np.flatnonzero(~self.whole[self.clusters])
        return places[np.argsort(self.clusters[places], kind="stable")]

    def resampled_sums(
        self, features: np.ndarray, *, n_groups: int, resamples: int, seed: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Sums by group where clusters are drawn again: those of one group within it, mixed ones together.

        Parameters
        ----------
        features
            [N, F].

        Returns
        -------
        n, sums
            [R, G] images and [R, G, F] sums.
        """
        generator = np.random.default_rng(seed)
        order = np.lexsort((self.groups, self.clusters))
        cluster, group = self.clusters[order], self.groups[order]
        starts = np.flatnonzero(np.diff(cluster, prepend=-1) | np.diff(group, prepend=-1))
        # A cell is what a cluster has in one group: its images and the sums of their features.
        cells = np.column_stack([np.ones(len(order)), features[order]]).astype(np.float32)
        cells, cluster, group = np.add.reduceat(cells, starts), cluster[starts], group[starts]
        sums = np.zeros((resamples, n_groups, cells.shape[1]))
        for stratum in np.unique(self.of_cluster):
            members = np.flatnonzero(self.of_cluster == stratum)
            at_once = max(1, CHUNK_CELLS // len(members))
            for start in range(0, resamples, at_once):
                part = slice(start, min(start + at_once, resamples))
                even = np.full(len(members), 1 / len(members))
                weights = generator.multinomial(len(members), even, part.stop - part.start)
                weights = weights.astype(np.float32)
                for one in np.unique(group) if stratum < 0 else [stratum]:
                    own = (group == one) & (self.of_cluster[cluster] == stratum)
                    sums[part, one] += weights[:, np.searchsorted(members, cluster[own])] @ cells[own]
        return sums[..., 0], sums[..., 1:]

    def n_clusters(self, n_groups: int) -> np.ndarray:
        """[G] in how many clusters a group has images."""
        pairs = np.unique(self.clusters * n_groups + self.groups)
        return np.bincount(pairs % n_groups, minlength=n_groups)


def numbered(clusters: np.ndarray) -> np.ndarray:
    """[N] clusters of any name as numbers 0 ... K-1."""
    return np.unique(np.asarray(clusters), return_inverse=True)[1]
