"""Specification analysis: how each gap moves over class designs, prompts and thresholds.

One gap is one group against its reference, for one outcome of one probe; a suite has it in many
specifications. Each of them is a choice, so the table says of each gap where it lies in all of them, in how
many its interval excludes zero, what its spread is made of, and whether the whole curve could be chance.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from audit.statistics.clusters.shared_permutations import SharedPermutations
from audit.statistics.multiplicity import holm
from audit.statistics.row_numbers import number_rows
from audit.statistics.variation.specification_curve_test import DRAWS, JointCounts
from audit.statistics.variation.specification_variance import PARTS, factor_bases, variance_parts
from audit.tables.context import TableContext
from audit.tables.groups.coded_table import JOINT, row_keys
from audit.tables.groups.joint_outcomes import joint_counts, specification_list
from probes.records import KEYS

GAP: Final = ("probe", "outcome", "by", "group", "reference")
"""Columns that name one gap, whatever the specification."""
SPREAD: Final = (
    "difference_median",
    "difference_min",
    "difference_max",
    "share_excludes_zero",
    "share_above",
)
SPECIFICATION_COLUMNS: Final = (
    *GAP, "n_group", "n_reference", "specifications", *SPREAD,
    *(f"variance_{part}" for part in PARTS), "curve_p", "curve_p_adjusted", "note",
)  # fmt: skip
INTEGERS: Final = ("n_group", "n_reference", "specifications")
NO_OUTCOMES: Final = "the outcomes of single images were not kept: no variances, no test of the curve"
TOO_SMALL: Final = "too few images"
ONE_SPECIFICATION: Final = "one specification only"
NUMBERS: Final = ("difference", "difference_low", "difference_high", "n_group", "n_reference", "p")

Key = tuple[Any, ...]
"""One specification: the values of `KEYS`."""
Curve = Mapping[str, NDArray[Any]]
"""`NUMBERS` of one gap, an entry per specification, and its place among those counted jointly (-1: none)."""


def specification_table(context: TableContext, gaps: pd.DataFrame) -> pd.DataFrame:
    """Summarise the specification curve of every gap.

    Parameters
    ----------
    context
        Of the records. Its seed fixes the permutations; its outcomes of single images, if the run kept them,
        give the variances and the test.
    gaps
        As `audit.tables.rates.gap_table` makes it.

    Returns
    -------
    Columns `SPECIFICATION_COLUMNS`, one row per gap:

    specifications
        Specifications in which the gap is defined.
    difference_median, difference_min, difference_max
        Of the gap over them.
    share_excludes_zero, share_above
        Share of the specifications whose 95 % interval excludes zero, and whose gap is above zero.
    variance_sampling, variance_design, variance_template, variance_threshold, variance_interaction
        See `audit.statistics.variation.specification_variance`; NaN for one specification, and without
        `outcomes`.
    curve_p, curve_p_adjusted
        Studentised permutation test of the whole curve (`specification_curve_test.curve_p`), whole clusters
        permuted, and Holm's adjustment over all curves of the audit: every probe, outcome and grouping. With
        one specification, p of that gap.
    note
        Why something is NaN.
    """
    return joined_specifications(gaps, specification_rows(context, gaps))


def specification_parts(gaps: pd.DataFrame) -> list[pd.DataFrame]:
    """The gaps of each probe and grouping, those with most rows first.

    Their rows of the table depend on no other gaps, and outcomes that share permutations are together: the
    parts can be worked out in any order, in several processes.
    """
    part = number_rows(gaps[["probe", "by"]])
    sizes = np.bincount(part)
    return [gaps[part == number] for number in np.argsort(-sizes, kind="stable")]


def specification_rows(context: TableContext, gaps: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of `specification_table` of some gaps, without the adjustment for all others."""
    return [
        {
            **dict(zip(GAP, key, strict=True)),
            **_spread(curve),
            **_joint(curve, key, family, seed=context.seed),
        }
        for key, curve, family in _curves(gaps, context)
    ]


