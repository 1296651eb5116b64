"""Counts by cluster, for the design effects of one split of the groups.

K clusters, S specifications, G groups, P pairs of groups.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from audit.clusters import difference_design_effect, rate_design_effect
from audit.counts import SPECIFICATION, GroupCounts

if TYPE_CHECKING:
    from audit.references import Sides

Floats = NDArray[np.float64]
Tables = tuple[Floats, Floats]


@dataclass(frozen=True)
class ClusterCounts:
    """`Records.clusters`, as the contrasts and rates of any split need them.

    A design effect is NaN where the records hold no clusters of a specification: they do for the rule argmax.
    """

    frame: pd.DataFrame

    def rate_effects(self, groups: GroupCounts, *, outcome: str | None = None) -> Floats:
        """Design effects [S, G] of the groups' rates.

        `outcome` stands for the outcome of the specifications: that an image is right depends on its cluster
        as that it is wrong.
        """
        return self._each(groups, lambda s, x, n: rate_design_effect(x, n), outcome=outcome)

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
        wanted = wanted.reset_index(drop=True)[wanted["threshold"].isna().to_numpy()]
        keys = [name for name in SPECIFICATION if name != "threshold"]
        own = self.frame[self.frame["probe"].isin(set(wanted["probe"]))]
        parts = dict(iter(own.groupby(keys, observed=True, sort=False))) if len(own) else {}
        for number, key in zip(wanted.index, wanted[keys].itertuples(index=False, name=None), strict=True):
            if key in parts:
                yield int(number), _dense(parts[key], groups)


def _dense(part: pd.DataFrame, groups: GroupCounts) -> Tables:
    """One specification's events and images [K, G]; images that miss an attribute are in no group."""
    group = np.zeros(len(part), dtype=np.intp)
    for name in groups.by:
        values = pd.Index(groups.groups[name].unique(), dtype="str")
        code = values.get_indexer(pd.Index(part[name].astype("str")))
        group = np.where((group < 0) | (code < 0), -1, group * len(values) + code)
    part, group = part[group >= 0], group[group >= 0]
    cluster, present = pd.factorize(part["cluster"])
    flat = cluster * len(groups.groups) + group
    shape = (len(present), len(groups.groups))
    events, images = (
        np.bincount(flat, weights=part[name].to_numpy(dtype=float), minlength=shape[0] * shape[1])
        for name in ("count", "n")
    )
    return events.reshape(shape).astype(np.float64), images.reshape(shape).astype(np.float64)
