"""Images that are there several times, byte for byte: which they are, and whether their labels agree.

A copy is no second observation: an interval that counts it as one is too narrow. Copies therefore make one
cluster, with whatever else is in the clusters of each. Labels of copies that contradict each other show how
far the labels of a data set can be trusted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Copies:
    """Groups of byte-identical images.

    Attributes
    ----------
    rows
        [M] the rows of the data set that are in some group.
    group
        [M] the number of each one's group.
    contradictions
        Attribute -> the groups whose images have different labels of it.
    n_contradictory
        Groups whose images have different labels of some attribute.
    """

    rows: NDArray[np.int64]
    group: NDArray[np.int64]
    contradictions: dict[str, int]
    n_contradictory: int

    @property
    def n_groups(self) -> int:
        return len(np.unique(self.group))

    @property
    def sentence(self) -> str:
        """What a reader must know of them; "" if there are none."""
        if not len(self.rows):
            return ""
        groups = "1 group" if self.n_groups == 1 else f"{self.n_groups:,} groups"
        said = f"{len(self.rows):,} images are byte-identical copies, in {groups}; "
        said += "each group counts as one cluster."
        if self.n_contradictory:
            counts = ", ".join(f"{name} {n:,}" for name, n in self.contradictions.items() if n)
            said += (
                f" The labels of copies contradict each other in {self.n_contradictory:,} of them ({counts})."
            )
        return said


def find_copies(rows: Sequence[int], contents: Sequence[str], labels: pd.DataFrame) -> Copies:
    """Group rows by their content.

    Parameters
    ----------
    rows
        [N] rows of a data set.
    contents
        [N] the content hash of each.
    labels
        [N] their attributes, a column each; NaN is no label, and contradicts nothing.
    """
    codes, _ = pd.factorize(np.asarray(contents, dtype=object))
    several = np.flatnonzero(np.bincount(codes, minlength=1)[codes] > 1) if len(codes) else np.zeros(0, int)
    group = codes[several]
    distinct = labels.reset_index(drop=True).iloc[several].groupby(group).nunique()
    return Copies(
        rows=np.asarray(rows, np.int64)[several],
        group=group.astype(np.int64),
        contradictions={str(name): int((distinct[name] > 1).sum()) for name in distinct},
        n_contradictory=int((distinct > 1).any(axis=1).sum()) if len(distinct.columns) else 0,
    )


def joined(clusters: pd.Series, copies: Copies) -> pd.Series:
    """The clusters of all images, those that share a copy joined under the name of the first of them."""
    if not len(copies.rows):
        return clusters
    codes, names = pd.factorize(clusters)
    first = _first_connected(codes[copies.rows], copies.group, n=len(names))
    return pd.Series(np.asarray(names, dtype=object)[first[codes]], index=clusters.index, name=clusters.name)


def _first_connected(clusters: NDArray[np.int64], groups: NDArray[np.int64], *, n: int) -> NDArray[np.int64]:
    """For each of n clusters, the first cluster that groups of copies connect it to.

    Each pass hands the lowest number of a group to all of its clusters. Groups are small and few clusters are
    in several, so two or three passes do; scipy's connected components take longer to import.
    """
    first = np.arange(n)
    lowest = np.full(int(groups.max()) + 1, n)
    while True:
        before = first.copy()
        np.minimum.at(lowest, groups, first[clusters])
        # `minimum.at` and not fancy assignment, which keeps one of several values for a repeated place.
        np.minimum.at(first, clusters, lowest[groups])
        first = first[first]  # a chain of copies is halved by each pass
        if np.array_equal(first, before):
            return first
