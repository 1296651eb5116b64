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

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from audit.statistics.multiplicity import weighted_holm
from audit.statistics.power import cautious_rate, smallest_detectable_gap
from audit.tables.context import TableContext
from audit.tables.gap_rows import GapRows
from audit.tables.gaps import contrast_p
from audit.tables.group_counts import JOINT, SPECIFICATION, GroupCounts, number_rows
from audit.tables.reference_groups import reference_kind
from probes.records import BEST, OVERALL, REST

LEVEL = 0.05
GROUPING: Final = ("probe", "outcome", "by")
CONTROL_COLUMNS: Final = ("p_adjusted", "smallest_detectable", "driven_by")

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]


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
    p = np.fmax(p, rest.p)
    adjusted = family.adjusted(p)
    driven = np.where((adjusted >= LEVEL) & (rest.named != ""), rest.named, "")
    table = gaps.assign(
        p_adjusted=adjusted,
        smallest_detectable=detectable(gaps, family.level),
        driven_by=pd.Series(driven, index=gaps.index, dtype="str"),
    )
    return table[[name for name in table.columns if name != "note"] + ["note"]]


def detectable(gaps: pd.DataFrame, level: Floats) -> Floats:
    """[R] the smallest detectable gap of each row at a level each; NaN where there is no test."""
    rows = GapRows.of(gaps)
    x, n = rows.rates[1] * rows.sizes[1], rows.sizes[1]
    base = cautious_rate(np.nan_to_num(x), n)
    tested = gaps["p"].notna().to_numpy()
    found = smallest_detectable_gap(
        base, *rows.precision, images=rows.sizes, level=np.where(tested, level, LEVEL),
        correlation=rows.correlation,
    )  # fmt: skip
    return np.where(tested, rows.of_difference(found), np.nan)


def distinct_contrasts(gaps: pd.DataFrame, *, keys: tuple[str, ...] = (*SPECIFICATION, "by")) -> pd.Series:
    """True on one row a contrast: where two groups are each other's reference, on that of the higher rate.

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
        keys = number_rows(gaps[list(GROUPING)])
        specifications, total, chosen = np.ones(len(gaps)), 0, dict(_chosen(context))
        for code in np.unique(keys):
            rows = np.flatnonzero((keys == code) & tested)
            if not len(rows):
                continue
            one = gaps.iloc[rows[0]]
            counted = chosen.get((one["probe"], one["by"]), len(pair.iloc[rows].drop_duplicates()))
            specifications[rows] = len(gaps.iloc[rows][list(SPECIFICATION)].drop_duplicates())
            total += counted
        weight = 1 / (max(total, 1) * specifications)
        seen = weight[tested][np.unique(contrast[tested], return_index=True)[1]].sum()
        return cls(contrast=contrast, weight=weight, unseen=max(0.0, 1.0 - float(seen)))

    @property
    def level(self) -> Floats:
        """[R] of the first step of the adjustment."""
        return LEVEL * self.weight

    def adjusted(self, p: Floats) -> Floats:
        """[R] adjusted p; of mirrored rows, which have one p, the same."""
        tested = np.flatnonzero(~np.isnan(p))
        _, first, place = np.unique(self.contrast[tested], return_index=True, return_inverse=True)
        adjusted = np.full(p.shape, np.nan)
        one = tested[first]
        adjusted[tested] = weighted_holm(p[one], self.weight[one], unseen=self.unseen)[place]
        return adjusted


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

    def __post_init__(self) -> None:
        self.p = np.full(len(self.gaps), np.nan)
        self.named = np.full(len(self.gaps), "", dtype=object)
        places = self.gaps.groupby([*GROUPING], sort=False, observed=True).indices
        for probe, groups in self.context.comparisons():
            if reference_kind(groups, probe.get("references") or {}) not in (REST, OVERALL):
                continue
            for outcome in groups.specifications["outcome"].unique():
                rows = places.get((probe["name"], outcome, JOINT.join(groups.by)))
                if rows is not None and (self.adjusted[rows] < LEVEL).any():
                    self._of_grouping(
                        groups, np.asarray(rows, dtype=np.intp), least=self.context.min_group(probe)
                    )

    def _of_grouping(self, groups: GroupCounts, rows: Codes, *, least: int) -> None:
        keys = list(SPECIFICATION)
        own = pd.concat([groups.specifications[keys], self.gaps.iloc[rows][keys]], ignore_index=True)
        number = number_rows(own)
        row_of = {int(code): row for row, code in enumerate(number[: len(groups.specifications)])}
        of_rows = number[len(groups.specifications) :]
        for code in np.unique(of_rows):
            self._of_specification(groups, row_of[int(code)], rows[of_rows == code], least=least)

    def _of_specification(self, groups: GroupCounts, row: int, rows: Codes, *, least: int) -> None:
        """Name the group that differs most, then the one that differs most without it, and so on."""
        p = self.gaps["p"].to_numpy(dtype=float)
        open_ = rows[self.adjusted[rows] < LEVEL].tolist()
        if len(open_) < 2 or len(rows) < 3:
            return
        names, place = self.gaps["group"].to_numpy(dtype=object), {g: i for i, g in enumerate(groups.names)}
        n = groups.n[row].sum(axis=1)
        gap = np.abs(self.gaps["difference"].to_numpy(dtype=float))
        left = n >= least
        named: list[str] = []
        while open_:
            for one in open_ if named else ():
                others = left & (np.arange(len(n)) != place[names[one]])
                self.p[one] = self._p(groups, row, place[names[one]], others)
                self.named[one] = ", ".join(named)
            both = {one: float(np.fmax(p[one], self.p[one])) for one in open_}
            first = min(open_, key=lambda one: (both[one], -gap[one]))
            # As strict as its own step of the adjustment was, and at most as one that stands alone.
            factor = min(self.adjusted[first] / max(p[first], 1e-300), 1 / self.family.weight[first])
            if both[first] * factor >= LEVEL:
                return
            open_.remove(first)
            named.append(names[first])
            left[place[names[first]]] = False

    def _p(self, groups: GroupCounts, row: int, group: int, others: NDArray[np.bool_]) -> float:
        """p of a group against some others together; 1 where there are none."""
        n, x = groups.n[row].sum(axis=1), groups.count[row].sum(axis=1)
        if not n[others].sum():
            return 1.0
        x1, n1, x2, n2 = (np.array([[v]]) for v in (x[group], n[group], x[others].sum(), n[others].sum()))
        found = contrast_p(x1, n1, x2, n2, self.context.against(groups, row, group, others))
        return float(np.nan_to_num(found, nan=1.0)[0, 0])
