"""One group against another, or against the rest: difference, ratio, p, and what could have been seen.

S specifications, G groups.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from audit.statistics.intervals import katz, koopman, newcombe
from audit.statistics.multiplicity import holm
from audit.statistics.power import cautious_rate, smallest_detectable_gap
from audit.statistics.tests_of_proportions import two_sided_p
from audit.tables.cluster_counts import ClusterCounts
from audit.tables.group_counts import JOINT, GroupCounts
from audit.tables.reference_groups import BEST_NOTE, Sides, reference_sides
from probes.records import BEST, OVERALL

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]

CONFIDENCE = 0.95
ESTIMATES = (
    "rate_group", "rate_reference", "difference", "difference_low", "difference_high",
    "ratio", "ratio_low", "ratio_high", "p", "p_adjusted", "smallest_detectable", "design_effect",
)  # fmt: skip
CONTRAST_COLUMNS = (
    "group", "by", "reference", "n_group", "n_reference", "count_group", "count_reference", *ESTIMATES,
    "note",
)  # fmt: skip


def contrasts(
    groups: GroupCounts,
    *,
    attributes: Sequence[str],
    references: Mapping[str, str],
    least: int,
    clusters: ClusterCounts | None = None,
) -> pd.DataFrame:
    """The gaps of one specification of groups, a row a specification and group that is no reference.

    Parameters
    ----------
    attributes
        All group attributes: one column each.
    references
        From attribute to what its groups are compared with; see `references.reference_sides`.
    least
        Images that each side needs.
    clusters
        Counts by cluster; intervals and tests then take images of a cluster as dependent.

    Returns
    -------
    Columns `SPECIFICATION`, the attributes, `CONTRAST_COLUMNS`; NaN and the reason where a side is too small.
    """
    n, count = groups.n.sum(axis=2), groups.count.sum(axis=2)
    sides = reference_sides(groups, references, least=least)
    enough = (n >= least) & (sides.n >= least) & ~sides.is_reference
    effect = np.ones(n.shape) if clusters is None else clusters.difference_effects(groups, sides)
    counts = (count, np.where(enough, n, 0), sides.count, np.where(enough, sides.n, 0))
    confidence = _confidence(n, sides, least=least)
    estimates = contrast_estimates(*counts, design_effect=effect, confidence=confidence)
    if sides.kind == OVERALL:
        estimates = _against_the_whole(estimates, n, sides.n)
    estimates["p_adjusted"] = _adjusted(
        estimates["p"], groups, sides, n, count, least=least, clusters=clusters
    )
    whole = sides.kind == OVERALL  # the reference is all images, the group's own among them
    n_reference, count_reference = (n + sides.n, count + sides.count) if whole else (sides.n, sides.count)
    table = groups.frame(attributes).drop(columns=["n", "count"])
    table = table.assign(
        group=_words(groups.names * len(n)),
        by=_words([JOINT.join(groups.by)] * n.size),
        reference=_words(sides.names.ravel()),
        n_group=n.ravel(),
        n_reference=n_reference.ravel(),
        count_group=count.ravel(),
        count_reference=count_reference.ravel(),
        **{name: estimates[name].ravel() for name in ESTIMATES},
        note=_words(_notes(count, n, sides, least=least).ravel()),
    )
    return table[~sides.is_reference.ravel()].reset_index(drop=True)


def contrast_estimates(
    x1: Counts,
    n1: Counts,
    x2: Counts,
    n2: Counts,
    *,
    design_effect: Floats | float = 1.0,
    confidence: float = CONFIDENCE,
) -> dict[str, Floats]:
    """All of `ESTIMATES` but `p_adjusted`, of the arrays' shape; NaN where either n is 0.

    Intervals and p are of the counts over their design effect; one that is unknown (NaN) is taken as 1.
    """
    x1, x2 = np.minimum(x1, n1), np.minimum(x2, n2)
    with np.errstate(divide="ignore", invalid="ignore"):
        p1, p2 = x1 / n1, x2 / n2
        ratio = p1 / p2
    both = (n1 > 0) & (n2 > 0)
    any_event = x1 + x2 > 0
    divisor = np.broadcast_to(np.where(np.isnan(design_effect), 1.0, design_effect), both.shape)
    effective = [np.asarray(a / divisor) for a in (x1, n1, x2, n2)]
    low, high = newcombe(*effective, confidence=confidence)
    ratio_low, ratio_high = ratio_interval(*effective, confidence=confidence)
    detectable = smallest_detectable_gap(
        cautious_rate(effective[0] + effective[2], effective[1] + effective[3]), effective[1], effective[3]
    )
    return {
        "rate_group": np.where(both, p1, np.nan),
        "rate_reference": np.where(both, p2, np.nan),
        "difference": p1 - p2,
        "difference_low": low,
        "difference_high": high,
        # JSON has no infinity, and a ratio without any event is none.
        "ratio": np.where(np.isfinite(ratio), ratio, np.nan),
        "ratio_low": np.where(any_event, ratio_low, np.nan),
        "ratio_high": np.where(np.isfinite(ratio_high), ratio_high, np.nan),
        "p": two_sided_p(*_whole(effective, divisor)),
        "smallest_detectable": np.where(both, detectable, np.nan),
        "design_effect": np.where(both, np.broadcast_to(design_effect, both.shape), np.nan),
    }


def ratio_interval(
    x1: Floats, n1: Floats, x2: Floats, n2: Floats, *, confidence: float = CONFIDENCE
) -> tuple[Floats, Floats]:
    """Katz's interval of the ratio, Koopman's where a cell of the 2 x 2 table is 0."""
    low, high = katz(x1, n1, x2, n2, confidence=confidence)
    zero = _any_zero_cell(x1, n1, x2, n2)
    if zero.any():
        low[zero], high[zero] = koopman(x1[zero], n1[zero], x2[zero], n2[zero], confidence=confidence)
    return low, high


def _whole(effective: Sequence[Floats], divisor: Floats) -> list[Floats]:
    """Effective counts as whole images, rounded down: Fisher's test counts tables."""
    x1, n1, x2, n2 = effective
    fewer = divisor > 1
    sizes = [np.where(fewer, np.floor(n), n) for n in (n1, n2)]
    return [
        value
        for x, n, size in zip((x1, x2), (n1, n2), sizes, strict=True)
        for value in (
            np.where(fewer, np.rint(np.divide(x, n, out=np.zeros_like(x), where=n > 0) * size), x),
            size,
        )
    ]


