"""What every table of an audit is computed from, in one object.

A table function takes a `TableContext` and nothing that the context already knows, so a new ingredient (a
weight, another count) reaches all tables without a change of their signatures.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import pandas as pd

from audit.statistics.clusters.cluster_robust import LEAST_CLUSTERS, Precision, independent_precision
from audit.tables.groups.cluster_counts import (
    ClusterCounts,
    Clusters,
    Contrast,
    OneAgainstSome,
    some_without_clusters,
    without_clusters,
)
from audit.tables.groups.coded_table import CodedTable
from audit.tables.groups.group_counts import CountTable, GroupCounts, SharedCounts, outcome_counts
from audit.tables.groups.natural_order import in_natural_order
from audit.tables.groups.reference_groups import Sides
from clipmodel.array_types import Floats
from probes.records import Records

MIN_GROUP = 3
"""Images below which a group gets no rate, unless the suite says otherwise."""
OUTCOMES_NEEDED = "the outcomes of single images were not kept: not weighted to the population"
"""Note on what needs the weight of each image beside what happened to it."""


def min_group(probe: Mapping[str, Any], manifest: Mapping[str, Any]) -> int:
    """Images that a group of a probe needs for a rate."""
    return int(probe.get("min_group") or manifest.get("min_group") or MIN_GROUP)


def min_clusters(manifest: Mapping[str, Any]) -> int:
    """Clusters that each side needs for a test, where clusters hold several images."""
    return int(manifest.get("min_clusters") or LEAST_CLUSTERS)


@dataclass(frozen=True, kw_only=True)
class TableContext:
    """Counts with all that is needed to read them.

    Attributes
    ----------
    counts
        `Records.counts`, or another table of the same columns: see `of_counts`. Their divisions into groups
        are made once and shared by all tables.
    manifest
        Of the records.
    attributes
        The columns of group attributes, in the order of the tables.
    clusters
        `Records.clusters` and `Records.moments`; None if every cluster holds one image.
    outcomes, pairs
        `Records.outcomes`, coded, and `Records.pairs`; None if the run did not keep them.
    """

    counts: SharedCounts
    manifest: Mapping[str, Any]
    attributes: tuple[str, ...]
    clusters: ClusterCounts | None = None
    outcomes: CodedTable | None = None
    pairs: pd.DataFrame | None = None

    @classmethod
    def of(
        cls,
        counts: CountTable,
        manifest: Mapping[str, Any],
        attributes: Sequence[str],
        *,
        clusters: Clusters = None,
        outcomes: pd.DataFrame | None = None,
        pairs: pd.DataFrame | None = None,
    ) -> Self:
        """The context of a table of counts.

        Examples
        --------
        >>> context = TableContext.of(records.counts, records.manifest, records.attributes)
        >>> rate_table(context)
        """
        shared = counts if isinstance(counts, SharedCounts) else SharedCounts(counts)
        return cls(
            counts=shared,
            manifest=manifest,
            attributes=tuple(attributes),
            clusters=ClusterCounts.of(clusters, least=min_clusters(manifest)),
            outcomes=None if outcomes is None else CodedTable(outcomes),
            pairs=pairs,
        )

    @classmethod
    def of_records(cls, records: Records, manifest: Mapping[str, Any] | None = None) -> Self:
        """The context of a run; `manifest` replaces that of the records."""
        whole = records.manifest if manifest is None else manifest
        return cls.of(
            in_natural_order(records.counts, whole),
            whole,
            records.attributes,
            clusters=ClusterCounts.of(records.clusters, records.moments, least=min_clusters(whole)),
            outcomes=records.outcomes,
            pairs=records.pairs,
        )

    def of_counts(self, counts: pd.DataFrame, *, clusters: Clusters = None) -> Self:
        """The same run with other counts: those of the curve, or of the held-out images."""
        ordered = in_natural_order(counts, self.manifest)
        return replace(self, counts=SharedCounts(ordered), clusters=self.clusters_of(clusters))

    def clusters_of(self, clusters: Clusters, moments: pd.DataFrame | None = None) -> ClusterCounts | None:
        """Counts by cluster of other images of this run."""
        return ClusterCounts.of(clusters, moments, least=self.min_clusters)

    def precision(self, groups: GroupCounts, *, outcome: str | None = None) -> Precision:
        """How much each rate [S, G] of a grouping tells; see `ClusterCounts.precision`."""
        if self.clusters is None:
            return independent_precision(groups.n.sum(axis=2))
        return self.clusters.precision(groups, outcome=outcome)

    def weighted_rates(self, groups: GroupCounts, *, outcome: str | None = None) -> Floats | None:
        """Rates [S, G] of a grouping if images stand for a population; None if they are as they are."""
        return self.precision(groups, outcome=outcome).rate if self.weighted else None

    def contrast(self, groups: GroupCounts, sides: Sides) -> Contrast:
        """The precision of both sides of each contrast [S, G]; see `ClusterCounts.contrast`."""
        if self.clusters is None:
            return without_clusters(groups, sides)
        return self.clusters.contrast(groups, sides)

    def against(self, groups: GroupCounts, sides: OneAgainstSome) -> Contrast:
        """The precision of groups and of some others together, each in one specification; [P, 1]."""
        if self.clusters is None:
            return some_without_clusters(groups, sides)
        return self.clusters.against(groups, sides)

    @property
    def probes(self) -> Sequence[Mapping[str, Any]]:
        """The probes of the manifest."""
        probes: Sequence[Mapping[str, Any]] = self.manifest["probes"]
        return probes

    @property
    def seed(self) -> int:
        """Seed of everything that is random."""
        return int(self.manifest["seed"])

    @property
    def min_clusters(self) -> int:
        """Clusters that each side needs for a test."""
        return min_clusters(self.manifest)

    @property
    def weighted(self) -> bool:
        """Whether images stand for a population: rates are then those of the precision."""
        return self.clusters is not None and self.clusters.weighted

    def min_group(self, probe: Mapping[str, Any]) -> int:
        """Images that a group of a probe needs for a rate."""
        return min_group(probe, self.manifest)

    def groupings(self) -> Iterator[tuple[Mapping[str, Any], GroupCounts]]:
        """Every probe with the counts of each of its groupings, those over all images first."""
        for probe in self.probes:
            for groups in outcome_counts(self.counts, probe):
                yield probe, groups

    def comparisons(self) -> Iterator[tuple[Mapping[str, Any], GroupCounts]]:
        """The groupings that compare groups: all but those over all images."""
        return ((probe, groups) for probe, groups in self.groupings() if groups.by)
