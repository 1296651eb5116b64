"""What changed in each gap between two audits of the same images: a difference of paired differences.

A gap can widen while every rate falls, and stay while every rate rises. Its change is the mean paired change
of the group less that of its reference. The two sides are different images, so the variances of their means
add up (images of one cluster on both sides apart); within a side each image is its own control.

N images, W specifications times outcomes, G groups, R gaps of one split, B permutations.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from audit.comparison.matched_images import Matched
from audit.statistics.clusters.clustered_means import mean_difference
from audit.statistics.clusters.clustered_permutation import permuted_labels
from audit.statistics.clusters.design_effects import change_design_effect
from audit.statistics.multiplicity import max_t
from audit.statistics.proportion.paired import newcombe_paired
from audit.tables.context import min_group
from audit.tables.groups.group_counts import JOINT, SPECIFICATION
from audit.tables.groups.reference_groups import THE_OVERALL
from clipmodel.array_types import Floats, Integers
from clipmodel.plurals import number_of

DRAWS = 999
FEW, LEAST = 10, 5
"""Clusters on a side below which the small-sample error decides, and below which nothing is said."""
TOO_FEW_CLUSTERS = f"fewer than {LEAST} clusters on a side: no interval and no p"
GAP_CHANGE_COLUMNS: Final = (
    *SPECIFICATION, "by", "group", "reference", "n_group", "n_reference", "clusters_group",
    "clusters_reference", "gap_first", "gap_second", "change",
    "low", "high", "p", "p_adjusted", "design_effect", "note",
)  # fmt: skip
_ESTIMATES: Final = ("gap_first", "gap_second", "change", "low", "high", "p", "p_adjusted", "design_effect")
_SCALED: Final = ("gap_first", "gap_second", "change", "low", "high")
_SIZES: Final = ("n_group", "n_reference", "clusters_group", "clusters_reference")


def gap_change_table(
    matched: Sequence[Matched], gaps: pd.DataFrame, manifest: Mapping[str, Any], *, tested: bool = True
) -> pd.DataFrame:
    """The change of every gap of the first audit.

    Parameters
    ----------
    matched
        One entry per probe.
    gaps, manifest
        Of the first audit: which groups are compared with which, the seed, the smallest group.
    tested
        Whether to permute, which takes most of the time; without, p and p_adjusted are NaN.

    Returns
    -------
    Columns `GAP_CHANGE_COLUMNS`. `gap_first` and `gap_second` are of the images in both audits, `change` is
    the second less the first. Its 95 % interval joins the paired intervals of both sides (Newcombe) as
    Newcombe joins those of two rates (MOVER: Zou & Donner 2008), of counts over the design effect. `p`
    permutes the group labels of whole images, studentised; `p_adjusted` is that of Westfall and Young over
    all groups and specifications of one outcome and split, from the same permutations. The null hypothesis is
    that the change of an image has nothing to do with its group. Where the reference is the best group, it is
    that of the first audit. If a side has fewer than ten clusters of several images, interval and p are
    Student's with a small-sample error, and with fewer than five there are none. NaN, with the reason in
    `note`, where a side is smaller than the probe's `min_group`.
    """
    probes = {probe["name"]: probe for probe in manifest["probes"]}
    tables = []
    for one in matched:
        probe = probes[one.columns["probe"].iloc[0]]
        for by in probe["groups"]:
            wanted = _wanted(one.columns, gaps[gaps["by"] == JOINT.join(by)])
            if len(wanted):
                least = min_group(probe, manifest)
                seed = int(manifest["seed"]) if tested else None
                tables.append(_of_split(one, by, wanted, least=least, seed=seed))
    table = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=list(GAP_CHANGE_COLUMNS))
    numbers = {"threshold", *_ESTIMATES}
    return table[list(GAP_CHANGE_COLUMNS)].astype(
        {name: "float64" if name in numbers else "int64" if name in _SIZES else "str" for name in table}
        if len(table)
        else {name: "float64" if name in numbers else "str" for name in GAP_CHANGE_COLUMNS}
    )


def _wanted(columns: pd.DataFrame, gaps: pd.DataFrame) -> pd.DataFrame:
    """The gaps in the specifications that both audits have, with their position in `columns`."""
    keys = list(SPECIFICATION)
    pairs = gaps[[*keys, "group", "reference"]].drop_duplicates()
    placed = columns.assign(column=np.arange(len(columns)))
    return placed.merge(pairs, on=keys).sort_values("column", kind="stable", ignore_index=True)


@dataclass(frozen=True, kw_only=True)
class _Sums:
    """Images, sums of changes and of their squares: each [..., G, W].

    If images have weights, all are sums of weights, and `squares` are the same three sums of squared weights.
    """

    n: Floats
    change: Floats
    square: Floats
    squares: tuple[Floats, Floats, Floats] | None = None

    def reference(self, group: Integers, reference: Integers, column: Integers) -> tuple[Floats, ...]:
        """Each [..., R]: of the reference of a gap; of all other groups where that is -1."""
        named = reference >= 0
        return tuple(
            np.where(
                named,
                values[..., reference, column],
                values.sum(axis=-2)[..., column] - values[..., group, column],
            )
            for values in (self.n, self.change, self.square, *(self.squares or ()))
        )

    def t(self, group: Integers, reference: Integers, column: Integers) -> Floats:
        """[..., R] studentised changes; 0 where no image changes.

        A side has its own variance, and at least that over all: a small group in which nothing changes would
        otherwise seem to be measured without error.
        """
        sums = (self.n, self.change, self.square, *(self.squares or ()))
        own = tuple(values[..., group, column] for values in sums)
        total = tuple(values.sum(axis=-2) for values in (self.n, self.change, self.square))
        with np.errstate(invalid="ignore", divide="ignore"):
            pooled = (total[2] / total[0] - (total[1] / total[0]) ** 2)[..., column]
            sides = [own, self.reference(group, reference, column)]
            means = [side[1] / side[0] for side in sides]
            errors = [_error(side, pooled) for side in sides]
            t = (means[0] - means[1]) / np.sqrt(errors[0] + errors[1])
        return np.where(pooled > 0, t, 0.0)


def _error(side: tuple[Floats, ...], pooled: Floats) -> Floats:
    """Variance of a side's mean: at least that of as many images (by Kish, if weighted) of all."""
    n, x, q = side[:3]
    if len(side) == 3:
        return np.asarray(np.maximum(q / n - (x / n) ** 2, pooled) / n)
    n2, x2, q2 = side[3:]
    mean = x / n
    return np.asarray(np.maximum(q2 - 2 * mean * x2 + mean**2 * n2, pooled * n2) / n**2)