def _confidence(n: Counts, sides: Sides, *, least: int) -> float:
    """Of each interval: simultaneous over all pairs where the data choose the reference."""
    groups = int(np.count_nonzero(n.max(axis=0, initial=0) >= least))
    pairs = groups * (groups - 1) // 2 if sides.kind == BEST else 1
    return 1 - (1 - CONFIDENCE) / max(pairs, 1)


def _against_the_whole(rest: dict[str, Floats], n: Counts, n_rest: Counts) -> dict[str, Floats]:
    """Contrasts with the rest as contrasts with all images, of which the group is the share w.

    p_group - p_all = (1 - w) (p_group - p_rest), and p_group / p_all = r / (w r + 1 - w) with r = p_group /
    p_rest, which grows with r: limits turn into limits.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        w = n / (n + n_rest)
        ratio = {name: rest[name] / (w * rest[name] + 1 - w) for name in ("ratio", "ratio_low", "ratio_high")}
        # Without an event in the rest the ratio to it has no upper limit, that to the whole has 1 / w.
        events = rest["rate_group"] > 0
        for name in ("ratio", "ratio_high"):
            ratio[name] = np.where(np.isnan(ratio[name]) & events, 1 / w, ratio[name])
    scaled = ("difference", "difference_low", "difference_high", "smallest_detectable")
    whole = w * rest["rate_group"] + (1 - w) * rest["rate_reference"]
    return rest | {name: (1 - w) * rest[name] for name in scaled} | ratio | {"rate_reference": whole}


def _adjusted(
    p: Floats, groups: GroupCounts, sides: Sides, n: Counts, count: Counts, *, least: int,
    clusters: ClusterCounts | None,
) -> Floats:  # fmt: skip
    """Holm's adjustment over the contrasts; over all pairs of groups where the data choose the reference."""
    if sides.kind == BEST:
        return _adjusted_over_pairs(groups, sides, n, count, least=least, clusters=clusters)
    # Two groups that are each other's rest make one contrast in two rows.
    each_other = bool((sides.index >= 0).any()) and sides.kind != "group"
    return p if each_other else holm(p)


def _adjusted_over_pairs(
    groups: GroupCounts, sides: Sides, n: Counts, count: Counts, *, least: int, clusters: ClusterCounts | None
) -> Floats:
    first, second = np.triu_indices(n.shape[1], k=1)
    enough = (n[:, first] >= least) & (n[:, second] >= least)
    effect = 1.0 if clusters is None else clusters.pair_effects(groups, first, second)
    pairs = (
        count[:, first],
        np.where(enough, n[:, first], 0),
        count[:, second],
        np.where(enough, n[:, second], 0),
    )
    adjusted = np.full((*n.shape, n.shape[1]), np.nan)
    adjusted[:, first, second] = holm(contrast_estimates(*pairs, design_effect=effect)["p"])
    adjusted[:, second, first] = adjusted[:, first, second]
    return np.take_along_axis(adjusted, np.maximum(sides.index, 0)[..., None], axis=2)[..., 0]


def _words(values: Sequence[str] | NDArray[np.object_]) -> pd.Series:
    return pd.Series(list(values), dtype="str")


def _any_zero_cell(x1: ArrayLike, n1: ArrayLike, x2: ArrayLike, n2: ArrayLike) -> NDArray[np.bool_]:
    return (np.equal(x1, 0) | np.equal(x2, 0) | np.equal(x1, n1) | np.equal(x2, n2)).astype(bool)


def _notes(x: Counts, n: Counts, sides: Sides, *, least: int) -> NDArray[np.object_]:
    x2, n2 = sides.count, sides.n
    notes = np.select(
        [n == 0, n < least, n2 < least, (x == 0) & (x2 == 0), x2 == 0, _any_zero_cell(x, n, x2, n2)],
        [
            "no images",
            f"fewer than {least} images",
            f"fewer than {least} images in the reference",
            "no event in either group: no ratio",
            "no event in the reference: the ratio has no upper limit",
            "ratio interval by Koopman's score: a cell is zero",
        ],
        default="",
    ).astype(object)
    if sides.kind == OVERALL:
        notes = np.where(
            (x2 == 0) & (x > 0) & (n >= least) & (n2 >= least), "no event outside the group", notes
        )
    chosen = (sides.kind == BEST) & (n >= least) & (n2 >= least)
    return np.where(chosen, np.where(notes == "", BEST_NOTE, notes + "; " + BEST_NOTE), notes)
