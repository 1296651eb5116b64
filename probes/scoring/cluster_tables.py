"""The clusters of a probe and the threshold ranks of their images, as the tables of `probes.records`.

N images, O outcomes, T thresholds, M pairs of group and cluster, G groups.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from probes.datasets.formats.parquet_frame import words
from probes.planning.image_selection import TRUTH, Selection
from probes.records import ALL, MISSING, MOMENTS, WEIGHTED, attribute_column
from probes.rules.rule_registry import CURVE as CURVE_RULE
from probes.scoring.threshold_ranks import CURVE, Pairs, RankLog

MOST_ROWS = 4_000_000
"""Counts by cluster of a probe beyond which only their second moments are kept."""
MOST_COUNTED = 1 << 26
"""Possible pairs of group and cluster up to which those that occur are marked in an array, 5 bytes each."""


@dataclass(frozen=True, kw_only=True)
class ProbeClusters:
    """Which images of a probe belong together.

    Attributes
    ----------
    pairs
        M rows: the group attributes, cluster and n, of the finest groups.
    pair
        [N] the row of each image.
    cluster
        [M] the number of each pair's cluster, in the order in which clusters first occur.
    weights
        [N] what each image counts for; None if all count the same. `pairs` then has the sums of weights and
        of squared weights as well.
    """

    pairs: pd.DataFrame
    pair: np.ndarray
    cluster: np.ndarray
    weights: np.ndarray | None = None

    @classmethod
    def of(
        cls, selection: Selection, clusters: pd.Series, *, weights: np.ndarray | None = None
    ) -> ProbeClusters | None:
        """From the cluster of each image; None where every cluster holds one image and none has a weight:
        the images are then independent, and counts suffice."""
        number, names = _in_order(clusters)
        if weights is None and len(names) == len(number):
            return None
        # Labels are those of the few cells, so that no image needs a copy of them.
        labels = selection.cells.drop(columns=TRUTH)
        columns = list(labels.columns)
        group: np.ndarray = np.zeros(len(labels), np.int64)
        groups = pd.DataFrame(index=range(1))
        if columns:
            numbered = labels.groupby(columns, sort=True, observed=True)
            group, groups = numbered.ngroup().to_numpy(), numbered.size().index.to_frame(index=False)
        present, pair = _numbered(group, selection.cell, number, len(groups) * len(names), len(names))
        pairs = groups.take(present // len(names)).reset_index(drop=True)
        pairs["cluster"] = names.take(present % len(names)).array
        pairs["n"] = np.bincount(pair, minlength=len(pairs))
        if weights is not None:
            # Sums of squares too: Kish's effective n and the variance of a weighted rate need them.
            sums = [np.bincount(pair, values, minlength=len(pairs)) for values in (weights, weights**2)]
            pairs = pairs.assign(**{WEIGHTED[0]: sums[0], WEIGHTED[2]: sums[1]})
        return cls(pairs=pairs, pair=pair, cluster=pd.factorize(present % len(names))[0], weights=weights)

    @property
    def attributes(self) -> list[str]:
        """The group attributes."""
        return [name for name in self.pairs.columns if name not in ("cluster", "n", *WEIGHTED)]

    def grouping(self, by: Sequence[str]) -> tuple[pd.DataFrame, Pairs]:
        """The groups of one grouping, a row each with "(all)" where it is not split, and their clusters."""
        labels = self.pairs[self.attributes].astype("str")
        known = (labels[list(by)] != MISSING).all(axis=1).to_numpy()
        group = np.zeros(len(labels), dtype=np.int64)
        groups = pd.DataFrame(index=range(1))
        if by:
            numbered = labels[known].groupby(list(by), sort=True)
            group = np.full(len(labels), -1, dtype=np.int64)
            group[known] = numbered.ngroup().to_numpy()
            groups = numbered.size().index.to_frame(index=False)
        whole = pd.DataFrame(
            {name: groups[name] if name in by else np.full(len(groups), ALL) for name in self.attributes},
            index=groups.index,
        )
        # Clusters are numbered over all groups: one with images in several is one number in each.
        found = Pairs.of(group, self.cluster, n_groups=len(groups))
        return whole, Pairs(code=found.code[self.pair], group=found.group, n_groups=len(groups))


def _in_order(clusters: pd.Series) -> tuple[np.ndarray, pd.Index]:
    """The number [N] of each image's cluster among the sorted names, without a Python string each."""
    encoded = pa.array(clusters, from_pandas=True).dictionary_encode()
    whole = encoded.combine_chunks() if isinstance(encoded, pa.ChunkedArray) else encoded
    order = pc.array_sort_indices(whole.dictionary)
    place = np.empty(len(order), np.int32)
    place[order.to_numpy()] = np.arange(len(order), dtype=np.int32)
    return place[whole.indices.to_numpy()], pd.Index(words(pa.chunked_array([whole.dictionary.take(order)])))