def _of_split(
    matched: Matched, by: Sequence[str], wanted: pd.DataFrame, *, least: int, seed: int | None
) -> pd.DataFrame:
    code, names = matched.groups(by)
    known = np.flatnonzero(code >= 0)
    places = pd.Index(names, dtype="str")
    group, reference = (places.get_indexer(pd.Index(wanted[side])) for side in ("group", "reference"))
    column = wanted["column"].to_numpy()
    # A group that no image of both audits has is a further, empty one.
    group = np.where(group < 0, len(names), group)
    counted = matched.counted[known]
    weight = None if matched.weight is None else matched.weight[known]
    sums = _sums(code[known], matched.change[known], counted, groups=len(names) + 1, weight=weight)
    images = sums if weight is None else _sums(code[known], matched.change[known], counted, len(names) + 1)
    n_group, n_reference = images.n[group, column], images.reference(group, reference, column)[0]
    enough = (n_group >= least) & (n_reference >= least)
    estimates = _estimates(matched, code, group, reference, column)
    p, adjusted = np.full(len(wanted), np.nan), np.full(len(wanted), np.nan)
    if seed is not None and enough.any():
        rng = np.random.default_rng([seed, zlib.crc32("\0".join([*by, wanted["probe"].iloc[0]]).encode())])
        observed = np.where(enough, sums.t(group, reference, column), np.nan)
        permuted = _permuted_t(matched, known, code[known], (group, reference, column), rng=rng)
        p = _p(observed, permuted)
        for outcome in wanted["outcome"].unique():
            family = (wanted["outcome"] == outcome).to_numpy()
            adjusted[family] = max_t(observed[family], permuted[:, family])
    few = _few_clusters(matched, code, group, reference, column, estimates, p, adjusted)
    overall = (wanted["reference"] == THE_OVERALL).to_numpy()
    with np.errstate(invalid="ignore"):
        # The group is a part of all images: its distance from them is that from the rest times their share.
        own, other = sums.n[group, column], sums.reference(group, reference, column)[0]
        scale = np.where(overall, other / (own + other), 1.0)
    estimates |= {name: scale * estimates[name] for name in _SCALED}
    least_images = number_of(least, "image")
    note = np.select(
        [n_group < least, n_reference < least, few],
        [f"fewer than {least_images}", f"fewer than {least_images} in the reference", TOO_FEW_CLUSTERS],
        default="",
    )  # fmt: skip
    columns = {**estimates, "p": p, "p_adjusted": adjusted}
    clusters = _cluster_numbers(matched, code, group, reference, groups=len(names) + 1)
    return wanted.drop(columns="column").assign(
        by=JOINT.join(by),
        n_group=n_group.astype(np.int64),
        n_reference=np.where(overall, n_group + n_reference, n_reference).astype(np.int64),
        clusters_group=clusters[0],
        clusters_reference=clusters[1],
        **{name: np.where(enough, columns[name], np.nan) for name in _ESTIMATES},
        note=note,
    )


