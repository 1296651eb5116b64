"""Rankings: whose images are the K most similar to a query, next to what chance alone would give.

Chance is the same ranking with the groups permuted, clusters of images as blocks.

N candidates, G groups, B permutations.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from audit.statistics.clusters.clustered_permutation import permuted_labels
from audit.statistics.clusters.design_effects import rate_design_effect
from audit.statistics.multiplicity import benjamini_hochberg
from audit.statistics.proportion.proportions import adjusted_wilson
from audit.tables.measure_statistics.family import WHOLE_CLUSTERS, Family, estimate, joined
from audit.tables.measure_statistics.rates_and_means import Rows
from clipmodel.array_types import Floats, Integers
from probes.metrics.ranking import (
    REFERENCES,
    TIE_RULES,
    ZERO_RULES,
    TieRule,
    bias_at,
    counts_at,
    ndkl,
    normalised_entropy,
    skew,
    top_weights,
)
from probes.records import ALL, attribute_column, attribute_of

# NDKL looks at every prefix of a ranking in every permutation, so that it has fewer of them.
PERMUTATIONS: Final = 1_999
PERMUTATIONS_OF_NDKL: Final = 199
MOST_LABELS: Final = 100_000_000  # permuted labels held at a time
LARGEST_BATCH: Final = 200_000  # counts of rankings made at a time: what the processor's cache holds
MOST_KEPT: Final = 10_000_000  # permuted labels, or counts made of them, that are kept for other measures
CONSTANT: Final = "K = N: a constant of the data, whatever the model"
EXPECTED_SHARE: Final = "(expected share)"
ROUNDING: Final = 1e-9


@dataclass(frozen=True, kw_only=True)
class Candidates:
    """The images that are ranked, by groups.

    Attributes
    ----------
    by, names
        The attributes, and the G groups: their values by attribute.
    codes, cluster
        [N] the group and the cluster of each image that has a group.
    known
        [all images] which ones these are.
    reference
        [G] the share that each group is expected to have.
    clustered
        Whether some cluster holds several images.
    seed
        Of the permutations.
    """

    by: tuple[str, ...]
    names: tuple[Mapping[str, str], ...]
    codes: Integers
    cluster: Integers
    known: NDArray[np.bool_]
    reference: Floats
    clustered: bool
    seed: int
    _chances: dict[bytes, Floats] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def sizes(self) -> Integers:
        """[G] images of each group."""
        return np.bincount(self.codes, minlength=len(self.names))

    @cached_property
    def permuted(self) -> NDArray[np.int16]:
        """[B, N] permuted groups; fewer if images are very many."""
        most = max(PERMUTATIONS_OF_NDKL, min(PERMUTATIONS, MOST_LABELS // max(len(self), 1)))
        rng = np.random.default_rng(self.seed)
        return np.concatenate(list(permuted_labels(self.codes, self.cluster, rng=rng, draws=most)))

    def chance_of_counts(self, weights: Floats) -> Floats:
        """[B, G] how much of the K highest is of each group if groups are permuted."""
        if not self.clustered:
            return self._hypergeometric(round(float(weights.sum())))
        key = weights.tobytes()
        if key in self._chances:
            return self._chances[key]
        top = np.flatnonzero(weights)
        own, shares = self.permuted[:, top], weights[top]
        whole = bool((shares == 1).all())
        found: Floats = np.stack(
            [
                np.count_nonzero(own == group, axis=1) if whole else (own == group) @ shares
                for group in range(len(self.names))
            ],
            axis=1,
        ).astype(float)
        if (len(self._chances) + 1) * found.size <= MOST_KEPT:
            self._chances[key] = found
        return found

    def _hypergeometric(self, k: int) -> Floats:
        """Independent images: only how many of each group are among the K matters."""
        rng = np.random.default_rng([self.seed, k])
        return rng.multivariate_hypergeometric(self.sizes, k, size=PERMUTATIONS).astype(float)


def _candidates(family: Family) -> Candidates:
    """The candidates of a family; groups with images, in the order of their attributes."""
    row = family.rows.iloc[0]
    item = family.scalars.item(str(row["template"]), str(row["item"]), float(row["k"]))
    by = _grouping_of(family)
    known = item.known(by)
    labels = item.labels.loc[known, list(by)]
    names = [
        dict(zip(by, map(str, values), strict=True))
        for values in labels.drop_duplicates().sort_values(list(by)).itertuples(index=False, name=None)
    ]
    codes = np.full(len(known), -1)
    for code, group in enumerate(names):
        codes[item.inside(group)] = code
    codes = codes[known]
    found = Candidates(
        by=by, names=tuple(names), codes=codes, cluster=item.cluster[known], known=known,
        reference=_reference(family, names, np.bincount(codes, minlength=len(names))),
        clustered=family.scalars.clustered, seed=family.seed,
    )  # fmt: skip
    if len(found) * PERMUTATIONS > MOST_KEPT:
        return found
    # Other measures of the same images and groups permute the same labels.
    arrays = (found.codes, found.cluster, found.known, found.reference)
    words = tuple(tuple(name.items()) for name in names)
    shared: Candidates = family.scalars.shared.setdefault(
        (words, family.seed, *(array.tobytes() for array in arrays)), found
    )
    return shared


def _grouping_of(family: Family) -> tuple[str, ...]:
    """Named by the rows, or, in rows of all groups at once, behind "by" in the metric."""
    if family.by:
        return family.by
    names = str(family.rows["metric"].iloc[0]).split(" by ")[-1].split(" x ")
    return tuple(attribute_column(name) for name in names)


def _reference(family: Family, names: list[dict[str, str]], sizes: Integers) -> Floats:
    kind = family.settings["reference"]
    if kind == "uniform":
        return np.full(len(names), 1 / len(names))
    if kind == "candidates":
        return np.asarray(sizes / sizes.sum())
    shares = family.scalars.item("", EXPECTED_SHARE, float("nan"))
    others = [name for name in family.scalars.attributes if name not in names[0]]
    whole = (shares.labels[others] == ALL).all(axis=1).to_numpy()
    return np.array([float(shares.values[shares.inside(group) & whole][0]) for group in names])


def _each(family: Family, one: Callable[[Candidates, Floats, int], dict[str, Any]]) -> list[dict[str, Any]]:
    """One estimate a row, from the candidates, the scores of the row's query, and K; p corrected over all."""
    candidates = _candidates(family)
    found = []
    for item, k in zip(family.items(), family.rows["k"], strict=True):
        place = int(k) if not np.isnan(k) else 0
        if place >= len(candidates):
            why = CONSTANT if place == len(candidates) else f"{len(candidates)} images, fewer than K"
            found.append(estimate(n=len(candidates), clusters=_clusters(candidates), value=np.nan, note=why))
        else:
            found.append(one(candidates, item.values[candidates.known], place))
    return _adjusted(found)


