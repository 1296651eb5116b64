"""One group against another, or against the rest: difference, ratio and p, each with its interval.

S specifications, G groups.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from audit.statistics.clusters.cluster_robust import (
    Precision,
    independent_precision,
    shortened,
)
from audit.statistics.clusters.clustered_tests import difference_p
from audit.statistics.proportion.intervals import joined_difference, katz, koopman, wilson
from audit.statistics.proportion.tests_of_proportions import two_sided_p
from audit.tables.groups.cluster_counts import Contrast
from audit.tables.groups.group_counts import JOINT, GroupCounts
from audit.tables.groups.group_rows import GroupRows
from audit.tables.groups.reference_groups import BEST_NOTE, Sides, reference_sides
from clipmodel.array_types import Floats
from probes.records import BEST, OVERALL

Counts = NDArray[np.int64]
Numbers = Counts | Floats

CONFIDENCE = 0.95
ESTIMATES = (
    "rate_group", "rate_reference", "difference", "difference_low", "difference_high",
    "ratio", "ratio_low", "ratio_high", "p",
)  # fmt: skip
BEHIND = (
    "design_effect", "design_effect_group", "design_effect_reference", "df_group", "df_reference",
    "correlation",
)  # fmt: skip
"""What intervals and p rest on, so that they can be computed again from the table."""
FORESEEN = ("foreseen_group", "foreseen_reference")
"""Design effects of both sides in another audit like this one, for the detectable gap; in no file."""
SIZES = (
    "n_group", "n_reference", "clusters_group", "clusters_reference", "count_group", "count_reference",
)  # fmt: skip
KISH = ("kish_group", "kish_reference")
CONTRAST_COLUMNS = {
    **dict.fromkeys(("group", "by", "reference"), "str"),
    **dict.fromkeys(SIZES[:4], "int64"),
    **dict.fromkeys(KISH, "float64"),
    **dict.fromkeys(SIZES[4:], "int64"),
    **dict.fromkeys((*ESTIMATES, *BEHIND, *FORESEEN), "float64"),
    "note": "str",
}
"""Columns of a contrast, from name to type; they follow the specification and the attributes."""
WEIGHTED_SHARE = "weighted_share"
"""Column of the gaps of a weighted audit: the group's share of the weight of both sides (of all images, if
the reference is all images)."""


def contrasts(
    groups: GroupCounts,
    *,
    references: Mapping[str, str],
    least: int,
    precision: Callable[[GroupCounts, Sides], Contrast],
    rates: Floats | None = None,
) -> GroupRows:
    """The gaps of one grouping, a row per specification and group that is no reference.

    Parameters
    ----------
    references
        From attribute to what its groups are compared with; see `reference_groups.reference_sides`.
    least
        Images that each side needs.
    precision
        How much the rates of both sides tell, and their correlation.
    rates
        [S, G] weighted rates, if images stand for a population.

    Returns
    -------
    `CONTRAST_COLUMNS`, and `WEIGHTED_SHARE` if images stand for a population; NaN and the reason where a side
    is too small.
    """
    n, count = groups.n.sum(axis=2), groups.count.sum(axis=2)
    sides = reference_sides(groups, references, least=least, rates=rates)
    enough = (n >= least) & (sides.n >= least) & ~sides.is_reference
    contrast = precision(groups, sides)
    counts = (count, np.where(enough, n, 0), sides.count, np.where(enough, sides.n, 0))
    estimates = contrast_estimates(*counts, contrast, confidence=_confidence(n, sides, least=least))
    n_reference, count_reference = sides.n, sides.count
    clusters_reference = contrast.reference.clusters
    if sides.kind == OVERALL:
        estimates = against_the_whole(estimates, *_weights(n, sides.n, contrast))
        # The reference is all images, the group's own among them.
        n_reference, count_reference = n + sides.n, count + sides.count
        # How many clusters have images on both sides is not known here: the whole has at least those of one
        # side.
        clusters_reference = np.maximum(contrast.group.clusters, clusters_reference)
    columns = {
        "group": np.broadcast_to(np.array(groups.names, dtype=object), n.shape),
        "by": JOINT.join(groups.by),
        "reference": sides.names,
        "n_group": n,
        "n_reference": n_reference,
        "clusters_group": _whole(contrast.group.clusters),
        "clusters_reference": _whole(clusters_reference),
        "kish_group": _kish(contrast.group, n),
        "kish_reference": _kish(contrast.reference, sides.n),
        "count_group": count,
        "count_reference": count_reference,
        **{name: estimates[name] for name in (*ESTIMATES, *BEHIND, *FORESEEN)},
        "note": _notes(count, n, sides, contrast, least=least),
    }
    if contrast.weighted:
        own, other = _weights(n, sides.n, contrast)
        with np.errstate(invalid="ignore", divide="ignore"):
            columns[WEIGHTED_SHARE] = own / (own + other)
    return GroupRows(groups=groups, columns=columns, kept=~sides.is_reference)


def _weights(n: Counts, n_reference: Counts, contrast: Contrast) -> tuple[Numbers, Numbers]:
    """What both sides weigh: their images, or the sums of their weights."""
    own, other = contrast.group.weight, contrast.reference.weight
    return (own, other) if contrast.weighted and own is not None and other is not None else (n, n_reference)


def contrast_estimates(
    x1: Numbers,
    n1: Numbers,
    x2: Numbers,
    n2: Numbers,
    contrast: Contrast | None = None,
    *,
    confidence: float = CONFIDENCE,
) -> dict[str, Floats]:
    """All of `ESTIMATES`, `BEHIND` and `FORESEEN`, of the arrays' shape; NaN where either n is 0.

    `contrast` says how much the rates tell; images are independent where it is left out.
    """
    # A side that is too small comes with an n of 0 and its events.
    x1, x2 = np.minimum(x1, n1), np.minimum(x2, n2)
    if contrast is None:
        sides = independent_precision(n1), independent_precision(n2)
        contrast = Contrast(group=sides[0], reference=sides[1], correlation=np.zeros(np.shape(n1)))
    first, second, r = contrast.group, contrast.reference, contrast.correlation
    p1, p2 = _rates(x1, n1, x2, n2, contrast)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = p1 / p2
    both = (n1 > 0) & (n2 > 0)
    low, high = difference_interval(p1, first, p2, second, correlation=r, confidence=confidence)
    ratio_low, ratio_high = ratio_interval(p1, first, p2, second, correlation=r, confidence=confidence)
    any_event = x1 + x2 > 0
    return {
        "rate_group": np.where(both, p1, np.nan),
        "rate_reference": np.where(both, p2, np.nan),
        "difference": np.where(both, p1 - p2, np.nan),
        "difference_low": low,
        "difference_high": high,
        # JSON has no infinity, and a ratio without any event is none.
        "ratio": np.where(np.isfinite(ratio) & both, ratio, np.nan),
        "ratio_low": np.where(any_event, ratio_low, np.nan),
        "ratio_high": np.where(np.isfinite(ratio_high), ratio_high, np.nan),
        "p": contrast_p(x1, n1, x2, n2, contrast),
        **_behind(p1, n1, p2, n2, contrast),
    }


def contrast_p(x1: Numbers, n1: Numbers, x2: Numbers, n2: Numbers, contrast: Contrast) -> Floats:
    """Two-sided p of equal rates; NaN where a side has no image or too few clusters.

    Of independent images the score test's or Fisher's (`two_sided_p`), otherwise the level at which the
    interval of the difference touches zero (`difference_p`).
    """
    first, second = contrast.group, contrast.reference
    n1, n2 = (np.where(one.enough, n, 0) for one, n in ((first, n1), (second, n2)))
    p = two_sided_p(np.minimum(x1, n1), n1, np.minimum(x2, n2), n2)
    clustered = (np.isfinite(first.freedom) | np.isfinite(second.freedom)) & (n1 > 0) & (n2 > 0)
    if clustered.any():
        rates = [rate[clustered] for rate in _rates(x1, n1, x2, n2, contrast)]
        p[clustered] = difference_p(
            rates[0], _at(first, clustered), rates[1], _at(second, clustered),
            correlation=contrast.correlation[clustered],
        )  # fmt: skip
    return p


def _rates(x1: Numbers, n1: Numbers, x2: Numbers, n2: Numbers, contrast: Contrast) -> tuple[Floats, Floats]:
    """Both rates: events over images, or of weights where images stand for a population."""
    with np.errstate(divide="ignore", invalid="ignore"):
        plain = x1 / n1, x2 / n2
    own, other = contrast.group.rate, contrast.reference.rate
    if not contrast.weighted or own is None or other is None:
        return plain
    return np.where(n1 > 0, own, np.nan), np.where(n2 > 0, other, np.nan)


def difference_interval(
    p1: ArrayLike, first: Precision, p2: ArrayLike, second: Precision, *, correlation: ArrayLike = 0.0,
    confidence: float = CONFIDENCE,
) -> tuple[Floats, Floats]:  # fmt: skip
    """Interval of the difference of two rates, joined from Wilson's of both; NaN where a rate is."""
    limits = [
        wilson(*_effective_counts(p, one, confidence), confidence=confidence)
        for p, one in ((p1, first), (p2, second))
    ]
    return joined_difference(p1, limits[0], p2, limits[1], correlation=correlation)


