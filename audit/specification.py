"""Specification analysis: how each gap moves over class designs, prompts and thresholds.

One gap is one group against its reference, for one outcome of one probe; a suite asks for it in many ways. A
single way is a choice, so the table says of each gap where it lies in all of them, in how many its interval
excludes zero, what its spread is made of, and whether the whole curve could be chance.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
import pandas as pd

from audit.counts import JOINT
from audit.joint import JointCounts, asked_order, difference_covariance, joint_counts
from audit.multiplicity import holm
from audit.variance import PARTS, variance_parts
from probes.records import KEYS

GAP: Final = ("probe", "outcome", "by", "group", "reference")
"""Columns that name one gap, whatever the way of asking."""
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
ONE_WAY: Final = "asked in one way only"
PLACE: Final = "place among the specifications counted jointly"


def specification_table(
    gaps: pd.DataFrame, manifest: Mapping[str, Any], outcomes: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Summarise the specification curve of every gap.

    Parameters
    ----------
    gaps
        As `disparity.gap_table` makes it.
    manifest
        Of the records; its `seed` fixes the permutations.
    outcomes
        `Records.outcomes`; None where it was not kept.

    Returns
    -------
    Columns `SPECIFICATION_COLUMNS`, one row a gap:

    specifications
        Ways of asking in which the gap is defined.
    difference_median, difference_min, difference_max
        Of the gap over them.
    share_excludes_zero, share_above
        Share of the ways whose 95 % interval excludes zero, and whose gap is above zero.
    variance_sampling, variance_design, variance_template, variance_threshold, variance_interaction
        See `audit.variance`; NaN for one way, and without `outcomes`.
    curve_p, curve_p_adjusted
        Joint permutation test of the whole curve (`audit.joint.curve_p`), clusters kept together, and Holm's
        adjustment over the groups compared for one outcome and specification of groups. For one way of
        asking, p of that gap.
    note
        Why something is NaN.
    """
    seed = int(manifest["seed"])
    rows = [
        {**dict(zip(GAP, key, strict=True)), **_spread(own), **_joint(own, key, joint, seed=seed)}
        for key, own, joint in _curves(gaps, manifest, outcomes)
    ]
    dtypes = {
        name: "str" if name in (*GAP, "note") else "int64" if name in INTEGERS else "float64"
        for name in SPECIFICATION_COLUMNS
    }
    table = pd.DataFrame(rows, columns=list(SPECIFICATION_COLUMNS)).astype(dtypes)
    table["curve_p_adjusted"] = _adjusted(table)
    return table


def _curves(
    gaps: pd.DataFrame, manifest: Mapping[str, Any], outcomes: pd.DataFrame | None
) -> Iterator[tuple[tuple[str, ...], pd.DataFrame, JointCounts | None]]:
    """Every gap with its rows, and the joint counts of its family of groups where they help."""
    probes = {probe["name"]: probe for probe in manifest["probes"]}
    for family_key, family in gaps.groupby(["probe", "outcome", "by"], sort=False):
        probe, outcome, by = map(str, family_key)
        joint = None
        if outcomes is not None and len(family[list(KEYS)].drop_duplicates()) > 1:
            own = outcomes[(outcomes["probe"] == probe) & (outcomes["outcome"] == outcome)]
            if len(own):
                joint = joint_counts(own, asked_order(probes[probe]), by=by.split(JOINT))
                place = joint.specifications.assign(**{PLACE: np.arange(len(joint.specifications))})
                family = family.merge(place, on=list(KEYS), how="left", validate="many_to_one")
        for key, rows in family.groupby(["group", "reference"], sort=False):
            yield (probe, outcome, by, *map(str, key)), rows, joint


def _spread(rows: pd.DataFrame) -> dict[str, Any]:
    defined = rows[rows["difference"].notna()]
    d = defined["difference"].to_numpy()
    sizes = {"n_group": int(rows["n_group"].max()), "n_reference": int(rows["n_reference"].max())}
    if not len(d):
        return {**sizes, "specifications": 0, **dict.fromkeys(SPREAD, np.nan)}
    outside = (defined["difference_low"] > 0) | (defined["difference_high"] < 0)
    spread = (np.median(d), d.min(), d.max(), outside.mean(), (d > 0).mean())
    return {**sizes, "specifications": len(d), **dict(zip(SPREAD, map(float, spread), strict=True))}


def _joint(
    rows: pd.DataFrame, key: tuple[str, ...], joint: JointCounts | None, *, seed: int
) -> dict[str, Any]:
    """Variances and p of the curve, NaN with a note where they cannot be had."""
    nothing = {**{f"variance_{part}": np.nan for part in PARTS}, "curve_p": np.nan}
    defined = rows[rows["difference"].notna()]
    if not len(defined):
        return nothing | {"note": TOO_SMALL}
    if len(rows) == 1:
        return nothing | {"curve_p": float(rows["p"].iloc[0]), "note": ONE_WAY}
    if joint is None:
        return nothing | {"note": NO_OUTCOMES}
    group, reference = joint.sides(key[3], key[4])
    differences = np.full(len(joint.specifications), np.nan)
    asked = defined[defined[PLACE].notna()]
    differences[asked[PLACE].astype("int64")] = asked["difference"]
    parts = variance_parts(
        differences, difference_covariance(joint.bits, group, reference), joint.specifications
    )
    p = joint.curve_p(key[3], key[4], rng=_generator(seed, key))
    return {f"variance_{part}": value for part, value in parts.items()} | {"curve_p": p, "note": ""}


def _generator(seed: int, key: tuple[str, ...]) -> np.random.Generator:
    """Randomness of one gap: the same whatever other gaps the audit has."""
    return np.random.default_rng([seed, zlib.crc32("\0".join(key).encode())])


def _adjusted(table: pd.DataFrame) -> pd.Series:
    """Holm's adjustment within a family; two groups that are each other's rest are one test."""
    adjusted = pd.Series(np.nan, index=table.index)
    for _, family in table.groupby(["probe", "outcome", "by"], sort=False):
        mirrored = len(family) == 2 and family["group"].iloc[0] == family["reference"].iloc[1]
        p = family["curve_p"].to_numpy()
        # Permuted independently, the two rows would differ by the luck of the draw.
        adjusted[family.index] = np.full(2, p[0]) if mirrored else holm(p)
    return adjusted
