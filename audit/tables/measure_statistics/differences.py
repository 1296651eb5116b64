"""Association: standardised differences of similarities, and of how often classes are assigned."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from audit.statistics.clusters.clustered_means import Studentiser, mean_difference
from audit.statistics.clusters.clustered_permutation import Exchangeable
from audit.statistics.standardised_differences import (
    LabelingTest,
    labeling_test,
    standardised_interval,
)
from audit.tables.measure_statistics import rates_and_means
from audit.tables.measure_statistics.family import (
    FIRST,
    SECOND,
    WHOLE_CLUSTERS,
    Family,
    estimate,
    joined,
    too_few,
)
from audit.tables.measure_statistics.rates_and_means import Rows, difference_interval, side_means
from clipmodel.array_types import Floats, Integers
from probes.metrics.c_asc import contrastive_scores

CORRECTIONS: Final = {"max_t": "max-T", "bh": "Benjamini-Hochberg"}
FEW_CLUSTERS: Final = "one cluster on a side: no interval and no p"


def from_the_rest(family: Family) -> Rows:
    """C-ASC: each group's mean similarity less that of all other images, over the standard deviation."""
    values, items, first = family.matrix()
    known = first.known(family.by)
    groups = list(dict.fromkeys(map(_key, family.groups())))
    codes = np.full(len(values), -1)
    for code, group in enumerate(groups):
        codes[first.inside(dict(group))] = code
    # Images of a group without a row are outside every group that has one.
    codes[known & (codes < 0)] = len(groups)
    values, codes, cluster = values[known], codes[known], first.cluster[known]
    weights = first.survey_of(known)
    scores = contrastive_scores(values, codes, n_groups=int(codes.max(initial=0)) + 1, weights=weights)
    test = _test(family, values, codes, np.arange(len(groups)), cluster, weights=weights)
    limits = [
        standardised_interval(values, codes == code, cluster, weights=weights) for code in range(len(groups))
    ]
    note = _note(
        family, test, f"of {len(items)} words x {len(groups)} groups", tests=len(items) * len(groups)
    )
    for item, group in zip(family.rows["item"], map(_key, family.groups()), strict=True):
        word, code = items.index(item), groups.index(group)
        own = codes == code
        n, clusters = int(own.sum()), len(np.unique(cluster[own]))
        if n < family.least:
            yield too_few(n=n, clusters=clusters, least=family.least)
            continue
        yield estimate(
            n=n, clusters=clusters, value=scores[word, code], low=limits[code][0][word],
            high=limits[code][1][word], p=test.p[code, word], p_adjusted=test.p_adjusted[code, word],
            note=joined(note, FEW_CLUSTERS if np.isnan(test.p[code, word]) else ""),
        )  # fmt: skip


def of_sides(family: Family) -> Rows:
    """SC-WEAT: the first side's mean similarity less the second's, over the standard deviation."""
    yield from _of_sides(family, one_sided=False)


def of_sides_one_sided(family: Family) -> Rows:
    """WEAT: the same of association differences, with the one-sided p of Caliskan et al. 2017."""
    yield from _of_sides(family, one_sided=True)


def _of_sides(family: Family, *, one_sided: bool) -> Rows:
    values, items, first = family.matrix()
    used = (first.side == FIRST) | (first.side == SECOND)
    values, cluster, weights = values[used], first.cluster[used], first.survey_of(used)
    codes = np.where(first.side[used] == FIRST, 0, 1)
    n, clusters = len(codes), len(np.unique(cluster))
    if min(np.bincount(codes, minlength=2)) < family.least:
        few = too_few(n=n, clusters=clusters, least=family.least)
        yield from (few for _ in range(len(family.rows)))
        return
    scores = contrastive_scores(values, codes, n_groups=2, weights=weights)[:, 0]
    low, high = standardised_interval(values, codes == 0, cluster, weights=weights)
    test = _test(family, values, codes, np.array([0]), cluster, one_sided=one_sided, weights=weights)
    if one_sided:
        how = "all splits" if test.exact else "random splits"
        note = joined(f"one-sided p over {test.labelings:,} {how}, studentised", _whole(family))
    else:
        note = joined("two-sided", _note(family, test, f"of {len(items)} words", tests=len(items)))
    for item in family.rows["item"]:
        word = items.index(item)
        yield estimate(
            n=n, clusters=clusters, value=scores[word], low=low[word], high=high[word],
            p=test.p[0, word], p_adjusted=(test.p if one_sided else test.p_adjusted)[0, word],
            note=joined(note, FEW_CLUSTERS if np.isnan(test.p[0, word]) else ""),
        )  # fmt: skip