def ratio_interval(
    p1: ArrayLike, first: Precision, p2: ArrayLike, second: Precision, *, correlation: ArrayLike = 0.0,
    confidence: float = CONFIDENCE,
) -> tuple[Floats, Floats]:  # fmt: skip
    """Katz's interval of the ratio of two rates, Koopman's where a cell of the 2 x 2 table is 0."""
    cells = [*_effective_counts(p1, first, confidence), *_effective_counts(p2, second, confidence)]
    low, high = katz(*cells, confidence=confidence, correlation=correlation)
    zero = _any_zero_cell(*cells)
    if zero.any():
        low[zero], high[zero] = koopman(*(cell[zero] for cell in cells), confidence=confidence)
    return low, high


def against_the_whole(rest: dict[str, Floats], n: Numbers, n_rest: Numbers) -> dict[str, Floats]:
    """Contrasts with the rest as contrasts with all images, of which the group is the share w (of weight).

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
    scaled = ("difference", "difference_low", "difference_high")
    whole = w * rest["rate_group"] + (1 - w) * rest["rate_reference"]
    return rest | {name: (1 - w) * rest[name] for name in scaled} | ratio | {"rate_reference": whole}


def _effective_counts(rate: ArrayLike, precision: Precision, confidence: float) -> tuple[Floats, Floats]:
    """Effective events and images of a rate; no image where it is NaN."""
    p = np.asarray(rate, dtype=float)
    size = shortened(precision.effective, precision.freedom, confidence=confidence)
    size = np.where(np.isnan(p), 0.0, size)
    # A rate of 1 times its images must not exceed them by a rounding.
    return np.minimum(np.nan_to_num(p) * size, size), size


def _behind(p1: Floats, n1: Numbers, p2: Floats, n2: Numbers, contrast: Contrast) -> dict[str, Floats]:
    first, second, r = contrast.group, contrast.reference, contrast.correlation
    both = (n1 > 0) & (n2 > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        own, other = (np.sqrt(p * (1 - p) / one.effective) for p, one in ((p1, first), (p2, second)))
        independent = p1 * (1 - p1) / n1 + p2 * (1 - p2) / n2
        joint = (own**2 + other**2 - 2 * r * own * other) / independent
        effects = n1 / first.effective, n2 / second.effective
        foreseen = [
            n / (one.effective if one.foreseen is None else one.foreseen)
            for n, one in ((n1, first), (n2, second))
        ]
        alone = (first.effective == n1) & (second.effective == n2) & (np.asarray(r) == 0)
    columns = {
        # Without variance on either side, that of the side which tells less.
        "design_effect": np.where(alone, 1.0, np.where(independent > 0, joint, np.fmax(*effects))),
        "design_effect_group": effects[0],
        "design_effect_reference": effects[1],
        "df_group": np.where(np.isfinite(first.freedom), first.freedom, np.nan),
        "df_reference": np.where(np.isfinite(second.freedom), second.freedom, np.nan),
        "correlation": np.asarray(r, dtype=float),
        **dict(zip(FORESEEN, foreseen, strict=True)),
    }
    return {name: np.where(both, values, np.nan) for name, values in columns.items()}


def _at(precision: Precision, rows: NDArray[np.bool_]) -> Precision:
    return Precision(
        effective=precision.effective[rows], freedom=precision.freedom[rows],
        clusters=precision.clusters[rows], enough=precision.enough[rows],
    )  # fmt: skip


def _confidence(n: Counts, sides: Sides, *, least: int) -> float:
    """Confidence of an interval: over all pairs together where the data choose the reference (Bonferroni)."""
    pairs = sides.pairs(n, least=least) if sides.kind == BEST else 1
    return 1 - (1 - CONFIDENCE) / max(pairs, 1)


def _whole(clusters: Floats) -> NDArray[np.int64]:
    return np.rint(clusters).astype(np.int64)


def _kish(precision: Precision, n: Counts) -> Floats:
    """Kish's effective number of images: n where none counts for more than another one."""
    return (
        np.asarray(n, dtype=float)
        if precision.kish is None
        else np.where(np.isnan(precision.kish), n, precision.kish)
    )