def _adjusted(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """p corrected over the queries (and groups) of one measure and K."""
    adjusted = benjamini_hochberg(np.array([one["p"] for one in found], dtype=float))
    return [one | {"p_adjusted": float(p)} for one, p in zip(found, adjusted, strict=True)]


def _clusters(candidates: Candidates) -> int:
    return len(np.unique(candidates.cluster))


def _summary(candidates: Candidates, value: float, *, chance: Floats, sign: int, note: str) -> dict[str, Any]:
    """A measure of all groups, and the share of permutations that are as extreme."""
    reached = (sign * chance >= sign * value - ROUNDING).sum()
    return estimate(
        n=len(candidates), clusters=_clusters(candidates), value=value,
        p=(1 + reached) / (1 + len(chance)),
        note=joined(note, WHOLE_CLUSTERS if candidates.clustered else ""),
    )  # fmt: skip


def _skews(family: Family, *, sign: int) -> Rows:
    rule, tie = family.settings["zero_rule"], family.settings["tie_rule"]
    rules = joined(f"reference: {REFERENCES[family.settings['reference']]}", ZERO_RULES[rule], TIE_RULES[tie])

    def one(candidates: Candidates, scores: Floats, k: int) -> dict[str, Any]:
        weights = top_weights(scores, k, tie_rule=tie)
        top = np.bincount(candidates.codes, weights=weights, minlength=len(candidates.names))
        chance = candidates.chance_of_counts(weights)
        skews, of_chance = (skew(each, candidates.reference, zero_rule=rule) for each in (top, chance))
        place = int(np.nanargmax(sign * skews))
        extremes = sign * np.nanmax(sign * of_chance, axis=1)
        name = " x ".join(candidates.names[place].values())
        note = f"{name}; {extremes.mean():.2f} by chance; {rules}"
        return _summary(candidates, float(skews[place]), chance=extremes, sign=sign, note=note)

    yield from _each(family, one)


def largest_skews(family: Family) -> Rows:
    """MaxSkew@K."""
    yield from _skews(family, sign=1)


def smallest_skews(family: Family) -> Rows:
    """MinSkew@K."""
    yield from _skews(family, sign=-1)


def entropies(family: Family) -> Rows:
    """Normalised entropy of the groups' shares of the K highest."""

    def one(candidates: Candidates, scores: Floats, k: int) -> dict[str, Any]:
        weights = top_weights(scores, k, tie_rule=family.settings["tie_rule"])
        top = np.bincount(candidates.codes, weights=weights, minlength=len(candidates.names))
        chance = normalised_entropy(candidates.chance_of_counts(weights))
        note = f"{chance.mean():.2f} by chance; 1 if groups are equally frequent, whatever their size"
        return _summary(candidates, float(normalised_entropy(top)), chance=chance, sign=-1, note=note)

    yield from _each(family, one)


def divergences(family: Family) -> Rows:
    """NDKL of the whole ranking."""
    tie = family.settings["tie_rule"]

    def one(candidates: Candidates, scores: Floats, k: int) -> dict[str, Any]:
        permuted = candidates.permuted[:PERMUTATIONS_OF_NDKL]
        step = max(1, LARGEST_BATCH // max(len(candidates) * len(candidates.names), 1))
        every: list[NDArray[Any]] = [candidates.codes[None]]
        every += [permuted[place : place + step] for place in range(0, len(permuted), step)]
        found = np.concatenate([_ndkl(scores, codes, candidates, tie) for codes in every])
        value, chance = float(found[0]), found[1:]
        note = joined(
            f"in nats; {chance.mean():.3f} by chance",
            f"reference: {REFERENCES[family.settings['reference']]}", TIE_RULES[tie],
        )  # fmt: skip
        return _summary(candidates, value, chance=chance, sign=1, note=note)

    yield from _each(family, one)


def _ndkl(scores: Floats, codes: NDArray[Any], candidates: Candidates, tie: TieRule) -> Floats:
    """[b] NDKL of some groupings [b, N] of the candidates."""
    counts = counts_at(scores, codes, n_groups=len(candidates.names), tie_rule=tie)
    return ndkl(counts, candidates.reference)


def biases(family: Family) -> Rows:
    """Bias@K of two groups of one attribute."""
    ((attribute,),) = [_grouping_of(family)]
    pair = family.settings["bias"][attribute_of(attribute)]

    def one(candidates: Candidates, scores: Floats, k: int) -> dict[str, Any]:
        weights = top_weights(scores, k, tie_rule=family.settings["tie_rule"])
        own = [
            candidates.codes == next((i for i, n in enumerate(candidates.names) if n[attribute] == value), -1)
            for value in pair
        ]
        first, second = (float(weights[side].sum()) for side in own)
        low, high = _share_interval(own[0], weights * (own[0] | own[1]), candidates)
        sizes = [float(side.sum()) for side in own]
        note = (
            f"{pair[0]} less {pair[1]}; NaN if neither is there; candidates' own bias "
            f"{float(bias_at(*sizes)):+.2f}"
        )
        return estimate(
            n=len(candidates), clusters=_clusters(candidates), value=float(bias_at(first, second)),
            # Bias@K is (first - second) / (first + second), which is 2 x share - 1 of the first among both.
            low=2 * low - 1, high=2 * high - 1, note=note,
        )  # fmt: skip

    yield from _each(family, one)


def shares(family: Family) -> Rows:
    """Each group's share of the K highest, and p against a ranking that has nothing to do with groups."""
    candidates = _candidates(family)
    tie, found = family.settings["tie_rule"], []
    groups = [candidates.names.index(group) for group in family.groups()]
    for item, k, group in zip(family.items(), family.rows["k"], groups, strict=True):
        weights = top_weights(item.values[candidates.known], int(k), tie_rule=tie)
        own = candidates.codes == group
        low, high = _share_interval(own, weights, candidates)
        top = float(weights[own].sum())
        if candidates.clustered:
            p, how = _two_sided(candidates.chance_of_counts(weights)[:, group], top), WHOLE_CLUSTERS
        else:
            p = _hypergeometric_p(top, int(k), int(own.sum()), len(candidates))
            how = "hypergeometric p of a random ranking"
        note = f"{own.mean():.1%} of the candidates; {how}"
        n, clusters = round(weights.sum()), len(np.unique(candidates.cluster[weights > 0]))
        found.append(estimate(n=n, clusters=clusters, value=top / weights.sum(), low=low, high=high, p=p,
                              note=note))  # fmt: skip
    yield from _adjusted(found)


def _share_interval(own: NDArray[np.bool_], weights: Floats, candidates: Candidates) -> tuple[float, float]:
    """Interval of a group's share of the images that count, of counts over their design effect."""
    total, events = float(weights.sum()), float(weights[own].sum())
    effect = 1.0
    if candidates.clustered and total:
        code = np.unique(candidates.cluster, return_inverse=True)[1]
        n = np.bincount(code, weights=weights)
        count = np.bincount(code, weights=weights * own)
        effect = float(rate_design_effect(count[n > 0], n[n > 0]))
    low, high = adjusted_wilson(min(events, total) / effect, total / effect)
    return float(low), float(high)


def _two_sided(chance: Floats, value: float) -> float:
    """Twice the smaller tail, the observed ranking counted as one."""
    below, above = (chance <= value + ROUNDING).sum(), (chance >= value - ROUNDING).sum()
    return float(min(1.0, 2 * (1 + min(below, above)) / (1 + len(chance))))


def _hypergeometric_p(top: float, k: int, size: int, n: int) -> float:
    """Twice the smaller tail; a count that is a fraction is rounded towards what is expected."""
    from scipy.stats import hypergeom  # here: it takes a second to import, and most rankings are permuted

    expected = k * size / n
    whole = np.floor(top + ROUNDING) if top > expected else np.ceil(top - ROUNDING)
    chance = hypergeom(n, size, k)
    return float(min(1.0, 2 * min(chance.cdf(whole), chance.sf(whole - 1))))