def joined_specifications(gaps: pd.DataFrame, rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """`specification_table` of all gaps, from the rows of its parts in any order."""
    of_gap = {tuple(row[name] for name in GAP): row for row in rows}
    gap, family = number_rows(gaps[list(GAP)]), number_rows(gaps[list(GAP[:3])])
    first = np.unique(gap, return_index=True)[1]
    ordered = gaps.iloc[first[np.lexsort((gap[first], family[first]))]]
    keys = zip(*(ordered[name].astype("str").tolist() for name in GAP), strict=True)
    dtypes = {
        name: "str" if name in (*GAP, "note") else "int64" if name in INTEGERS else "float64"
        for name in SPECIFICATION_COLUMNS
    }
    told = [of_gap[key] for key in keys]
    table = pd.DataFrame(told, columns=list(SPECIFICATION_COLUMNS)).astype(dtypes)
    table["curve_p_adjusted"] = _adjusted(table)
    return table


@dataclass(frozen=True, kw_only=True)
class _Family:
    """The joint counts of the gaps of one outcome and split, the bases of their specifications, and the
    permutations of the probe, which other outcomes of the same images share."""

    joint: JointCounts
    bases: Mapping[str, NDArray[np.float64]]
    permutations: SharedPermutations

    def places(self, keys: Sequence[Key]) -> NDArray[np.intp]:
        """The place of each specification among those counted jointly, -1 for none."""
        place = {key: number for number, key in enumerate(row_keys(self.joint.specifications, KEYS))}
        return np.array([place.get(key, -1) for key in keys], dtype=np.intp)


class _Families:
    """The families of an audit, of which those of one probe share their permutations."""

    def __init__(self, context: TableContext) -> None:
        self.probes = {probe["name"]: probe for probe in context.probes}
        self.seed = context.seed
        self.outcomes = context.outcomes
        self.permutations: dict[str, SharedPermutations] = {}
        self.bases: dict[tuple[Key, ...], Mapping[str, NDArray[np.float64]]] = {}

    def of(self, probe: str, outcome: str, by: str) -> _Family | None:
        """None if the outcomes of single images were not kept."""
        if self.outcomes is None:
            return None
        rows = np.flatnonzero(self.outcomes.having("probe", probe) & self.outcomes.having("outcome", outcome))
        if not len(rows):
            return None
        # Those of the probe before are let go: they take much memory, and only outcomes of one probe share
        # them.
        if probe not in self.permutations:
            self.permutations = {probe: SharedPermutations(seed=self.seed, draws=DRAWS)}
        listed = specification_list(self.probes[probe])
        joint = joint_counts(self.outcomes, listed, by=by.split(JOINT), rows=rows)
        keys = tuple(row_keys(joint.specifications, KEYS))
        if keys not in self.bases:
            self.bases[keys] = factor_bases(joint.specifications)
        return _Family(joint=joint, bases=self.bases[keys], permutations=self.permutations[probe])


def _curves(
    gaps: pd.DataFrame, context: TableContext
) -> Iterator[tuple[tuple[str, ...], Curve, _Family | None]]:
    """Every gap with its numbers in each specification, and its family where that helps."""
    families = _Families(context)
    names = {name: gaps[name].astype("str").to_numpy(dtype=object) for name in GAP}
    numbers = {name: gaps[name].to_numpy() for name in NUMBERS}
    key, keys = _specifications(gaps)
    gap, of_family = number_rows(gaps[list(GAP)]), number_rows(gaps[list(GAP[:3])])
    rows_of = np.split(np.argsort(gap, kind="stable"), np.cumsum(np.bincount(gap))[:-1])
    for number in range(of_family.max(initial=-1) + 1):
        rows = np.flatnonzero(of_family == number)
        probe, outcome, by = (str(names[name][rows[0]]) for name in GAP[:3])
        several = bool(np.ptp(key[rows]))
        family = families.of(probe, outcome, by) if several else None
        place = np.full(len(keys), -1) if family is None else family.places(keys)
        for own in (rows_of[one] for one in np.unique(gap[rows])):
            curve = {name: values[own] for name, values in numbers.items()} | {"place": place[key[own]]}
            yield (probe, outcome, by, *(str(names[name][own[0]]) for name in GAP[3:])), curve, family


def _specifications(gaps: pd.DataFrame) -> tuple[NDArray[np.intp], list[Key]]:
    """The specification of each row as a code, and the specifications."""
    code = number_rows(gaps[list(KEYS)])
    first = np.unique(code, return_index=True)[1]
    return code, row_keys(gaps.iloc[first], KEYS)


def _spread(curve: Curve) -> dict[str, Any]:
    defined = ~np.isnan(curve["difference"])
    d, low, high = (curve[name][defined] for name in ("difference", "difference_low", "difference_high"))
    sizes = {"n_group": int(curve["n_group"].max()), "n_reference": int(curve["n_reference"].max())}
    if not len(d):
        return {**sizes, "specifications": 0, **dict.fromkeys(SPREAD, np.nan)}
    spread = (np.median(d), d.min(), d.max(), ((low > 0) | (high < 0)).mean(), (d > 0).mean())
    return {**sizes, "specifications": len(d), **dict(zip(SPREAD, map(float, spread), strict=True))}


def _joint(curve: Curve, key: tuple[str, ...], family: _Family | None, *, seed: int) -> dict[str, Any]:
    """Variances and p of the curve, NaN with a note where they cannot be had."""
    nothing = {**{f"variance_{part}": np.nan for part in PARTS}, "curve_p": np.nan}
    defined = ~np.isnan(curve["difference"])
    if not defined.any():
        return nothing | {"note": TOO_SMALL}
    if len(defined) == 1:
        return nothing | {"curve_p": float(curve["p"][0]), "note": ONE_SPECIFICATION}
    if family is None:
        return nothing | {"note": NO_OUTCOMES}
    joint = family.joint
    differences = np.full(len(joint.specifications), np.nan)
    placed = defined & (curve["place"] >= 0)
    differences[curve["place"][placed]] = curve["difference"][placed]
    parts = variance_parts(differences, joint.covariance(key[3], key[4]), family.bases)
    rng = _generator(seed, key)
    p = joint.curve_p(key[3], key[4], rng=rng, permutations=family.permutations)
    return {f"variance_{part}": value for part, value in parts.items()} | {"curve_p": p, "note": ""}


def _generator(seed: int, key: tuple[str, ...]) -> np.random.Generator:
    """Randomness of one gap: the same whatever other gaps the audit has."""
    # crc32, since Python's own hash of a string differs from one process to the next.
    return np.random.default_rng([seed, zlib.crc32("\0".join(key).encode())])


def _adjusted(table: pd.DataFrame) -> pd.Series:
    """Holm's adjustment over all curves; two groups that are each other's rest are one test."""
    p = table["curve_p"].copy()
    twin: dict[Any, Any] = {}
    for _, family in table.groupby(["probe", "outcome", "by"], sort=False):
        if len(family) == 2 and family["group"].iloc[0] == family["reference"].iloc[1]:
            # Permuted independently, the two rows would differ by the luck of the draw.
            twin[family.index[1]] = family.index[0]
            p[family.index[1]] = np.nan
    adjusted = pd.Series(holm(p.to_numpy()), index=table.index)
    for second, first in twin.items():
        adjusted[second] = adjusted[first]
    return adjusted