def _cluster_numbers(
    matched: Matched, code: Integers, group: Integers, reference: Integers, *, groups: int
) -> tuple[Integers, Integers]:
    """[R] clusters of each group, and of its reference: of all other groups where it is no single one."""
    cluster, names = pd.factorize(matched.labels["cluster"])
    inside = code >= 0
    present = np.zeros((len(names), groups), dtype=bool)
    present[cluster[inside], code[inside]] = True
    own = present.sum(axis=0)
    rest = (present.sum(axis=1, keepdims=True) > present).sum(axis=0)
    return own[group], np.where(reference >= 0, own[np.maximum(reference, 0)], rest[group])


def _few_clusters(
    matched: Matched, code: Integers, group: Integers, reference: Integers, column: Integers,
    estimates: dict[str, Floats],
    p: Floats, adjusted: Floats,
) -> NDArray[np.bool_]:  # fmt: skip
    """Replace, in place, what rests on few clusters; returns [R] whether there are too few to say anything.

    With fewer than `FEW` clusters on a side, permutations that are studentised by image reject too often. The
    interval and p are then Student's, with the cluster-robust error and its small-sample degrees of freedom,
    and the adjusted p is Bonferroni's. With fewer than `LEAST` there is neither.
    """
    too_few = np.zeros(len(group), dtype=bool)
    clusters = pd.factorize(matched.labels["cluster"])[0]
    if matched.labels["cluster"].is_unique:
        return too_few
    for row in range(len(group)):
        counted = matched.counted[:, column[row]] & (code >= 0)
        own = counted & (code == group[row])
        other = counted & ((code == reference[row]) if reference[row] >= 0 else ~own)
        sides = [len(np.unique(clusters[side])) for side in (own, other)]
        if min(sides) >= FEW or not min(sides) or np.isnan(p[row]):
            continue
        too_few[row] = min(sides) < LEAST
        used = own | other
        weights = None if matched.weight is None else matched.weight[used]
        change = matched.change[used, column[row]][:, None]
        found = mean_difference(change, own[used], clusters[used], weights=weights)
        low, high = found.interval()
        with np.errstate(invalid="ignore", divide="ignore"):
            t = float(found.difference[0] / found.error[0])
        # A t over no spread at all is no evidence.
        p[row] = 2 * special.stdtr(found.freedom[0], -abs(t)) if np.isfinite(t) else 1.0
        # Student's interval may be the shorter one, if a few clusters happen to change alike.
        wider = (min(low[0], estimates["low"][row]), max(high[0], estimates["high"][row]))
        estimates["low"][row], estimates["high"][row] = np.clip(wider, -2, 2)
        # Bonferroni, since this p is from no permutation that max-T could take.
        adjusted[row] = min(1.0, p[row] * len(group))
        if too_few[row]:
            p[row] = adjusted[row] = estimates["low"][row] = estimates["high"][row] = np.nan
    return too_few


def _sums(
    code: Integers, change: Floats, counted: NDArray[np.bool_], groups: int, weight: Floats | None = None
) -> _Sums:
    inside = (code == np.arange(groups)[:, None]).astype(float)
    if weight is None:
        return _Sums(n=inside @ counted, change=inside @ change, square=inside @ change**2)
    once, twice = (
        (own @ counted, own @ change, own @ change**2) for own in (inside * weight, inside * weight**2)
    )
    return _Sums(n=once[0], change=once[1], square=once[2], squares=twice)


def _estimates(
    matched: Matched, code: Integers, group: Integers, reference: Integers, column: Integers
) -> dict[str, Floats]:
    """Gaps, their change and its interval, gap by gap of one split."""
    found = np.full((len(group), 6), np.nan)
    alone = matched.labels["cluster"].is_unique
    clusters = pd.factorize(matched.labels["cluster"])[0]
    pairs = np.column_stack([group, reference])
    for pair in np.unique(pairs, axis=0):
        rows = np.flatnonzero((pairs == pair).all(axis=1))
        columns = column[rows]
        side = np.where(code == pair[0], 1, 0)
        side -= ((code == pair[1]) if pair[1] >= 0 else (code >= 0) & (side == 0)).astype(side.dtype)
        first, second, counted = (a[:, columns] for a in (matched.first, matched.second, matched.counted))
        effect = np.ones(len(rows))
        if not alone or matched.weight is not None:
            change = second.astype(float) - first
            effect = change_design_effect(change, counted, side, clusters, weights=matched.weight)
        estimates = _gap_change(first, second, counted, side, effect, weight=matched.told)
        found[rows] = np.column_stack([*estimates, effect])
    return dict(zip((*_SCALED, "design_effect"), found.T, strict=True))


