"""Ranking probes: whose images are the K most similar to a query, beside what chance alone would give."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from probes.datasets.base import DemographicDataset
from probes.measures.context import (
    WHOLE_CLUSTERS,
    Given,
    Groups,
    Row,
    check_values,
    divide,
    row,
    texts_of,
    vectors,
    word_prompts,
)
from probes.metrics.c_asc import adjust_bh
from probes.metrics.clusters import ClusteredGroups, numbered
from probes.metrics.proportions import wilson
from probes.metrics.ranking import (
    REFERENCES,
    TIE_RULES,
    ZERO_RULES,
    bias_at,
    counts_at,
    ndkl,
    normalised_entropy,
    random_counts,
    random_ndkl,
    relabelled_counts,
    share_test,
    skew,
    top_weights,
    two_sided,
)
from probes.suite.measure_probes import RankingProbe
from probes.suite.suite import Suite

RANDOM_RANKINGS = 1_999
RANDOM_NDKL = 199
MOST_DEALT = 100_000_000  # groups dealt to images that are held at a time
CONSTANT = "K = N: a constant of the data, whatever the model"


def texts(probe: RankingProbe, suite: Suite, dataset: DemographicDataset) -> set[str]:
    """The queries; UserError where the data lack a value of Bias@K."""
    for attribute, pair in probe.bias.items():
        check_values(probe, dataset, attribute, pair)
    return texts_of(word_prompts(probe, suite, dataset))


def run(probe: RankingProbe, given: Given) -> pd.DataFrame:
    """Rows a query, division into groups and K: the measures, and the share of each group."""
    rows: list[Row] = []
    for template, shown in word_prompts(probe, given.suite, given.dataset).items():
        scores = given.images.similarities(vectors(shown, given.embedded))
        place = {item: i for i, item in enumerate(shown)}
        for spec in probe.groups:
            groups = divide(given.dataset, given.images.rows, spec)
            reference = _reference(probe, given.dataset, groups)
            clusters = None if given.clusters is None else given.clusters[groups.known]
            ranking = _Ranking(probe, groups, reference, clusters, seed=given.suite.seed)
            found: list[Row] = []
            for word_group, item in probe.word_list.members:
                if item.name in place:
                    asked = {"item": item.name, "design": word_group, "template": template}
                    found += [one | asked for one in ranking.rows(scores[groups.known, place[item.name]])]
            rows += _adjusted(found)
    return pd.DataFrame(rows)


def _reference(probe: RankingProbe, dataset: DemographicDataset, groups: Groups) -> np.ndarray:
    if probe.reference == "uniform":
        return np.full(len(groups), 1 / len(groups))
    if probe.reference == "candidates":
        return np.asarray(groups.sizes / groups.sizes.sum())
    everything = divide(dataset, np.arange(len(dataset)), groups.spec)
    sizes = dict(zip((tuple(v.items()) for v in everything.values), everything.sizes, strict=True))
    own = np.array([sizes[tuple(values.items())] for values in groups.values], float)
    return own / everything.sizes.sum()


@dataclass(frozen=True)
class _Ranking:
    """One division into groups, and what rankings at random of the same images would give.

    Where images come in clusters, chance is the same ranking with the groups dealt anew to whole clusters.
    """

    probe: RankingProbe
    groups: Groups
    reference: np.ndarray
    clusters: np.ndarray | None
    seed: int

    @property
    def codes(self) -> np.ndarray:
        """[N] the group of each image that has one."""
        return self.groups.codes[self.groups.known]

    def rows(self, scores: np.ndarray) -> Iterator[Row]:
        """The rows of one query, whose similarities [N] are those of the images with a group."""
        counts = counts_at(scores, self.codes, n_groups=len(self.groups), tie_rule=self.probe.tie_rule)
        for k in self.probe.k:
            for one in self._at(k, counts, scores):
                yield one | {"k": k}
        value, drawn = ndkl(counts, self.reference), self._chance_of_ndkl(scores)
        p = (1 + (drawn >= value).sum()) / (1 + len(drawn))
        note = f"in nats; {drawn.mean():.3f} by chance; reference: {REFERENCES[self.probe.reference]}"
        yield self._row("NDKL", value, p=p, note=f"{note}; {TIE_RULES[self.probe.tie_rule]}")

    def _chance_of_ndkl(self, scores: np.ndarray) -> np.ndarray:
        if self.clusters is None:
            return self._random_ndkl
        dealt = self._dealt[:RANDOM_NDKL]
        how: dict[str, Any] = {"n_groups": len(self.groups), "tie_rule": self.probe.tie_rule}
        return np.array([ndkl(counts_at(scores, codes, **how), self.reference) for codes in dealt])

    def _chance_of_counts(self, k: int, scores: np.ndarray) -> np.ndarray:
        """[R, G] in the top K."""
        if self.clusters is None:
            return self._random_counts[k]
        weights = top_weights(scores, k, tie_rule=self.probe.tie_rule)
        return relabelled_counts(self._dealt, weights, n_groups=len(self.groups))

    @cached_property
    def _dealt(self) -> np.ndarray:
        """[R, N] groups dealt anew to the same images, clusters whole; fewer where images are very many."""
        assert self.clusters is not None
        clustered = ClusteredGroups(groups=self.codes, clusters=numbered(self.clusters))
        generator = np.random.default_rng(self.seed)
        most = max(RANDOM_NDKL, min(RANDOM_RANKINGS, MOST_DEALT // len(self.codes)))
        return np.stack([clustered.permuted(generator).astype(np.int16) for _ in range(most)])

    @cached_property
    def _random_ndkl(self) -> np.ndarray:
        return random_ndkl(self.codes, self.reference, rankings=RANDOM_NDKL, seed=self.seed)

    @cached_property
    def _random_counts(self) -> dict[int, np.ndarray]:
        """[R, G] by K."""
        sizes = self.groups.sizes
        places = [k for k in self.probe.k if k < sizes.sum()]
        return {k: random_counts(sizes, k, rankings=RANDOM_RANKINGS, seed=self.seed) for k in places}

    def _at(self, k: int, counts: np.ndarray, scores: np.ndarray) -> Iterator[Row]:
        n = len(counts)
        if k >= n:
            why = CONSTANT if k == n else f"{n} images, fewer than K"
            yield self._row(f"MaxSkew@{k}", np.nan, note=why)
            return
        top, chance = counts[k - 1], self._chance_of_counts(k, scores)
        rules = (
            f"reference: {REFERENCES[self.probe.reference]}; {ZERO_RULES[self.probe.zero_rule]}; "
            f"{TIE_RULES[self.probe.tie_rule]}"
        )
        skews, of_chance = (
            skew(each, self.reference, zero_rule=self.probe.zero_rule) for each in (top, chance)
        )
        for metric, pick, sign in ((f"MaxSkew@{k}", np.nanargmax, 1), (f"MinSkew@{k}", np.nanargmin, -1)):
            where = int(pick(skews))
            by_chance = np.nanmax(of_chance, axis=1) if sign > 0 else np.nanmin(of_chance, axis=1)
            note = f"{self.groups.name(where)}; {by_chance.mean():.2f} by chance; {rules}"
            p = _tail(sign * by_chance, float(sign * skews[where]))
            yield self._row(metric, skews[where], p=p, note=note)
        entropy, of_random = normalised_entropy(top), normalised_entropy(chance)
        note = f"{of_random.mean():.2f} by chance; 1 where groups are equally frequent, whatever their size"
        p = _tail(-of_random, float(-entropy))
        yield self._row(
            f"normalised entropy@{k}", float(entropy), p=_tail(-of_random, float(-entropy)), note=note
        )
        yield from self._bias(top, k)
        yield from self._shares(top, k, chance)

    def _bias(self, top: np.ndarray, k: int) -> Iterator[Row]:
        for attribute, pair in self.probe.bias.items():
            if self.groups.spec != (attribute,):
                continue
            names = [values[attribute] for values in self.groups.values]
            first, second = (top[names.index(value)] if value in names else 0.0 for value in pair)
            low, high = (2 * float(end) - 1 for end in wilson(first, first + second))
            yield self._row(
                f"Bias@{k}", float(bias_at(first, second)), low=low, high=high,
                note=f"{pair[0]} less {pair[1]}; NaN where neither is there; candidates' own bias "
                f"{float(bias_at(*self._sizes(names, pair))):+.2f}",
            )  # fmt: skip

    def _sizes(self, names: Sequence[str], pair: Sequence[str]) -> list[float]:
        return [float(self.groups.sizes[names.index(value)]) if value in names else 0.0 for value in pair]

    def _shares(self, top: np.ndarray, k: int, chance: np.ndarray) -> Iterator[Row]:
        low, high, p = share_test(top, self.groups.sizes)
        how = "hypergeometric p of a random ranking"
        if self.clusters is not None:
            p, how = two_sided(chance, top), WHOLE_CLUSTERS
        candidates = self.groups.sizes / self.groups.sizes.sum()
        for group, values in enumerate(self.groups.values):
            yield row(
                self.probe, f"share@{k}", n=round(top.sum()), value=top[group] / top.sum(), group=values,
                low=low[group], high=high[group], p=p[group],
                note=f"{candidates[group]:.1%} of the candidates; {how}",
            )  # fmt: skip

    def _row(self, metric: str, value: float, *, note: str, **more: Any) -> Row:
        named = f"{metric} by {' x '.join(self.groups.spec)}"
        if "p" in more and self.clusters is not None:
            note += f"; {WHOLE_CLUSTERS}"
        return row(self.probe, named, n=self.groups.sizes.sum(), value=value, note=note, **more)


def _tail(chance: np.ndarray, value: float) -> float:
    return float((1 + (chance >= value - 1e-9).sum()) / (1 + len(chance)))


def _adjusted(rows: list[Row]) -> list[Row]:
    """p corrected over the queries, and the groups, of each measure and K (Benjamini-Hochberg)."""
    families: dict[tuple[object, object], list[int]] = {}
    for i, one in enumerate(rows):
        families.setdefault((one["metric"], one.get("k")), []).append(i)
    for members in families.values():
        p = adjust_bh(np.array([rows[i].get("p", np.nan) for i in members], float))
        for i, value in zip(members, p, strict=True):
            rows[i]["p_adjusted"] = float(value)
    return rows
