"""Counts by cluster of one probe, and how the groupings of its counts see them.

Which rows belong to which specification and group is found once a grouping: the tables of an audit ask for
the same ones again and again, and for single specifications of them.

K clusters, M pairs of group and cluster, S specifications, G groups.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from audit.statistics.clusters.cluster_robust import ClusterMoments
from audit.tables.groups.coded_table import CodedTable, row_keys
from audit.tables.groups.group_counts import SPECIFICATION, GroupCounts
from clipmodel.array_types import Codes, Floats
from probes.records import ALL, MOMENTS, WEIGHTED

Key = tuple[Any, ...]
"""One specification: the values of `SPECIFICATION`."""
RowOfKey = Mapping[Key, int]
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

    def tables(self, rows: Codes | None = None) -> Iterator[tuple[Codes, Floats, Floats, Floats]]:
        """Some specifications at a time: their places, and by cluster events [s, K, G], images [K, G] and
        squared weights [K, G].

        `rows` asks for some specifications of the grouping alone.
        """
        here, there = self.counted, self.places
        if rows is not None:
            kept = np.isin(here, rows)
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

    def moments(self, rows: Codes | None = None) -> Iterator[tuple[Codes, ClusterMoments]]:
        """Places of the specifications of which only moments were kept, and the moments [s, G]."""
        if self.sums is None:
            return
        if rows is None:
            yield self.summed, self.sums
            return
        kept = np.flatnonzero(np.isin(self.summed, rows))
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
    _wanted: dict[tuple[int, str | None], tuple[pd.DataFrame, RowOfKey]] = field(
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
        row_of = self._row_of(groups.specifications, outcome)
        place = _places(row_of, self._keys)
        there = np.flatnonzero(place >= 0)
        there = there[np.argsort(place[there], kind="stable")]
        # Without any counted one the table may even lack the columns of the grouping.
        group = np.zeros(0, dtype=np.intp)
        if len(there):
            group = group_codes(self.table, groups, self._first_of_pair)
        inside = np.flatnonzero(group >= 0)
        cluster, present = pd.factorize(self.cluster[inside]) if len(inside) else (inside, inside)
        shape = (len(present), len(groups.groups))
        summed, sums = self._sums(groups, row_of, counted=place[there])
        return ClusterView(
            pairs=self, inside=inside, flat=cluster * shape[1] + group[inside], shape=shape,
            counted=place[there], places=there, summed=summed, sums=sums,
        )  # fmt: skip

    def _row_of(self, wanted: pd.DataFrame, outcome: str | None) -> RowOfKey:
        """The rows of specifications, which the groupings of a probe share."""
        key = (id(wanted), outcome)
        if key not in self._wanted:
            named = wanted.assign(**({} if outcome is None else {"outcome": outcome}))
            self._wanted[key] = (wanted, {one: row for row, one in enumerate(row_keys(named, SPECIFICATION))})
        return self._wanted[key][1]

    def _sums(
        self, groups: GroupCounts, row_of: RowOfKey, *, counted: Codes
    ) -> tuple[Codes, ClusterMoments | None]:
        """Places of the specifications of which only moments were kept, and the moments."""
        none = np.zeros(0, dtype=np.intp)
        own = self.moment_table
        if own is None or not len(own.frame):
            return none, None
        names = [*MOMENTS, *(name for name in own.frame.columns if name in WEIGHTED)]
        chosen = np.ones(len(own.frame), dtype=bool)
        for name in [name for name in own.frame.columns if name not in {*SPECIFICATION, *names}]:
            chosen &= own.having(name, ALL) != (name in groups.by)
        places = np.flatnonzero(chosen)
        if not len(places):
            return none, None
        number, keys = self._moment_specifications
        rows = _places(row_of, keys)[number[places]]
        group = group_codes(own, groups, places)
        inside = (rows >= 0) & (group >= 0)
        found = {}
        for name in names:
            values = np.zeros((len(groups.specifications), len(groups.groups)))
            values[rows[inside], group[inside]] = own.frame[name].to_numpy(dtype=float)[places[inside]]
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
    def table(self) -> CodedTable:
        """The rows by cluster, coded."""
        return CodedTable(self.frame)

    @cached_property
    def moment_table(self) -> CodedTable | None:
        """The rows of moments, coded."""
        return None if self.moment_rows is None else CodedTable(self.moment_rows)

    @cached_property
    def _moment_specifications(self) -> tuple[Codes, list[Key]]:
        """The specification of each row of moments as a number, and the specifications."""
        assert self.moment_table is not None
        number = self.moment_table.number(SPECIFICATION)
        return number, row_keys(self.moment_table.frame.iloc[_firsts(number)], SPECIFICATION)

    @cached_property
    def _codes(self) -> tuple[Codes, Codes]:
        """Specification and pair of each row."""
        numbers = {*SPECIFICATION, "n", "count", *WEIGHTED}
        words = [str(name) for name in self.frame.columns if name not in numbers]
        return self.table.number(SPECIFICATION), self.table.number(words)

    @cached_property
    def _keys(self) -> list[Key]:
        """The specifications, in the order of `count`."""
        return row_keys(self.frame.iloc[_firsts(self._codes[0])], SPECIFICATION)

    @cached_property
    def _first_of_pair(self) -> Codes:
        """[M] the first row of each pair."""
        return _firsts(self._codes[1])

    @cached_property
    def cluster(self) -> Codes:
        """Code of each pair's cluster."""
        code, _ = self.table.codes("cluster")
        return np.asarray(pd.factorize(code[self._first_of_pair])[0], dtype=np.intp)

    @cached_property
    def n(self) -> Floats:
        """Images of each pair, or their weight."""
        return self.frame[self._names[0]].to_numpy(dtype=float)[self._first_of_pair]

    @cached_property
    def squared(self) -> Floats:
        """Squared weights of each pair; its images, if each counts as one."""
        return self.frame[self._names[2]].to_numpy(dtype=float)[self._first_of_pair]

    @property
    def _names(self) -> tuple[str, ...]:
        """The columns of images, events and squared weights."""
        return WEIGHTED[:3] if WEIGHTED[0] in self.frame else ("n", "count", "n")

    @cached_property
    def count(self) -> Floats:
        """Events [all specifications, M]."""
        specification, pair = self._codes
        counts = np.zeros((len(self._keys), len(self._first_of_pair)))
        counts[specification, pair] = self.frame[self._names[1]].to_numpy()
        return counts


def matched(wanted: pd.DataFrame, found: pd.DataFrame) -> Codes:
    """The row of `wanted` that equals each row of `found`, -1 for none; NaN equals NaN.

    Both have the columns `SPECIFICATION`.
    """
    row_of = {key: row for row, key in enumerate(row_keys(wanted, SPECIFICATION))}
    return _places(row_of, row_keys(found, SPECIFICATION))


def _places(row_of: RowOfKey, keys: Sequence[Key]) -> Codes:
    return np.array([row_of.get(key, -1) for key in keys], dtype=np.intp)


def group_codes(table: CodedTable, groups: GroupCounts, rows: Codes) -> Codes:
    """The group of some rows, -1 where an attribute is missing."""
    group = np.zeros(len(rows), dtype=np.intp)
    for name in groups.by:
        values = {word: place for place, word in enumerate(groups.groups[name].unique())}
        code, words = table.codes(name)
        place = np.array([values.get(word, -1) for word in words], dtype=np.intp)[code[rows]]
        group = np.where((group < 0) | (place < 0), -1, group * len(values) + place)
    return group


def _firsts(number: Codes) -> Codes:
    """The first place of each number; they are numbered in order of appearance."""
    return np.flatnonzero(~pd.Series(number).duplicated().to_numpy())
