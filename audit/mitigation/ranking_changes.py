"""What a mitigation does to rankings: skew, divergence, similarity, before and after on the same images.

A method that changes embeddings gives other scores; a re-ranking rearranges the scores there are. Either way
a query has one order of the images before and one after. Equal scores stand in the order of the data.

Intervals are of other images of the same kind: whole clusters are drawn with replacement, a re-ranking is
made anew for each draw, with the shares of that draw, and the standard deviation over draws is the error of
Student's interval. It is of the change, so that what MaxSkew shows by chance alone, before as well as after,
cancels.

Shapes: Q queries, N images, L places of a draw, G groups, B draws.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from audit.statistics.multiplicity import holm
from audit.tables.groups.group_counts import JOINT
from audit.tables.measure_statistics.family import ProbeScalars
from probes.metrics.ranking import ndkl, skew
from probes.mitigation.methods.reranking import NOBODY, Reranker
from probes.records import ALL, MISSING, attribute_column

__all__ = [
    "BY_LABEL", "BY_RANKING", "EVERY_QUERY", "MAX_SKEW", "MIN_SKEW", "NDKL", "RANKING_COLUMNS", "RECALL",
    "SIMILARITY", "Ranking", "ranking_frame", "ranking_rows", "rankings_of",
]  # fmt: skip

RANKING_COLUMNS: Final = (
    "method", "probe", "template", "query", "by", "group", "k", "measure", "n", "clusters", "before", "after",
    "change", "low", "high", "p", "p_adjusted", "effect", "note",
)  # fmt: skip
EVERY_QUERY: Final = "(mean of queries)"
MAX_SKEW, MIN_SKEW, NDKL, SHARE, SIMILARITY = "MaxSkew", "MinSkew", "NDKL", "share", "mean similarity"
RECALL: Final = "recall"
BY_LABEL: Final = "relevant: images whose label is the query"
BY_RANKING: Final = "relevant: the K first images before"
TESTED: Final = (MAX_SKEW, MIN_SKEW, NDKL)
"""Measures of which 0 is no difference between groups; the mean over queries is tested."""
# A draw makes every re-ranking anew. With so many, p was below .05 in 5 to 7 % of 150 simulated rankings
# without an effect (docs/mitigations.md).
DRAWS: Final = 199
LEAST_CLUSTERS: Final = 5
LEVEL: Final = 0.05
NO_INTERVAL: Final = f"fewer than {LEAST_CLUSTERS} clusters: no interval"
TOO_SHORT: Final = "K is the number of images or more: a constant of the data"
NARROWER, WIDER, NOT_SHOWN = "narrower", "wider", "not shown"
Key = tuple[str, str, float, str]
"""by, group, k (-1 for none), measure."""
Values = dict[Key, NDArray[np.float64]]
Sides = dict[Key, tuple[NDArray[np.float64], NDArray[np.float64]]]
NO_K: Final = -1.0


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """The queries of one ranking probe in one template.

    Attributes
    ----------
    probe
        Its entry in the manifest.
    template
        Its name.
    queries
        Q of them.
    scores
        [Q, N] similarities.
    image
        [N] the images, by digest.
    cluster
        [N] codes.
    labels
        N rows, one column per group attribute.
    fixed
        Grouping -> share of each group in the whole data set; empty unless that is the probe's reference.
    relevant
        Query -> [N] whether an image is what is searched for, of queries that are a label of the data.
    """

    probe: Mapping[str, Any]
    template: str
    queries: tuple[str, ...]
    scores: NDArray[np.float64]
    image: NDArray[np.object_]
    cluster: NDArray[np.int64]
    labels: pd.DataFrame
    fixed: Mapping[str, Mapping[str, float]]
    relevant: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)

    @property
    def groupings(self) -> list[tuple[str, ...]]:
        return [tuple(spec) for spec in self.probe["groups"]]

    def codes(self, by: Sequence[str]) -> tuple[NDArray[np.int64], list[str]]:
        """[N] groups, `NOBODY` for images that miss an attribute, and their names."""
        values = self.labels[list(by)].astype("str")
        known = (values != MISSING).all(axis=1).to_numpy()
        names = values.agg(JOINT.join, axis=1).to_numpy(dtype=object)
        groups = sorted(set(names[known]))
        place = {name: code for code, name in enumerate(groups)}
        return np.array([place[n] if k else NOBODY for n, k in zip(names, known, strict=True)]), groups


def rankings_of(
    manifest: Mapping[str, Any], scalars: pd.DataFrame | None, attributes: Sequence[str]
) -> list[Ranking]:
    """The ranking probes of a run, a template at a time.

    Parameters
    ----------
    manifest, scalars
        Of its records.
    attributes
        The columns of group attributes.
    """
    found = []
    for probe in manifest["probes"]:
        if probe.get("kind") != "ranking" or scalars is None:
            continue
        own = scalars[scalars["probe"] == probe["name"]]
        shares = _expected(own[own["template"] == ""], probe, attributes)
        for template, rows in own[own["template"] != ""].groupby("template", sort=False, observed=True):
            items = ProbeScalars(rows, attributes)
            queries = items.items_of(str(template))
            one = items.item(str(template), queries[0], float("nan"))
            first = rows[rows["item"] == queries[0]]
            columns = list(dict.fromkeys(name for spec in probe["groups"] for name in spec))
            found.append(
                Ranking(
                    probe=probe, template=str(template), queries=tuple(queries),
                    scores=np.stack([items.item(str(template), q, float("nan")).values for q in queries]),
                    image=first["image"].to_numpy(dtype=object), cluster=one.cluster,
                    labels=one.labels[columns], fixed=shares,
                )
            )  # fmt: skip
    return found


def _expected(
    rows: pd.DataFrame, probe: Mapping[str, Any], attributes: Sequence[str]
) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for spec in probe["groups"] if len(rows) else ():
        others = [name for name in attributes if name not in spec]
        own = rows[(rows[others] == ALL).all(axis=1) & (rows[list(spec)] != ALL).all(axis=1)]
        names = own[list(spec)].astype("str").agg(JOINT.join, axis=1)
        found[JOINT.join(spec)] = dict(zip(names, own["value"].astype(float), strict=True))
    return found


def ranking_rows(
    method: str, before: Ranking, after: Ranking, *, reranker: Reranker | None = None,
    attribute: str = "", seed: int = 0, draws: int = DRAWS,
) -> pd.DataFrame:  # fmt: skip
    """What a method does to the rankings of one probe.

    Parameters
    ----------
    before, after
        The same images and queries with the scores before and after; for a re-ranking both are the same.
    reranker
        Rearranges the order after, by the groups of `attribute`; images of no known group are then left out
        on both sides.
    attribute
        The attribute whose groups are to have their share.
    seed
        Of the draws.

    Returns
    -------
    Columns `RANKING_COLUMNS`. Of each grouping and K: MaxSkew, MinSkew and the share of each group; NDKL of
    the whole ranking, k being NaN; and, with `by` empty, what a searcher loses: the mean similarity of the K
    highest by the scores before, and recall, the relevant images among the K first over as many as there can
    be (the smaller of K and their number). Relevant are the images whose label is the query; for a query that
    is no label, the K first before, so that recall is 1 before (`note`). A row for each query and one for the
    mean over all, of which the first three are tested, p being of a change of 0; `effect` is of those, by
    p_adjusted of `ranking_frame`.

    Raises
    ------
    ValueError
        The two are of different images or queries.
    """
    if not (np.array_equal(before.image, after.image) and before.queries == after.queries):
        raise ValueError("rankings of different images or queries")
    kept = np.ones(len(before.image), dtype=bool)
    if reranker is not None:
        kept = before.codes([attribute_column(attribute)])[0] != NOBODY
    study = _Study.of(before, after, kept=kept, reranker=reranker, attribute=attribute)
    values = study.values(np.ones((1, int(kept.sum())), dtype=np.int64))
    clusters = np.unique(study.cluster, return_inverse=True)[1]
    spread = _spread(study, clusters, seed=seed, draws=draws)
    rows = _tidy(values, spread, clusters=int(clusters.max(initial=-1)) + 1, n=int(kept.sum()), of=before)
    table = pd.DataFrame(rows).assign(method=method, probe=before.probe["name"], template=before.template)
    return table.assign(p_adjusted=np.nan, effect="").reindex(columns=list(RANKING_COLUMNS))


def _spread(study: _Study, clusters: NDArray[np.int64], *, seed: int, draws: int) -> Values:
    """The standard deviation of each change over draws: [Q + 1], the last one of the mean over queries."""
    number = int(clusters.max(initial=-1)) + 1
    if number < LEAST_CLUSTERS:
        return {}
    rng = np.random.default_rng([seed, 8])
    drawn = rng.multinomial(number, np.full(number, 1 / number), size=draws)
    changes: dict[Key, list[NDArray[np.float64]]] = {}
    step = max(1, 4_000_000 // max(study.scores[0].size * study.most_groups, 1))
    for start in range(0, draws, step):
        for key, (one, other) in study.values(drawn[start : start + step][:, clusters]).items():
            changes.setdefault(key, []).append(other - one)
    return {
        key: _with_mean(np.concatenate(parts, axis=1)).std(axis=1, ddof=1) for key, parts in changes.items()
    }


def _with_mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """[Q, B] -> [Q + 1, B]."""
    return np.concatenate([values, values.mean(axis=0, keepdims=True)])


def _tidy(values: Sides, spread: Values, *, clusters: int, n: int, of: Ranking) -> Iterator[dict[str, Any]]:
    for (by, group, k, measure), (one, other) in values.items():
        sides = _with_mean(one), _with_mean(other)
        for place, query in enumerate([*of.queries, EVERY_QUERY]):
            first, second = (float(side[place, 0]) for side in sides)
            row = {
                "query": query, "by": by, "group": group, "k": np.nan if k == NO_K else k,
                "measure": measure, "n": n, "clusters": clusters, "before": first, "after": second,
                "change": second - first,
            }  # fmt: skip
            if k >= n:
                yield row | dict.fromkeys(("before", "after", "change"), np.nan) | {"note": TOO_SHORT}
            elif (by, group, k, measure) not in spread:
                yield row | {"note": NO_INTERVAL}
            else:
                error = float(spread[by, group, k, measure][place])
                tested = measure in TESTED and query == EVERY_QUERY
                found = row | _student(second - first, error, clusters - 1, tested=tested)
                yield found | ({"note": _relevance(of, query)} if measure == RECALL else {})


def _relevance(of: Ranking, query: str) -> str:
    """What recall of a query, or the mean over all, counts as relevant."""
    asked = of.queries if query == EVERY_QUERY else [query]
    kinds = sorted({BY_LABEL if one in of.relevant else BY_RANKING for one in asked})
    return "; ".join(kinds)


def _student(change: float, error: float, freedom: int, *, tested: bool) -> dict[str, Any]:
    """Interval and p of a change; without any spread they are those of a constant."""
    half = float(special.stdtrit(freedom, 0.975)) * error
    p = 2 * float(special.stdtr(freedom, -abs(change) / error)) if error > 0 else float(change == 0)
    return {"low": change - half, "high": change + half, "p": p if tested else np.nan, "note": ""}


def ranking_frame(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """All methods under each other; p_adjusted is Holm's over all tested rows of a method, and the effect."""
    found = []
    for method, own in pd.concat(tables, ignore_index=True).groupby("method", sort=False):
        tested = own["p"].notna().to_numpy()
        adjusted = np.full(len(own), np.nan)
        adjusted[tested] = holm(own["p"].to_numpy(dtype=float)[tested])
        size = (own["after"].abs() - own["before"].abs()).to_numpy(dtype=float)
        shown = tested & (adjusted < LEVEL)
        effect = np.select([shown & (size < 0), shown & (size > 0), tested], [NARROWER, WIDER, NOT_SHOWN], "")
        found.append(own.assign(method=method, p_adjusted=adjusted, effect=effect))
    table = pd.concat(found, ignore_index=True)[list(RANKING_COLUMNS)]
    return table.astype({"n": "int64", "clusters": "int64", "k": "float64"})


