"""Counts by cluster, for the precision of the rates and contrasts of one grouping.

K clusters, S specifications, G groups, P pairs of groups.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
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
from audit.tables.groups.group_counts import SPECIFICATION, GroupCounts
from audit.tables.groups.probe_cluster_counts import ClusterView, ProbeClusterCounts
from clipmodel.array_types import Codes, Floats
from probes.records import WEIGHTED

if TYPE_CHECKING:
    from audit.tables.groups.reference_groups import Sides

Clusters: TypeAlias = "pd.DataFrame | ClusterCounts | None"
Sums: TypeAlias = tuple[Floats, ...]
"""Events, images and squared weights by cluster."""


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


@dataclass(frozen=True, kw_only=True)
class OneAgainstSome:
    """P contrasts of one group with some others together, each in one specification of a grouping.

    Attributes
    ----------
    row, group
        [P] the specification, and the group.
    others
        [P, G] whether a group is on the other side.
    """

    row: Codes
    group: Codes
    others: NDArray[np.bool_]

    def images(self, groups: GroupCounts) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """[P] images of either side."""
        return self._sides(groups.n)

    def events(self, groups: GroupCounts) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """[P] images with the event of either side."""
        return self._sides(groups.count)

    def _sides(self, counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        of_row = counts.sum(axis=2)[self.row]
        own = np.take_along_axis(of_row, self.group[:, None], axis=1)[:, 0]
        return own, np.where(self.others, of_row, 0).sum(axis=1)

    def among(self, rows: Codes) -> tuple[Codes, Codes]:
        """The contrasts that are in some specifications, ascending, and the place of theirs among those."""
        here = np.flatnonzero(np.isin(self.row, rows))
        return here, np.searchsorted(rows, self.row[here])

    def of_clusters(self, whole: Sequence[Floats], here: Codes, place: Codes) -> tuple[Sums, Sums]:
        """Sums by cluster of either side, [p, K, 1], of those of all groups [s, K, G] or [K, G]."""
        tables = [[a if a.ndim == 2 else a[one] for a in whole] for one in place]
        first = tuple(
            np.stack([table[part][:, [self.group[one]]] for one, table in zip(here, tables, strict=True)])
            for part in range(len(whole))
        )
        second = tuple(
            np.stack([
                table[part][:, self.others[one]].sum(axis=1, keepdims=True)
                for one, table in zip(here, tables, strict=True)
            ])
            for part in range(len(whole))
        )  # fmt: skip
        return first, second


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
    _probes: dict[str, ProbeClusterCounts] = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def of(
        cls, clusters: Clusters, moments: pd.DataFrame | None = None, *, least: int = LEAST_CLUSTERS
    ) -> ClusterCounts | None:
        """Counts of two tables; counts made before are taken as they are, None remains None."""
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
        for rows, moments in self._view(groups, outcome).moments():
            whole.put(rows, self._precision(moments))
        for rows, x, n, own in self._view(groups, outcome).tables():
            whole.put(rows, self._precision(ClusterMoments.of(x, n, own)))
        return whole.precision

    def shares(self, groups: GroupCounts) -> Precision:
        """Precision [S, G] of the groups' shares of the events."""
        whole = _Parts(np.repeat(groups.count.sum(axis=(1, 2))[:, None], len(groups.groups), axis=1))
        for rows, x, n, own in self._view(groups).tables():
            events = np.broadcast_to(x.sum(axis=2, keepdims=True), x.shape)
            # The images with the event are taken to have the squared weights of their cluster's others.
            every = n.sum(axis=1, keepdims=True)
            scale = np.divide(
                own.sum(axis=1, keepdims=True), every, out=np.zeros(every.shape), where=every > 0
            )
            whole.put(rows, self._precision(ClusterMoments.of(x, events, events * scale)))
        return whole.precision

    def contrast(self, groups: GroupCounts, sides: Sides) -> Contrast:
        """Precision of each group and of its reference, [S, G]."""
        own, other = _Parts(groups.n.sum(axis=2)), _Parts(sides.n)
        correlation = np.zeros(sides.n.shape)
        for rows, moments in self._view(groups).moments():
            rho = common_correlation(moments)
            index, named = np.maximum(sides.index[rows], 0), sides.index[rows] >= 0
            # The correlation stays 0 here, since moments do not say which clusters two groups share:
            # intervals are then too long rather than too short.
            rest = moments.over_groups() - moments
            own.put(rows, self._precision(moments, rho))
            other.put(rows, self._precision(moments.chosen(index).where(named, rest), rho))
        for rows, x, n, squared in self._view(groups).tables():
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

    def against(self, groups: GroupCounts, sides: OneAgainstSome) -> Contrast:
        """Precision of P groups and of some others together, each in one specification; [P, 1]."""
        own, other = (_Parts(n[:, None]) for n in sides.images(groups))
        correlation = np.zeros((len(sides.row), 1))
        view = self._view(groups)
        for rows, *whole in view.tables(sides.row):
            here, place = sides.among(rows)
            rho = common_correlation(ClusterMoments.of(*whole))[place]
            first, second = sides.of_clusters(whole, here, place)
            own.put(here, self._precision(ClusterMoments.of(*first), rho))
            other.put(here, self._precision(ClusterMoments.of(*second), rho))
            correlation[here] = side_correlation(*first[:2], *second[:2])
        for rows, moments in view.moments(sides.row):
            here, place = sides.among(rows)
            chosen, rho = moments.rows(place), common_correlation(moments)[place]
            own.put(here, self._precision(chosen.chosen(sides.group[here, None]), rho))
            other.put(here, self._precision(chosen.over(sides.others[here]), rho))
        return self._contrast(own, other, correlation)

    def cells(self, groups: GroupCounts) -> Iterator[tuple[Codes, Floats, Floats, Floats]]:
        """Places of some specifications, and events [s, K, G], images [K, G] and squared weights [K, G] of
        their clusters."""
        yield from self._view(groups).tables()

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

    def _put_contrast(self, own: _Parts, other: _Parts, rows: Codes, first: Sums, second: Sums) -> Floats:
        moments = ClusterMoments.of(*first)
        rho = common_correlation(moments)
        own.put(rows, self._precision(moments, rho))
        other.put(rows, self._precision(ClusterMoments.of(*second), rho))
        return side_correlation(*first[:2], *second[:2])

    def _view(self, groups: GroupCounts, outcome: str | None = None) -> ClusterView:
        name = groups.probe
        if name not in self._probes:
            own = self.moments
            if own is not None:
                own = own[(own["probe"] == name).to_numpy()]
            frame = self.frame[(self.frame["probe"] == name).to_numpy()]
            self._probes[name] = ProbeClusterCounts(frame=frame, moment_rows=own)
        return self._probes[name].view(groups, outcome)


class _Parts:
    """The precision of an array of rates, filled in part by part; images are independent elsewhere."""

    def __init__(self, n: NDArray[np.int64]) -> None:
        nothing = {name: np.full(np.shape(n), np.nan) for name in ("rate", "kish", "weight")}
        foreseen = np.asarray(n, dtype=float).copy()
        self.precision = replace(independent_precision(n), foreseen=foreseen, **nothing)

    def put(self, rows: Codes, part: Precision) -> None:
        for one in fields(Precision):
            getattr(self.precision, one.name)[rows] = getattr(part, one.name)


def some_without_clusters(groups: GroupCounts, sides: OneAgainstSome) -> Contrast:
    """Contrasts [P, 1] of groups with some others, of a grouping whose images are independent."""
    own, other = (independent_precision(n[:, None]) for n in sides.images(groups))
    return Contrast(group=own, reference=other, correlation=np.zeros((len(sides.row), 1)))


def without_clusters(groups: GroupCounts, sides: Sides) -> Contrast:
    """The contrasts of a grouping whose images are independent."""
    return Contrast(
        group=independent_precision(groups.n.sum(axis=2)),
        reference=independent_precision(sides.n),
        correlation=np.zeros(sides.n.shape),
    )
