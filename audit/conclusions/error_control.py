"""Error control over a whole audit: the chance of any false finding, whichever gaps are true.

All gaps of the audit are one family. A gap (probe, outcome, grouping, group and reference) has a share of the
level, all gaps the same, and divides it among the specifications that ask for it; mirrored contrasts of two
groups are one. Holm's step-down adjustment with these weights holds under any dependence of the tests and
under any configuration of true gaps: a test of the whole family that comes first, and opens the way to all of
its groups once one of them differs, does not.

With "the rest" as a reference, one different group makes every other group differ from its rest. A group
counts as different only if it also differs from its rest without the more extreme groups that are named
already; otherwise the table says which groups drive its gap.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from audit.statistics.multiplicity import weighted_holm
from audit.statistics.power import cautious_rate, smallest_detectable_gap
from audit.statistics.row_numbers import number_rows
from audit.tables.context import TableContext
from audit.tables.gaps import FORESEEN, contrast_p
from audit.tables.groups.cluster_counts import OneAgainstSome
from audit.tables.groups.gap_rows import GapRows
from audit.tables.groups.group_counts import JOINT, SPECIFICATION, GroupCounts
from audit.tables.groups.probe_cluster_counts import matched
from audit.tables.groups.reference_groups import reference_kind
from clipmodel.array_types import Codes, Floats
from probes.records import BEST, OVERALL, REST

LEVEL = 0.05
GROUPING: Final = ("probe", "outcome", "by")
CONTROL_COLUMNS: Final = ("p_adjusted", "smallest_detectable", "driven_by")


def with_error_control(context: TableContext, gaps: pd.DataFrame) -> pd.DataFrame:
    """The gaps, and before their note what holds for the whole audit.

    Parameters
    ----------
    context, gaps
        Of the records, and the gaps that `audit.tables.rates.gap_table` makes of it.

    Returns
    -------
    The rows with `CONTROL_COLUMNS`: `p_adjusted` (see above; NaN where p is), `smallest_detectable` (the gap
    that this test finds in 80 % of such audits, at the level of the first step of the adjustment), and
    `driven_by`, the groups without which the group no longer differs from the rest.
    """
    family = _Family.of(context, gaps)
    p = gaps["p"].to_numpy(dtype=float)
    first = family.adjusted(p)
    rest = _RestTests(context, gaps, family, first)
    # Both tests must find a group different, so the larger p counts; NaN is a group that is not tested
    # again.
    p = np.fmax(p, rest.p)
    adjusted = family.adjusted(p)
    driven = np.where((adjusted >= LEVEL) & (rest.named != ""), rest.named, "")
    table = gaps.assign(
        p_adjusted=adjusted,
        smallest_detectable=detectable(gaps, family.level),
        driven_by=pd.Series(driven, index=gaps.index, dtype="str"),
    )
    return table[[name for name in table.columns if name not in ("note", *FORESEEN)] + ["note"]]


def detectable(gaps: pd.DataFrame, level: Floats) -> Floats:
    """[R] the smallest detectable gap of each row at a level each; NaN where there is no test.

    Of the precision that another audit like this one would have (`FORESEEN`), if the rows say it.
    """
    rows = GapRows.of(gaps)
    precision = [
        replace(side, effective=n / np.nan_to_num(gaps[name].to_numpy(dtype=float), nan=1.0))
        if name in gaps
        else side
        for side, n, name in zip(rows.precision, rows.sizes, FORESEEN, strict=True)
    ]
    x, n = rows.rates[1] * rows.sizes[1], rows.sizes[1]
    base = cautious_rate(np.nan_to_num(x), n)
    tested = gaps["p"].notna().to_numpy()
    found = smallest_detectable_gap(
        base, precision[0], precision[1], images=rows.sizes, level=np.where(tested, level, LEVEL),
        correlation=rows.correlation,
    )  # fmt: skip
    return np.where(tested, rows.of_difference(found), np.nan)


def distinct_contrasts(gaps: pd.DataFrame, *, keys: tuple[str, ...] = (*SPECIFICATION, "by")) -> pd.Series:
    """True on one row per contrast: where two groups are each other's reference, on that of the higher rate.

    Parameters
    ----------
    keys
        Columns within which two groups mirror each other.
    """
    named = pd.concat([gaps[list(keys)], _pair(gaps)], axis=1)
    ordered = named.loc[gaps["difference"].sort_values(ascending=False, kind="stable").index]
    return ~ordered.duplicated().reindex(gaps.index)


def _pair(gaps: pd.DataFrame) -> pd.DataFrame:
    """Group and reference in alphabetical order."""
    first, second = gaps["group"].to_numpy(dtype=object), gaps["reference"].to_numpy(dtype=object)
    swapped = first > second
    return pd.DataFrame(
        {"low_name": np.where(swapped, second, first), "high_name": np.where(swapped, first, second)},
        index=gaps.index,
        dtype="str",
    )


@dataclass(frozen=True, kw_only=True)
class _Family:
    """All contrasts of an audit.

    Attributes
    ----------
    contrast
        [R] a number for each contrast: mirrored rows have one.
    weight
        [R] share of the level.
    unseen
        Weights of the contrasts that are in no row: other pairs of groups, where the data choose one.
    """

    contrast: Codes
    weight: Floats
    unseen: float

    @classmethod
    def of(cls, context: TableContext, gaps: pd.DataFrame) -> _Family:
        pair = _pair(gaps)
        contrast = number_rows(pd.concat([gaps[[*SPECIFICATION, "by"]], pair], axis=1))
        tested = gaps["p"].notna().to_numpy()
        grouping = number_rows(gaps[list(GROUPING)])
        specifications = _distinct(grouping, number_rows(gaps[list(SPECIFICATION)]), tested)
        pairs = _distinct(grouping, number_rows(pair), tested)
        for (probe, by), number in _chosen(context):
            rows = ((gaps["probe"] == probe) & (gaps["by"] == by)).to_numpy()
            pairs[np.unique(grouping[rows])] = number
        # A grouping without a test has no share of the level.
        total = int(pairs[specifications > 0].sum())
        weight = 1 / (max(total, 1) * np.maximum(specifications, 1)[grouping])
        seen = weight[tested][np.unique(contrast[tested], return_index=True)[1]].sum()
        return cls(contrast=contrast, weight=weight, unseen=max(0.0, 1.0 - float(seen)))

    @property
    def level(self) -> Floats:
        """[R] the level of the first step of the adjustment."""
        return LEVEL * self.weight

    def adjusted(self, p: Floats) -> Floats:
        """[R] adjusted p; of mirrored rows, which have one p, the same."""
        tested = np.flatnonzero(~np.isnan(p))
        _, first, place = np.unique(self.contrast[tested], return_index=True, return_inverse=True)
        adjusted = np.full(p.shape, np.nan)
        one = tested[first]
        adjusted[tested] = weighted_holm(p[one], self.weight[one], unseen=self.unseen)[place]
        return adjusted


def _distinct(grouping: Codes, of: Codes, tested: NDArray[np.bool_]) -> Codes:
    """How many distinct values the tested rows of each grouping have."""
    pairs = np.unique(grouping[tested] * (of.max(initial=0) + 1) + of[tested])
    found = np.bincount(pairs // (of.max(initial=0) + 1), minlength=int(grouping.max(initial=-1)) + 1)
    return np.asarray(found, dtype=np.intp)


def _chosen(context: TableContext) -> Iterator[tuple[tuple[str, str], int]]:
    """Pairs of groups of the groupings whose reference the data choose."""
    for probe, groups in context.comparisons():
        if reference_kind(groups, probe.get("references") or {}) == BEST:
            enough = np.count_nonzero(groups.n.sum(axis=2).max(axis=0, initial=0) >= context.min_group(probe))
            yield (probe["name"], JOINT.join(groups.by)), int(enough * (enough - 1) // 2)


@dataclass
class _RestTests:
    """Tests of the groups that differ from their rest against the rest without the more extreme ones.

    Attributes
    ----------
    p
        [R] NaN where the group is the most extreme one, or does not differ in the first place.
    named
        [R] the groups left out, joined by commas.
    """

    context: TableContext
    gaps: pd.DataFrame
    family: _Family
    adjusted: Floats
    p: Floats = field(init=False)
    named: NDArray[np.object_] = field(init=False)
    _p_alone: Floats = field(init=False)
    _size: Floats = field(init=False)
    _group: NDArray[np.object_] = field(init=False)

    def __post_init__(self) -> None:
        self.p = np.full(len(self.gaps), np.nan)
        self.named = np.full(len(self.gaps), "", dtype=object)
        self._p_alone, difference = (self.gaps[name].to_numpy(dtype=float) for name in ("p", "difference"))
        self._size, self._group = np.abs(difference), self.gaps["group"].to_numpy(dtype=object)
        places = self.gaps.groupby(["probe", "by"], sort=False, observed=True).indices
        row_of: dict[int, Codes] = {}
        for probe, groups in self.context.comparisons():
            if reference_kind(groups, probe.get("references") or {}) not in (REST, OVERALL):
                continue
            rows = np.asarray(places.get((probe["name"], JOINT.join(groups.by)), ()), dtype=np.intp)
            if np.count_nonzero(self.adjusted[rows] < LEVEL) < 2:
                continue
            # The groupings of a probe share their specifications.
            specifications = groups.specifications
            if id(specifications) not in row_of:
                row_of[id(specifications)] = matched(specifications, self.gaps[list(SPECIFICATION)])
            least = self.context.min_group(probe)
            self._search(groups, list(self._searches(groups, rows, row_of[id(specifications)][rows], least)))

    def _searches(self, groups: GroupCounts, rows: Codes, row: Codes, least: int) -> Iterator[_Search]:
        """One for each specification with several different groups, from the rows of a grouping."""
        code = {name: number for number, name in enumerate(groups.names)}
        for one in np.unique(row):
            own = rows[row == one]
            open_ = own[self.adjusted[own] < LEVEL].tolist()
            if len(open_) > 1 and len(own) > 2:
                group = {int(place): code[self._group[place]] for place in open_}
                left = groups.n[one].sum(axis=1) >= least
                yield _Search(row=int(one), open_=open_, group=group, left=left)

    def _search(self, groups: GroupCounts, searches: list[_Search]) -> None:
        """Name the group that differs most, then the one that differs most without it, and so on.

        All specifications go on step by step together: their tests are made at once.
        """
        while searches:
            again = [search for search in searches if search.named]
            rows = np.array([one for search in again for one in search.open_], dtype=np.intp)
            if len(rows):
                self.p[rows] = self._without(groups, again)
                self.named[rows] = [", ".join(search.named) for search in again for _ in search.open_]
            searches = [search for search in searches if self._name_next(search)]

    def _name_next(self, search: _Search) -> bool:
        """Name one more group; whether the search goes on."""
        p = self._p_alone
        both = {one: float(np.fmax(p[one], self.p[one])) for one in search.open_}
        first = min(search.open_, key=lambda one: (both[one], -self._size[one]))
        # As strict as its own step of the adjustment was, and at most as one that stands alone.
        factor = min(self.adjusted[first] / max(p[first], 1e-300), 1 / self.family.weight[first])
        if both[first] * factor >= LEVEL:
            return False
        search.open_.remove(first)
        search.named.append(str(self._group[first]))
        search.left[search.group[first]] = False
        return bool(search.open_)

    def _without(self, groups: GroupCounts, searches: Sequence[_Search]) -> Floats:
        """p of every open group against those that are left beside it; 1 where there are none."""
        asked = [(search, search.group[one]) for search in searches for one in search.open_]
        group = np.array([own for _, own in asked], dtype=np.intp)
        others = np.array([search.left for search, _ in asked])
        others[np.arange(len(asked)), group] = False
        row = np.array([search.row for search, _ in asked], dtype=np.intp)
        sides = OneAgainstSome(row=row, group=group, others=others)
        (n1, n2), (x1, x2) = sides.images(groups), sides.events(groups)
        own, other = (x1[:, None], n1[:, None]), (x2[:, None], n2[:, None])
        p = contrast_p(*own, *other, self.context.against(groups, sides))[:, 0]
        return np.where(n2 > 0, np.nan_to_num(p, nan=1.0), 1.0)


@dataclass(kw_only=True)
class _Search:
    """The search for the groups of one specification that drive the gaps of the others.

    Attributes
    ----------
    row
        The specification.
    open_
        Rows of the gaps that differ from their rest and are not named.
    group
        From row to group.
    left
        [G] groups with enough images that are not named.
    named
        Names of the most extreme groups so far.
    """

    row: int
    open_: list[int]
    group: dict[int, int]
    left: NDArray[np.bool_]
    named: list[str] = field(default_factory=list)
