"""Counts by cluster, for the design effects of one split of the groups.

K clusters, S specifications, G groups, P pairs of groups.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from audit.statistics.design_effects import difference_design_effect, rate_design_effect
from audit.tables.group_counts import SPECIFICATION, GroupCounts

if TYPE_CHECKING:
    from audit.tables.reference_groups import Sides

Floats = NDArray[np.float64]
Tables = tuple[Floats, Floats]
Clusters: TypeAlias = "pd.DataFrame | ClusterCounts | None"
_KEYS = [name for name in SPECIFICATION if name != "threshold"]


@dataclass(frozen=True)
class ClusterCounts:
    """`Records.clusters`, as the contrasts and rates of any split need them.

    A design effect is NaN where the records hold no clusters of a specification: they do for the rule argmax.
    """

    frame: pd.DataFrame

    @classmethod
    def of(cls, clusters: Clusters) -> ClusterCounts | None:
        """Those of a table; counts made before are taken as they are, None remains None."""
        return cls(clusters) if isinstance(clusters, pd.DataFrame) else clusters

    def rate_effects(self, groups: GroupCounts, *, outcome: str | None = None) -> Floats:
        """Design effects [S, G] of the groups' rates.

        `outcome` stands for the outcome of the specifications: that an image is right depends on its cluster
        as that it is wrong.
        """
        return self._each(groups, lambda s, x, n: rate_design_effect(x, n), outcome=outcome)

    def share_effects(self, groups: GroupCounts) -> Floats:
        """Design effects [S, G] of the groups' shares of the events."""

        def of_events(s: int, x: Floats, n: Floats) -> Floats:
            return rate_design_effect(x, np.broadcast_to(x.sum(axis=1, keepdims=True), x.shape))

        return self._each(groups, of_events)

    def difference_effects(self, groups: GroupCounts, sides: Sides) -> Floats:
        """Design effects [S, G] of each group against its reference."""

        def against(s: int, x: Floats, n: Floats) -> Floats:
            index, found = np.maximum(sides.index[s], 0), sides.index[s] >= 0
            others = [np.where(found, a[:, index], a.sum(axis=1, keepdims=True) - a) for a in (x, n)]
            return difference_design_effect(x, n, *others)

        return self._each(groups, against)

    def pair_effects(self, groups: GroupCounts, first: NDArray[np.intp], second: NDArray[np.intp]) -> Floats:
        """Design effects [S, P] of the differences of pairs of groups."""

        def of_pairs(s: int, x: Floats, n: Floats) -> Floats:
            return difference_design_effect(x[:, first], n[:, first], x[:, second], n[:, second])

        return self._each(groups, of_pairs, width=len(first))

    def _each(
        self,
        groups: GroupCounts,
        effect: Callable[[int, Floats, Floats], Floats],
        *,
        outcome: str | None = None,
        width: int | None = None,
    ) -> Floats:
        effects = np.full(
            (len(groups.specifications), len(groups.groups) if width is None else width), np.nan
        )
        for number, table in self._tables(groups, outcome):
            effects[number] = effect(number, *table)
        return effects

    def _tables(self, groups: GroupCounts, outcome: str | None) -> Iterator[tuple[int, Tables]]:
        """Numbers of the specifications counted by cluster, and their events and images [K, G]."""
        wanted = groups.specifications.assign(**({} if outcome is None else {"outcome": outcome}))
        counted = np.flatnonzero(wanted["threshold"].isna())
        group = self._group(groups)
        keys = wanted[_KEYS].take(counted).itertuples(index=False, name=None)
        for number, key in zip(counted.tolist(), keys, strict=True):
            if key in self._rows:
                yield number, self._dense(self._rows[key], group, len(groups.groups))

    @cached_property
    def _rows(self) -> dict[Hashable, NDArray[np.intp]]:
        """Rows of the frame by specification."""
        groups = self.frame.groupby(_KEYS, observed=True, sort=False)
        return {key: np.asarray(rows, dtype=np.intp) for key, rows in groups.indices.items()}

    @cached_property
    def _codes(self) -> dict[str, tuple[NDArray[np.intp], pd.Index]]:
        """Of each column of words, a code for every row, and the words."""
        words = self.frame.drop(columns=["threshold", "n", "count"])
        found = {str(name): pd.factorize(words[name]) for name in words.columns}
        return {name: (code, pd.Index(values).astype("str")) for name, (code, values) in found.items()}

    @cached_property
    def _numbers(self) -> Tables:
        """Events and images of every row."""
        return self.frame["count"].to_numpy(dtype=float), self.frame["n"].to_numpy(dtype=float)

    def _group(self, groups: GroupCounts) -> NDArray[np.intp]:
        """The group of each row of the frame, -1 where an attribute is missing."""
        group = np.zeros(len(self.frame), dtype=np.intp)
        for name in groups.by:
            values = pd.Index(groups.groups[name].unique())
            code, words = self._codes[name]
            place = values.get_indexer(words)[code]
            group = np.where((group < 0) | (place < 0), -1, group * len(values) + place)
        return group

    def _dense(self, rows: NDArray[np.intp], group: NDArray[np.intp], n_groups: int) -> Tables:
        """Events and images [K, G] of one specification; images that miss an attribute are in no group."""
        rows = rows[group[rows] >= 0]
        cluster, present = pd.factorize(self._codes["cluster"][0][rows])
        flat = cluster * n_groups + group[rows]
        shape = (len(present), n_groups)
        count, n = (values[rows] for values in self._numbers)
        events, images = (np.bincount(flat, weights=w, minlength=shape[0] * n_groups) for w in (count, n))
        return events.reshape(shape).astype(np.float64), images.reshape(shape).astype(np.float64)