def mean_absolute_differences(family: Family) -> Rows:
    """Association bias: the mean over classes of the absolute difference of two sides.

    Its p compares the mean of the absolute t with that of permuted labels: every class in units of its own
    error.
    """
    values, items, codes, cluster, weights = _classes(family, every_item=True)
    n, clusters = len(codes), len(np.unique(cluster))
    # Of one image a side has no variance.
    least = max(family.least, 2)
    if min(np.bincount(codes, minlength=2)) < least:
        yield too_few(n=n, clusters=clusters, least=least)
        return
    found = mean_difference(values, codes == 0, cluster, weights=weights)
    # The mean of the absolute value of a normal error: what the bias is if there is no difference at all.
    by_chance = float(np.nan_to_num(found.error).mean() * np.sqrt(2 / np.pi))
    test = _bias_test(family, values, codes, cluster, weights)
    note = f"mean over {len(items)} classes; {100 * by_chance:.1f} points by chance"
    yield estimate(
        n=n, clusters=clusters, value=np.abs(found.difference).mean(), p=test, p_adjusted=test,
        note=joined(note, _whole(family)),
    )  # fmt: skip


def differences_of_sides(family: Family) -> Rows:
    """The difference of two sides' means; with p, corrected over the items, if the probe permutes labels."""
    if "permutations" not in family.settings:
        yield from rates_and_means.differences_of_sides(family)
        return
    values, items, codes, cluster, weights = _classes(family)
    n, clusters = len(codes), len(np.unique(cluster))
    least = max(family.least, 2)
    if min(np.bincount(codes, minlength=2)) < least:
        yield from (too_few(n=n, clusters=clusters, least=least) for _ in range(len(family.rows)))
        return
    # The floor is for counts: see `Studentiser`.
    shares = bool(np.isin(values, (0.0, 1.0)).all())
    test = _test(family, values, codes, np.array([0]), cluster, floor=shares, weights=weights)
    sides = (codes == 0, codes == 1)
    for item in family.rows["item"]:
        place = items.index(item)
        own = values[:, place]
        low, high = difference_interval(
            own, sides, cluster, clustered=family.scalars.clustered, weights=weights
        )
        yield estimate(
            n=n, clusters=clusters, value=float(np.subtract(*side_means(own, sides, weights))), low=low,
            high=high, p=test.p[0, place], p_adjusted=test.p_adjusted[0, place], note=_whole(family),
        )  # fmt: skip


def _classes(
    family: Family, *, every_item: bool = False
) -> tuple[Floats, list[str], Integers, Integers, Floats | None]:
    """Values of the classes, the classes, codes of the sides and of the clusters, and the weights if there
    are any, of both sides' images."""
    values, items, first = family.matrix(every_item=every_item)
    used = (first.side == FIRST) | (first.side == SECOND)
    codes = np.where(first.side[used] == FIRST, 0, 1)
    return values[used], items, codes, first.cluster[used], first.survey_of(used)


def _bias_test(
    family: Family, values: Floats, codes: Integers, cluster: Integers, weights: Floats | None
) -> float:
    places = Exchangeable.of(codes, cluster)
    shares = bool(np.isin(values, (0.0, 1.0)).all())
    studentiser = Studentiser(values, cluster, floor=shares, weights=weights)
    whole = not places.blocks

    def size(labels: Any) -> Floats:
        t = np.abs(np.nan_to_num(studentiser.t(labels, 0, whole=whole)[:, 0]))
        return np.asarray(t.mean(axis=1))

    observed = float(size(places.labels[None])[0])
    rng = np.random.default_rng(family.seed)
    draws = int(family.settings["permutations"])
    reached = sum(
        int((size(chunk) >= observed * (1 - 1e-6)).sum()) for chunk in places.permuted(rng=rng, draws=draws)
    )
    return (1 + reached) / (1 + draws)


def _test(
    family: Family, values: Floats, codes: Integers, groups: Integers, cluster: Integers, **more: Any
) -> LabelingTest:
    settings = family.settings
    return labeling_test(
        values, codes, groups, cluster, permutations=int(settings["permutations"]),
        correction=settings["correction"], seed=family.seed, **more,
    )  # fmt: skip


def _note(family: Family, test: LabelingTest, of_what: str, *, tests: int) -> str:
    correction = CORRECTIONS[family.settings["correction"]]
    how = f"all {test.labelings:,} labelings" if test.exact else f"{test.labelings - 1:,} permutations"
    return joined(f"{correction} over {tests:,} tests {of_what}; {how}", _whole(family))


def _whole(family: Family) -> str:
    return WHOLE_CLUSTERS if family.scalars.clustered else ""


def _key(group: dict[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(group.items())