def _gap_change(
    first: NDArray[np.bool_], second: NDArray[np.bool_], counted: NDArray[np.bool_], side: Integers,
    effect: Floats, *, weight: Floats,
) -> list[Floats]:  # fmt: skip
    """Gap in the first and in the second, change, low and high, each [W]; NaN where a side is empty."""
    rates, changes = [], []
    for sign in (1, -1):
        own = counted[side == sign]
        one, other = first[side == sign] & own, second[side == sign] & own
        cells = (one & other, one & ~other, other & ~one, own & ~one & ~other)
        n, told = own.sum(axis=0), weight[side == sign]
        with np.errstate(invalid="ignore"):
            # Weighted shares of the images there are; the cells themselves, if all count the same.
            scale = n / (told @ own)
        both, fell, rose, neither = (np.nan_to_num((told @ cell) * scale) for cell in cells)
        low, high = newcombe_paired(*(cell / effect for cell in (both, fell, rose, neither)))
        with np.errstate(invalid="ignore", divide="ignore"):
            rates.append(((both + fell) / n, (both + rose) / n))
            changes.append(((rose - fell) / n, -high, -low))
    (d1, low1, high1), (d2, low2, high2) = changes
    gaps = [rates[0][place] - rates[1][place] for place in (0, 1)]
    low = d1 - d2 - np.sqrt((d1 - low1) ** 2 + (high2 - d2) ** 2)
    high = d1 - d2 + np.sqrt((high1 - d1) ** 2 + (d2 - low2) ** 2)
    return [*gaps, d1 - d2, low, high]


def _permuted_t(
    matched: Matched,
    known: Integers,
    code: Integers,
    gaps: tuple[Integers, Integers, Integers],
    *,
    rng: np.random.Generator,
) -> Floats:
    """[B, R] studentised changes, the labels of images permuted together for all gaps and specifications."""
    clusters = pd.factorize(matched.labels["cluster"].to_numpy()[known])[0]
    change, counted = matched.change[known], matched.counted[known]
    groups = int(max(gaps[0].max(), code.max())) + 1
    # Most images change nowhere: they count among n only, and few columns of `counted` are distinct.
    changed = np.flatnonzero(change.any(axis=1))
    distinct, place = np.unique(counted, axis=1, return_inverse=True)
    weight = None if matched.weight is None else matched.weight[known]
    if weight is not None:
        return _permuted_weighted(
            change, counted, code, clusters, gaps, weight=weight, groups=groups, rng=rng
        )
    values = np.hstack([change[changed], change[changed] ** 2]).astype(np.float32)
    parts = []
    for labels in permuted_labels(code, clusters, rng=rng, draws=DRAWS):
        n = np.stack([(labels == group) @ distinct.astype(np.float32) for group in range(groups)], axis=1)
        sums = np.stack(
            [(labels[:, changed] == group).astype(np.float32) @ values for group in range(groups)], axis=1
        ).astype(float)
        change_sums, squares = np.split(sums, 2, axis=2)
        permuted = _Sums(n=n[..., place.ravel()].astype(float), change=change_sums, square=squares)
        parts.append(permuted.t(*gaps))
    return np.concatenate(parts)


def _permuted_weighted(
    change: Floats, counted: NDArray[np.bool_], code: Integers, clusters: Integers,
    gaps: tuple[Integers, Integers, Integers], *, weight: Floats, groups: int, rng: np.random.Generator,
) -> Floats:  # fmt: skip
    """Studentised changes [B, R] of weighted images: labels are permuted, every image keeps its weight."""
    parts = [counted, change, change**2]
    once: Floats = np.hstack([each.astype(float) * weight[:, None] for each in parts])
    values = np.hstack([once, once * np.tile(weight[:, None], 3 * change.shape[1])])
    found = []
    for labels in permuted_labels(code, clusters, rng=rng, draws=DRAWS):
        sums = np.stack([(labels == group).astype(float) @ values for group in range(groups)], axis=1)
        n, x, q, *squares = np.split(sums, 6, axis=2)
        found.append(_Sums(n=n, change=x, square=q, squares=(squares[0], squares[1], squares[2])).t(*gaps))
    return np.concatenate(found)


def _p(observed: Floats, permuted: Floats) -> Floats:
    """Two-sided p of each gap alone, the observed data counted as one of the permutations."""
    # Rounding must not part ties.
    reached = np.abs(np.nan_to_num(permuted)) >= np.abs(observed) - 1e-9
    return np.where(np.isnan(observed), np.nan, (1 + reached.sum(axis=0)) / (1 + len(permuted)))
