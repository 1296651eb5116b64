"""Counts by cluster of one probe, and how the groupings of its counts see them.

Which rows belong to which specification and group is found once a grouping: the tables of an audit ask for
the same ones again and again, and for single specifications of them.

K clusters, M pairs of group and cluster, S specifications, G groups.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from audit.statistics.clusters.cluster_robust import ClusterMoments
from audit.tables.group_counts import SPECIFICATION, GroupCounts, number_rows
from probes.records import ALL, MOMENTS, WEIGHTED

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]
_CELLS = 4_000_000
"""Specifications x clusters x groups that are looked at together."""


@dataclass(frozen=True, kw_only=True)
class ClusterView:
    """The counts by cluster of one probe, as one grouping and outcome see them.

    Attributes
    ----------
    pairs
        The counts of the probe.
    inside, flat
        [M'] the pairs of a group and a cluster that are in some group, and the place of each in a table
        [K, G].
    shape
        K, G.
    counted, places
        Specifications of the grouping that were counted by cluster, ascending, and their rows of `count`.
    summed, sums
        Specifications of the grouping of which only moments were kept, ascending, and the moments; None where
        there are none.
    """

    pairs: ProbeClusterCounts
    inside: Codes
    flat: Codes
    shape: tuple[int, int]
    counted: Codes
    places: Codes
    summed: Codes
    sums: ClusterMoments | None

    def tables(self, row: int | None = None) -> Iterator[tuple[Codes, Floats, Floats, Floats]]:
        """Some specifications at a time: their places, and by cluster events [s, K, G], images [K, G] and
        squared weights [K, G].

        `row` asks for one specification of the grouping alone.
        """
        here, there = self.counted, self.places
        if row is not None:
            kept = here == row
            here, there = here[kept], there[kept]
        if not len(here):
            return
        n, squared = self._table(self.pairs.n), self._table(self.pairs.squared)
        step = max(1, _CELLS // max(n.size, 1))
        for start in range(0, len(here), step):
            some = slice(start, start + step)
            events = np.stack([self._table(self.pairs.count[place]) for place in there[some]])
            yield here[some], events, n, squared

    def _table(self, of_pairs: Floats) -> Floats:
        """[M] numbers of pairs, summed to [K, G]."""
        sums = np.bincount(self.flat, of_pairs[self.inside], minlength=self.shape[0] * self.shape[1])
        return sums.reshape(self.shape).astype(float, copy=False)

    def moments(self, row: int | None = None) -> Iterator[tuple[Codes, ClusterMoments]]:
        """Places of the specifications of which only moments were kept, and the moments [s, G]."""
        if self.sums is None:
            return
        if row is None:
            yield self.summed, self.sums
            return
        kept = np.flatnonzero(self.summed == row)
        if len(kept):
            yield self.summed[kept], self.sums.rows(kept)


@dataclass(frozen=True, kw_only=True)
class ProbeClusterCounts:
    """Rows of `Records.clusters` and of `Records.moments` of one probe, and the views made of them so far."""

    frame: pd.DataFrame
    moment_rows: pd.DataFrame | None = None
    _views: dict[tuple[int, str | None], tuple[GroupCounts, ClusterView]] = field(
        default_factory=dict, init=False, repr=False
    )
    _places: dict[tuple[int, str | None], tuple[pd.DataFrame, Codes]] = field(
        default_factory=dict, init=False, repr=False
    )

    def view(self, groups: GroupCounts, outcome: str | None = None) -> ClusterView:
        """How a grouping sees the counts; `outcome` stands for the outcome of its specifications.

        The groups are kept beside their view, so that no other object can come to have their `id`.
        """
        key = (id(groups), outcome)
        if key not in self._views:
            self._views[key] = (groups, self._made(groups, outcome))
        return self._views[key][1]

    def _made(self, groups: GroupCounts, outcome: str | None) -> ClusterView:
        place = self._matched(groups.specifications, outcome)
        there = np.flatnonzero(place >= 0)
        there = there[np.argsort(place[there], kind="stable")]
        # Without any counted one the table may even lack the columns of the grouping.
        group = group_codes(self.pairs, groups) if len(there) else np.zeros(0, dtype=np.intp)
        inside = np.flatnonzero(group >= 0)
        cluster, present = pd.factorize(self.cluster[inside]) if len(inside) else (inside, inside)
        shape = (len(present), len(groups.groups))
        summed, sums = self._sums(groups, outcome, counted=place[there])
        return ClusterView(
            pairs=self, inside=inside, flat=cluster * shape[1] + group[inside], shape=shape,
            counted=place[there], places=there, summed=summed, sums=sums,
        )  # fmt: skip

    def _matched(self, wanted: pd.DataFrame, outcome: str | None) -> Codes:
        """[all specifications] the wanted one that each of those counted by cluster is, -1 for none."""
        if not len(self.frame):
            return np.zeros(0, dtype=np.intp)
        key = (id(wanted), outcome)
        if key not in self._places:
            self._places[key] = (wanted, matched(_with_outcome(wanted, outcome), self.specifications))
        return self._places[key][1]

    def _sums(
        self, groups: GroupCounts, outcome: str | None, *, counted: Codes
    ) -> tuple[Codes, ClusterMoments | None]:
        """Places of the specifications of which only moments were kept, and the moments."""
        none = np.zeros(0, dtype=np.intp)
        own = self.moment_rows
        if own is None or not len(own):
            return none, None
        names = [*MOMENTS, *(name for name in own.columns if name in WEIGHTED)]
        for name in [name for name in own.columns if name not in {*SPECIFICATION, *names}]:
            own = own[(own[name] == ALL).to_numpy() != (name in groups.by)]
        if not len(own):
            return none, None
        rows = matched(_with_outcome(groups.specifications, outcome), own[list(SPECIFICATION)])
        group = group_codes(own, groups)
        inside = (rows >= 0) & (group >= 0)
        found = {}
        for name in names:
            values = np.zeros((len(groups.specifications), len(groups.groups)))
            values[rows[inside], group[inside]] = own[name].to_numpy(dtype=float)[inside]
            found[name] = values
        present = np.setdiff1d(rows[inside], counted)
        if not len(present):
            return none, None
        n, count = (a.sum(axis=2)[present].astype(float) for a in (groups.n, groups.count))
        kept = {name: found[name][present] for name in MOMENTS}
        images, images2 = n, kept["n2"]
        if len(names) > len(MOMENTS):
            n, count, images, images2 = (found[name][present] for name in WEIGHTED)
        return present, ClusterMoments(n=n, count=count, own=images, own2=images2, **kept)

    @cached_property
    def _codes(self) -> tuple[Codes, Codes]:
        """Specification and pair of each row."""
        numbers = {*SPECIFICATION, "n", "count", *WEIGHTED}
        words = [name for name in self.frame.columns if name not in numbers]
        return number_rows(self.frame[list(SPECIFICATION)]), number_rows(self.frame[words])

    @cached_property
    def specifications(self) -> pd.DataFrame:
        """One row each, in the order of `count`."""
        first = ~pd.Series(self._codes[0]).duplicated().to_numpy()
        return self.frame.loc[first, list(SPECIFICATION)].reset_index(drop=True)

    @cached_property
    def pairs(self) -> pd.DataFrame:
        """M rows: the group attributes and cluster."""
        first = ~pd.Series(self._codes[1]).duplicated().to_numpy()
        return self.frame[first].drop(columns=list(SPECIFICATION)).reset_index(drop=True)

    @cached_property
    def cluster(self) -> Codes:
        """Code of each pair's cluster."""
        return np.asarray(pd.factorize(self.pairs["cluster"])[0], dtype=np.intp)

    @cached_property
    def n(self) -> Floats:
        """Images of each pair, or their weight."""
        return self.pairs[self._names[0]].to_numpy(dtype=float)

    @cached_property
    def squared(self) -> Floats:
        """Squared weights of each pair; its images, if each counts as one."""
        return self.pairs[self._names[2]].to_numpy(dtype=float)

    @property
    def _names(self) -> tuple[str, ...]:
        """The columns of images, events and squared weights."""
        return WEIGHTED[:3] if WEIGHTED[0] in self.frame else ("n", "count", "n")

    @cached_property
    def count(self) -> Floats:
        """Events [all specifications, M]."""
        specification, pair = self._codes
        counts = np.zeros((len(self.specifications), len(self.pairs)))
        counts[specification, pair] = self.frame[self._names[1]].to_numpy()
        return counts


def matched(wanted: pd.DataFrame, found: pd.DataFrame) -> Codes:
    """The row of `wanted` that equals each row of `found`, -1 for none; NaN equals NaN.

    Both have the columns `SPECIFICATION`.
    """
    keys = pd.concat([wanted[list(SPECIFICATION)], found], ignore_index=True)
    number = number_rows(keys.astype({name: "str" for name in SPECIFICATION if name != "threshold"}))
    place = np.full(int(number.max(initial=-1)) + 1, -1, dtype=np.intp)
    place[number[: len(wanted)]] = np.arange(len(wanted))
    return place[number[len(wanted) :]]


def group_codes(table: pd.DataFrame, groups: GroupCounts) -> Codes:
    """The group of each row, -1 where an attribute is missing."""
    group = np.zeros(len(table), dtype=np.intp)
    for name in groups.by:
        values = pd.Index(groups.groups[name].unique())
        code, words = pd.factorize(table[name])
        place = values.get_indexer(pd.Index(words).astype("str"))[code]
        group = np.where((group < 0) | (place < 0), -1, group * len(values) + place)
    return group


def _with_outcome(specifications: pd.DataFrame, outcome: str | None) -> pd.DataFrame:
    return specifications.assign(**({} if outcome is None else {"outcome": outcome}))