def _numbered(
    group: np.ndarray, cell: np.ndarray, number: np.ndarray, n_possible: int, width: int
) -> tuple[np.ndarray, np.ndarray]:
    """The pairs group * width + number that occur, ascending [M], and the place of each image's [N]."""
    if n_possible > MOST_COUNTED:
        present, pair = np.unique(group.astype(np.int64)[cell] * width + number, return_inverse=True)
        return present, pair.astype(np.int32)
    own = (group * width).astype(np.int32)[cell]
    own += number
    # Marked in an array of all that are possible: sorting would take several times the memory.
    occurs = np.zeros(n_possible, bool)
    occurs[own] = True
    place = np.cumsum(occurs, dtype=np.int32) - 1
    return np.flatnonzero(occurs), place[own]


def cluster_tables(
    log: RankLog,
    clusters: ProbeClusters,
    *,
    keys: Sequence[tuple[str, ...]],
    outcomes: Sequence[str],
    groups: Sequence[Sequence[str]],
) -> tuple[list[pd.DataFrame], list[pd.DataFrame]]:
    """The parts of `Records.clusters` and of `Records.moments`.

    Counts by cluster are kept under every rule and threshold, where they are no more than `MOST_ROWS`;
    otherwise, and for the curve, their second moments over all images and in each grouping.

    Parameters
    ----------
    keys
        (probe, design, template) of each specification, in the order of the log.
    groups
        The groupings of the probe.
    """
    thresholds = sum(len(rule.thresholds) for rule in log.rules)
    rows = len(keys) * len(outcomes) * thresholds * len(clusters.pairs)
    counted = rows <= MOST_ROWS
    places = list(enumerate(keys))
    counts = [_counts(key, log, place, clusters, outcomes) for place, key in places if counted]
    names = [] if counted else [rule.name for rule in log.rules]
    names += [CURVE] if len(log.curve) else []
    moments = []
    for by in [(), *(tuple(map(attribute_column, by)) for by in groups)] if names else []:
        labels, pairs = clusters.grouping(by)
        if len(labels):
            moments += [
                _moments(
                    key,
                    log,
                    place,
                    name,
                    pairs=pairs,
                    labels=labels,
                    outcomes=outcomes,
                    weights=clusters.weights,
                )
                for place, key in places
                for name in names
            ]
    return counts, moments


def _counts(
    key: tuple[str, ...], log: RankLog, position: int, clusters: ProbeClusters, outcomes: Sequence[str]
) -> pd.DataFrame:
    """Counts by cluster of one specification, under every rule and threshold."""
    pairs = clusters.pairs
    n = pairs["n"].to_numpy()
    counts = [log.cluster_counts(position, rule.name, clusters.pair, n) for rule in log.rules]
    rules = [rule.name for rule in log.rules for _ in rule.thresholds]
    thresholds = np.concatenate([rule.thresholds for rule in log.rules])
    whole = np.concatenate(counts, axis=1)  # [O, T of all rules, M]
    o, t, m = (axis.ravel() for axis in np.indices(whole.shape))
    columns: dict[str, Any] = {
        **_specification(key, rules, thresholds, outcomes, o, t),
        **{name: pairs[name].array.take(m) for name in pairs.columns},
        "count": whole.ravel(),
    }
    if clusters.weights is not None:
        total = pairs[WEIGHTED[0]].to_numpy()
        sums = [
            log.weighted_counts(position, rule.name, clusters.pair, clusters.weights, total)
            for rule in log.rules
        ]
        columns[WEIGHTED[1]] = np.concatenate(sums, axis=1).ravel()
    return pd.DataFrame(columns)


def _moments(
    key: tuple[str, ...], log: RankLog, position: int, name: str, *, pairs: Pairs, labels: pd.DataFrame,
    outcomes: Sequence[str], weights: np.ndarray | None,
) -> pd.DataFrame:  # fmt: skip
    """Second moments of one specification under one rule, or on the curve; `labels` are [G]."""
    values = log.moments(position, name, pairs, weights)
    names = MOMENTS if weights is None else (*MOMENTS, *WEIGHTED)
    thresholds = log.curve if name == CURVE else next(one.thresholds for one in log.rules if one.name == name)
    rules = [CURVE_RULE.name if name == CURVE else name] * len(thresholds)
    o, t, g = (axis.ravel() for axis in np.indices(values.shape[:3]))
    columns: dict[str, Any] = {
        **_specification(key, rules, thresholds, outcomes, o, t),
        **{label: labels[label].array.take(g) for label in labels.columns},
        **dict(zip(names, values.reshape(-1, len(names)).T, strict=True)),
    }
    return pd.DataFrame(columns)


def _specification(
    key: tuple[str, ...], rules: Sequence[str], thresholds: np.ndarray, outcomes: Sequence[str],
    o: np.ndarray, t: np.ndarray,
) -> dict[str, Any]:  # fmt: skip
    """The columns that name the question: of outcome number o and threshold number t in each row."""
    probe, design, template = key
    return {
        "probe": probe,
        "design": design,
        "template": template,
        "rule": pd.array(list(rules), dtype="str").take(t),
        "threshold": thresholds[t],
        "outcome": pd.array(list(outcomes), dtype="str").take(o),
    }
