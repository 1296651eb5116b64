"""Counts by cluster, for the precision of the rates and contrasts of one grouping.

K clusters, M pairs of group and cluster, S specifications, G groups, P pairs of groups.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from audit.statistics.clusters.cluster_robust import (
    LEAST_CLUSTERS,
    ClusterMoments,
    Precision,
    common_correlation,
    independent_precision,
    precision_of,
    side_correlation,
)
from audit.tables.group_counts import SPECIFICATION, GroupCounts, number_rows
from probes.records import ALL, MOMENTS, WEIGHTED

if TYPE_CHECKING:
    from audit.tables.reference_groups import Sides

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]
Clusters: TypeAlias = "pd.DataFrame | ClusterCounts | None"
Sums: TypeAlias = tuple[Floats, ...]
"""Events, images and squared weights by cluster."""
_CELLS = 4_000_000
"""Specifications x clusters x groups that are looked at together."""


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """Precision of both sides of contrasts, and the correlation of their rates; each [S, G] or [S, P].

    `weighted` says whether the rates are those of the precisions, and not events over images; `least`, how
    many clusters a test needs.
    """

    group: Precision
    reference: Precision
    correlation: Floats
    weighted: bool = False
    least: int = LEAST_CLUSTERS


@dataclass(frozen=True)
class ClusterCounts:
    """`Records.clusters` and `Records.moments`, as the contrasts and rates of any grouping need them.

    Where a specification is in neither, images are independent as far as the data know.

    Attributes
    ----------
    frame, moments
        The tables. If images stand for a population, both have the columns `WEIGHTED`, and all sums here are
        sums of weights.
    least
        Clusters that suffice for a test.
    """

    frame: pd.DataFrame
    moments: pd.DataFrame | None = None
    least: int = LEAST_CLUSTERS
    _probes: dict[str, _ProbeCounts] = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def of(
        cls, clusters: Clusters, moments: pd.DataFrame | None = None, *, least: int = LEAST_CLUSTERS
    ) -> ClusterCounts | None:
        """Those of two tables; counts made before are taken as they are, None remains None."""
        if isinstance(clusters, ClusterCounts):
            return clusters
        if clusters is None and moments is None:
            return None
        return cls(
            pd.DataFrame(columns=list(SPECIFICATION)) if clusters is None else clusters, moments, least
        )

    def precision(self, groups: GroupCounts, *, outcome: str | None = None) -> Precision:
        """Precision [S, G] of the groups' rates.

        `outcome` stands for the outcome of the specifications: that an image is right depends on its cluster
        as that it is wrong.
        """
        whole = _Parts(groups.n.sum(axis=2))
        for rows, moments in self._moments(groups, outcome):
            whole.put(rows, self._precision(moments))
        for rows, x, n, own in self._tables(groups, outcome):
            whole.put(rows, self._precision(ClusterMoments.of(x, n, own)))
        return whole.precision

    def shares(self, groups: GroupCounts) -> Precision:
        """Precision [S, G] of the groups' shares of the events."""
        whole = _Parts(np.repeat(groups.count.sum(axis=(1, 2))[:, None], len(groups.groups), axis=1))
        for rows, x, n, own in self._tables(groups, None):
            events = np.broadcast_to(x.sum(axis=2, keepdims=True), x.shape)
            # The images with the event are taken to have the squared weights of their cluster's others.
            every = n.sum(axis=1, keepdims=True)
            scale = np.divide(
                own.sum(axis=1, keepdims=True), every, out=np.zeros(every.shape), where=every > 0
            )
            whole.put(rows, self._precision(ClusterMoments.of(x, events, events * scale)))
        return whole.precision

    def contrast(self, groups: GroupCounts, sides: Sides) -> Contrast:
        """Of each group against its reference, [S, G]."""
        own, other = _Parts(groups.n.sum(axis=2)), _Parts(sides.n)
        correlation = np.zeros(sides.n.shape)
        for rows, moments in self._moments(groups, None):
            rho = common_correlation(moments)
            index, named = np.maximum(sides.index[rows], 0), sides.index[rows] >= 0
            rest = moments.over_groups() - moments
            own.put(rows, self._precision(moments, rho))
            other.put(rows, self._precision(moments.chosen(index).where(named, rest), rho))
        for rows, x, n, squared in self._tables(groups, None):
            whole = tuple(np.broadcast_to(a, x.shape) for a in (n, squared))
            index, named = np.maximum(sides.index[rows], 0), sides.index[rows] >= 0
            x2, n2, squared2 = (
                np.where(
                    named[:, None],
                    np.take_along_axis(a, index[:, None], axis=2),
                    a.sum(axis=2, keepdims=True) - a,
                )
                for a in (x, *whole)
            )
            correlation[rows] = self._put_contrast(own, other, rows, (x, n, squared), (x2, n2, squared2))
        return self._contrast(own, other, correlation)

    def against(self, groups: GroupCounts, row: int, group: int, others: NDArray[np.bool_]) -> Contrast:
        """Of one group against some others together, in one specification; each [1, 1]."""
        n = groups.n[[row]].sum(axis=2)
        own, other = _Parts(n[:, [group]]), _Parts(n[:, others].sum(axis=1, keepdims=True))
        correlation = np.zeros((1, 1))
        one = groups.specification(row)
        for rows, *whole in self._tables(one, None):
            first = tuple(a[..., [group]] for a in whole)
            second = tuple(a[..., others].sum(axis=-1, keepdims=True) for a in whole)
            correlation[rows] = self._put_contrast(own, other, rows, first, second, whole=tuple(whole))
        for rows, moments in self._moments(one, None):
            rho = common_correlation(moments)
            own.put(rows, self._precision(moments.chosen(np.full((1, 1), group)), rho))
            other.put(rows, self._precision(moments.over(others), rho))
        return self._contrast(own, other, correlation)

    def cells(self, groups: GroupCounts) -> Iterator[tuple[Codes, Floats, Floats]]:
        """Places of some specifications, and events [s, K, G] and images [K, G] of their clusters."""
        for rows, x, n, _ in self._tables(groups, None):
            yield rows, x, n

    @property
    def weighted(self) -> bool:
        """Whether the sums are sums of weights."""
        return any(table is not None and WEIGHTED[0] in table for table in (self.frame, self.moments))

    def _precision(self, moments: ClusterMoments, correlation: Floats | None = None) -> Precision:
        rho = common_correlation(moments) if correlation is None else correlation
        return precision_of(moments, rho, least=self.least)

    def _contrast(self, own: _Parts, other: _Parts, correlation: Floats) -> Contrast:
        return Contrast(
            group=own.precision, reference=other.precision, correlation=correlation,
            weighted=self.weighted, least=self.least,
        )  # fmt: skip

    def _put_contrast(
        self, own: _Parts, other: _Parts, rows: Codes, first: Sums, second: Sums, whole: Sums | None = None
    ) -> Floats:
        moments = ClusterMoments.of(*first)
        rho = common_correlation(moments if whole is None else ClusterMoments.of(*whole))
        own.put(rows, self._precision(moments, rho))
        other.put(rows, self._precision(ClusterMoments.of(*second), rho))
        return side_correlation(*first[:2], *second[:2])

    def _moments(self, groups: GroupCounts, outcome: str | None) -> Iterator[tuple[Codes, ClusterMoments]]:
        """Places of the specifications of which only moments were kept, and the moments [s, G]."""
        if self.moments is None or not len(self.moments):
            return
        wanted = _wanted(groups, outcome)
        counted = self._of_probe(groups).places(wanted)[0]
        sums = [*MOMENTS, *(name for name in self.moments.columns if name in WEIGHTED)]
        attributes = [name for name in self.moments.columns if name not in {*SPECIFICATION, *sums}]
        own = self.moments[self.moments["probe"] == groups.probe]
        for name in attributes:
            own = own[(own[name] == ALL).to_numpy() != (name in groups.by)]
        if not len(own):
            return
        rows = _matched(wanted, own[list(SPECIFICATION)])
        group = _group_codes(own, groups)
        inside = (rows >= 0) & (group >= 0)
        shape = (len(wanted), len(groups.groups))
        found = {}
        for name in sums:
            values = np.zeros(shape)
            values[rows[inside], group[inside]] = own[name].to_numpy(dtype=float)[inside]
            found[name] = values
        present = np.setdiff1d(rows[inside], counted)
        if not len(present):
            return
        n, count = (a.sum(axis=2)[present].astype(float) for a in (groups.n, groups.count))
        kept = {name: found[name][present] for name in MOMENTS}
        images, images2 = n, kept["n2"]
        if len(sums) > len(MOMENTS):
            n, count, images, images2 = (found[name][present] for name in WEIGHTED)
        yield present, ClusterMoments(n=n, count=count, own=images, own2=images2, **kept)

    def _tables(
        self, groups: GroupCounts, outcome: str | None
    ) -> Iterator[tuple[Codes, Floats, Floats, Floats]]:
        """Some specifications at a time: their places, and by cluster events [s, K, G], images [K, G] and
        squared weights [K, G]."""
        probe = self._of_probe(groups)
        here, there = probe.places(_wanted(groups, outcome))
        if not len(here):
            return
        group = _group_codes(probe.pairs, groups)
        inside = np.flatnonzero(group >= 0)
        cluster, present = pd.factorize(probe.cluster[inside])
        width, shape = len(groups.groups), (len(present), len(groups.groups))
        flat = cluster * width + group[inside]
        size = shape[0] * width
        n, own = (
            np.bincount(flat, values[inside], minlength=size).reshape(shape).astype(float)
            for values in (probe.n, probe.squared)
        )
        step = max(1, _CELLS // max(size, 1))
        for start in range(0, len(here), step):
            some = slice(start, start + step)
            events = probe.count[np.ix_(there[some], inside)]
            x = np.stack([np.bincount(flat, one, minlength=size) for one in events])
            yield here[some], x.reshape(-1, *shape).astype(float, copy=False), n, own

    def _of_probe(self, groups: GroupCounts) -> _ProbeCounts:
        name = groups.probe
        if name not in self._probes:
            self._probes[name] = _ProbeCounts(self.frame[(self.frame["probe"] == name).to_numpy()])
        return self._probes[name]


@dataclass(frozen=True)
class _ProbeCounts:
    """Counts by cluster of one probe: [all specifications, M]."""

    frame: pd.DataFrame

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

    def places(self, wanted: pd.DataFrame) -> tuple[Codes, Codes]:
        """Which of the wanted specifications were counted, and where."""
        if not len(self.frame):
            return np.zeros(0, dtype=np.intp), np.zeros(0, dtype=np.intp)
        # Those counted that are wanted, turned around.
        place = _matched(wanted, self.specifications)
        there = np.flatnonzero(place >= 0)
        order = np.argsort(place[there], kind="stable")
        return place[there][order], there[order]


class _Parts:
    """The precision of an array of rates, filled in part by part; images are independent elsewhere."""

    def __init__(self, n: NDArray[np.int64]) -> None:
        nothing = {name: np.full(np.shape(n), np.nan) for name in ("rate", "kish", "weight")}
        self.precision = replace(independent_precision(n), **nothing)

    def put(self, rows: Codes, part: Precision) -> None:
        for one in fields(Precision):
            getattr(self.precision, one.name)[rows] = getattr(part, one.name)


def _wanted(groups: GroupCounts, outcome: str | None) -> pd.DataFrame:
    return groups.specifications.assign(**({} if outcome is None else {"outcome": outcome}))


def _matched(wanted: pd.DataFrame, found: pd.DataFrame) -> Codes:
    """The row of `wanted` that equals each row of `found`, -1 for none; NaN equals NaN."""
    keys = pd.concat([wanted[list(SPECIFICATION)], found], ignore_index=True)
    number = number_rows(keys.astype({name: "str" for name in SPECIFICATION if name != "threshold"}))
    place = np.full(int(number.max(initial=-1)) + 1, -1, dtype=np.intp)
    place[number[: len(wanted)]] = np.arange(len(wanted))
    return place[number[len(wanted) :]]


def _group_codes(table: pd.DataFrame, groups: GroupCounts) -> Codes:
    """The group of each row, -1 where an attribute is missing."""
    group = np.zeros(len(table), dtype=np.intp)
    for name in groups.by:
        values = pd.Index(groups.groups[name].unique())
        code, words = pd.factorize(table[name])
        place = values.get_indexer(pd.Index(words).astype("str"))[code]
        group = np.where((group < 0) | (place < 0), -1, group * len(values) + place)
    return group


def without_clusters(groups: GroupCounts, sides: Sides) -> Contrast:
    """The contrasts of a grouping whose images are independent."""
    return Contrast(
        group=independent_precision(groups.n.sum(axis=2)),
        reference=independent_precision(sides.n),
        correlation=np.zeros(sides.n.shape),
    )