def _any_zero_cell(x1: ArrayLike, n1: ArrayLike, x2: ArrayLike, n2: ArrayLike) -> NDArray[np.bool_]:
    return (np.equal(x1, 0) | np.equal(x2, 0) | np.equal(x1, n1) | np.equal(x2, n2)).astype(bool)


def _notes(x: Counts, n: Counts, sides: Sides, contrast: Contrast, *, least: int) -> NDArray[np.object_]:
    x2, n2 = sides.count, sides.n
    few = [
        np.where(~one.enough, np.char.add(np.rint(one.clusters).astype(int).astype(str), " clusters"), "")
        for one in (contrast.group, contrast.reference)
    ]
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
    usable = (n >= least) & (n2 >= least)
    if sides.kind == OVERALL:
        notes = np.where((x2 == 0) & (x > 0) & usable, "no event outside the group", notes)
    for words, where in zip(few, ("", " in the reference"), strict=True):
        said = np.char.add(words, f"{where}: fewer than {contrast.least}, too few to test").astype(object)
        notes = np.where(usable & (words != ""), _after(notes, said), notes)
    chosen = (sides.kind == BEST) & usable
    return np.where(chosen, _after(notes, np.full(notes.shape, BEST_NOTE, dtype=object)), notes)


def _after(notes: NDArray[np.object_], more: NDArray[np.object_]) -> NDArray[np.object_]:
    return np.where(notes == "", more, notes + "; " + more)