@dataclass(frozen=True, kw_only=True)
class _Study:
    """Two sides of the same images, and how the orders after are made."""

    scores: tuple[NDArray[np.float64], NDArray[np.float64]]
    cluster: NDArray[np.int64]
    codes: Mapping[str, NDArray[np.int64]]
    groups: Mapping[str, Sequence[str]]
    shares: Mapping[str, NDArray[np.float64] | None]
    ks: tuple[int, ...]
    zero_rule: Any
    reranker: Reranker | None
    target: str
    relevant: Sequence[NDArray[np.bool_] | None]

    @classmethod
    def of(
        cls, before: Ranking, after: Ranking, *, kept: NDArray[np.bool_], reranker: Reranker | None,
        attribute: str,
    ) -> _Study:  # fmt: skip
        settings = before.probe.get("settings", {})
        codes: dict[str, NDArray[np.int64]] = {}
        groups: dict[str, Sequence[str]] = {}
        shares: dict[str, NDArray[np.float64] | None] = {}
        wanted = [*before.groupings, *([(attribute_column(attribute),)] if reranker is not None else [])]
        for spec in dict.fromkeys(wanted):
            by = JOINT.join(spec)
            own, names = before.codes(spec)
            codes[by], groups[by] = own[kept], names
            shares[by] = None  # of the images ranked
            if settings.get("reference") == "uniform":
                shares[by] = np.full(len(names), 1 / len(names))
            elif settings.get("reference") == "dataset" and by in before.fixed:
                shares[by] = np.array([before.fixed[by].get(name, 0.0) for name in names])
        return cls(
            scores=(before.scores[:, kept], after.scores[:, kept]), cluster=before.cluster[kept],
            codes=codes, groups=groups, shares=shares, ks=tuple(int(k) for k in settings.get("k", ())),
            zero_rule=settings.get("zero_rule", "1/K"), reranker=reranker,
            target=attribute_column(attribute) if reranker is not None else "",
            relevant=[before.relevant[q][kept] if q in before.relevant else None for q in before.queries],
        )  # fmt: skip

    @property
    def most_groups(self) -> int:
        return max(len(names) for names in self.groups.values())

    def values(self, times: NDArray[np.int64]) -> Sides:
        """Before and after, each [Q, B], of draws [B, N] that hold each image so many times."""
        found: dict[Key, list[tuple[NDArray[np.float64], NDArray[np.float64]]]] = {}
        for query in range(len(self.scores[0])):
            placed = self._placed(0, query, times), self._placed(1, query, times)
            sides = [dict(self._measures(own, times, self.scores[0][query])) for own in placed]
            for key, one in sides[0].items():
                found.setdefault(key, []).append((one, sides[1][key]))
            for k in self.ks:
                recall = self._recall(query, placed[0][:, :k], placed[1][:, :k], times)
                found.setdefault(("", "", float(k), RECALL), []).append(recall)
        return {
            key: (np.stack([one for one, _ in pairs]), np.stack([other for _, other in pairs]))
            for key, pairs in found.items()
        }

    def _placed(self, side: int, query: int, times: NDArray[np.int64]) -> NDArray[np.int64]:
        """[B, L] the images of each draw in the order before or after."""
        placed = _repeated(np.argsort(-self.scores[side][query], kind="stable"), times)
        return self._reranked(placed, times) if side == 1 and self.reranker is not None else placed

    def _recall(
        self, query: int, one: NDArray[np.int64], other: NDArray[np.int64], times: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """[B] before and after, of the images on top: each [B, K]."""
        relevant = self.relevant[query]
        if relevant is None:
            return np.ones(len(times)), _kept(one, other, times.shape[1])
        most = np.clip(times @ relevant, 1, one.shape[1])
        first, second = (((top >= 0) & relevant[top]).sum(axis=1) / most for top in (one, other))
        return first, second

    def _reranked(self, placed: NDArray[np.int64], times: NDArray[np.int64]) -> NDArray[np.int64]:
        assert self.reranker is not None
        ranked = _codes_at(self.codes[self.target], placed)
        order = self.reranker.order(ranked, self._expected(self.target, times))
        padded = np.concatenate([placed, np.full((len(placed), 1), NOBODY)], axis=1)
        return np.take_along_axis(padded, order, axis=1)

    def _expected(self, by: str, times: NDArray[np.int64]) -> NDArray[np.float64]:
        """[B, G] the share that each group is to have."""
        fixed = self.shares[by]
        if fixed is not None:
            return np.broadcast_to(fixed, (len(times), len(fixed)))
        own = np.stack([times @ (self.codes[by] == g) for g in range(len(self.groups[by]))], axis=1)
        return np.asarray(own / own.sum(axis=1, keepdims=True))

    def _measures(
        self, placed: NDArray[np.int64], times: NDArray[np.int64], scores: NDArray[np.float64]
    ) -> Iterator[tuple[Key, NDArray[np.float64]]]:
        for by, names in self.groups.items():
            ranked = _without_nobody(_codes_at(self.codes[by], placed))
            share = self._expected(by, times)
            hits = ranked[..., None] == np.arange(len(names))
            counts = hits.cumsum(axis=1)
            for k in self.ks:
                top = counts[:, min(k, counts.shape[1]) - 1]
                skews = skew(top, share, zero_rule=self.zero_rule)
                yield (by, "", float(k), MAX_SKEW), np.nanmax(skews, axis=1)
                yield (by, "", float(k), MIN_SKEW), np.nanmin(skews, axis=1)
                for place, name in enumerate(names):
                    yield (by, name, float(k), SHARE), top[:, place] / top.sum(axis=1)
            yield (by, "", NO_K, NDKL), _divergence(counts, share)
        for k in self.ks:
            top = placed[:, :k]
            own = np.where(top >= 0, scores[top], np.nan)
            yield ("", "", float(k), SIMILARITY), np.nanmean(own, axis=1)


def _kept(one: NDArray[np.int64], other: NDArray[np.int64], n: int) -> NDArray[np.float64]:
    """[B] the share of the images of a top [B, K] that another one has, each as often as it was drawn."""
    rows = np.arange(len(one))[:, None]
    counts = [np.zeros((len(one), n + 1), dtype=np.int64) for _ in range(2)]
    for own, top in zip(counts, (one, other), strict=True):
        np.add.at(own, (rows, top), 1)  # `NOBODY` is counted in the last column, which is left out
    shared = np.minimum(*counts)[:, :n].sum(axis=1)
    return np.asarray(shared / counts[0][:, :n].sum(axis=1), dtype=np.float64)


def _divergence(counts: NDArray[np.int64], share: NDArray[np.float64]) -> NDArray[np.float64]:
    """[B] NDKL; a draw that is shorter than others ends where its counts stop."""
    lengths = counts[:, -1].sum(axis=1)
    return np.array(
        [float(ndkl(one[:n], s)) for one, n, s in zip(counts, lengths, share, strict=True)], dtype=np.float64
    )


def _repeated(order: NDArray[np.int64], times: NDArray[np.int64]) -> NDArray[np.int64]:
    """[B, L] the images of each draw in an order, each as often as it was drawn; `NOBODY` at the end."""
    lengths = times.sum(axis=1)
    placed = np.full((len(times), int(lengths.max(initial=0))), NOBODY, dtype=np.int64)
    for row, (own, length) in enumerate(zip(times, lengths, strict=True)):
        placed[row, :length] = np.repeat(order, own[order])
    return placed


def _codes_at(codes: NDArray[np.int64], placed: NDArray[np.int64]) -> NDArray[np.int64]:
    """[B, L] the groups of placed images."""
    return np.where(placed >= 0, codes[placed], NOBODY)


def _without_nobody(ranked: NDArray[np.int64]) -> NDArray[np.int64]:
    """Images of no known group taken out, those behind them moving up."""
    if not (ranked == NOBODY).any():
        return ranked
    order = np.argsort(ranked == NOBODY, axis=1, kind="stable")
    return np.take_along_axis(ranked, order, axis=1)
