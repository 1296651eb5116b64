"""Retrieval between images and texts: recall with intervals, and the paired effect of a prompt.

Shapes: Q queries, K numbers of candidates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from audit.evaluation.estimates import Estimate, bootstrapped, share
from audit.evaluation.paired_answers import compare_answers
from audit.statistics.multiplicity import holm
from clipmodel.array_types import Floats

# CLIP_benchmark's names: image retrieval asks with a text, text retrieval with an image.
METRIC_NAMES: Final = {"text to image": "image_retrieval_recall", "image to text": "text_retrieval_recall"}
MEAN: Final = "mean_recall@1"


@dataclass(frozen=True, kw_only=True)
class Queries:
    """Answers of one direction.

    Attributes
    ----------
    ids
        [Q] names of the queries.
    found
        [K, Q] the probability that a query is found among the first k.
    rank
        [Q] expected place of the best that belongs to it, from 1.
    clusters
        [Q] what each query belongs to: the captions of one image are one cluster.
    """

    ids: Sequence[str]
    found: Floats
    rank: Floats
    clusters: Sequence[str]


def retrieval_metrics(
    directions: Mapping[str, Queries], ks: Sequence[int], *, seed: int
) -> dict[str, Estimate]:
    """Recall at each k, median and mean rank of both directions, and the mean of both recalls at 1.

    Recalls have Wilson intervals of effective counts; ranks and the mean recall bootstrap intervals over
    clusters.
    """
    found: dict[str, Estimate] = {}
    for direction, answers in directions.items():
        name = METRIC_NAMES[direction]
        for k, right in zip(ks, answers.found, strict=True):
            # The captions of an image are found or missed together, so they are a cluster.
            found[f"{name}@{k}"] = share(right, answers.clusters)
        # Ranks have no bound that a proportion's interval could use, hence the bootstrap.
        for statistic, function in (("median", np.median), ("mean", np.mean)):
            found[f"{name.removesuffix('recall')}{statistic}_rank"] = bootstrapped(
                lambda rows, function=function, rank=answers.rank: float(function(rank[rows])),  # type: ignore[misc]
                len(answers.rank),
                clusters=answers.clusters,
                seed=seed,
            )
    if 1 in ks:
        found[MEAN] = _mean_recall(directions, list(ks).index(1), seed=seed)
    return found


def _mean_recall(directions: Mapping[str, Queries], place: int, *, seed: int) -> Estimate:
    """(text R@1 + image R@1) / 2; both directions of an image are drawn together."""
    values = np.concatenate([answers.found[place] for answers in directions.values()])
    # Both directions in one array: drawing an image's cluster takes its queries of both.
    side = np.repeat(np.arange(len(directions)), [len(answers.ids) for answers in directions.values()])
    clusters = [cluster for answers in directions.values() for cluster in answers.clusters]

    def metric(rows: NDArray[np.int64]) -> float:
        means = [values[rows[side[rows] == s]] for s in range(len(directions))]
        return float(np.mean([own.mean() if len(own) else np.nan for own in means]))

    return bootstrapped(metric, len(values), clusters=clusters, seed=seed)


def prompt_effect(
    without: Mapping[str, Queries], prompted: Mapping[str, Queries], ks: Sequence[int], *, prompt: str
) -> pd.DataFrame:
    """What a prompt before every caption changes, query by query.

    Returns
    -------
    prompt, direction, k, n, without, with_prompt, difference, low, high, p, p_adjusted (Holm, over all rows).
    """
    rows = []
    for direction, plain in without.items():
        for place, k in enumerate(ks):
            change = compare_answers(prompted[direction].found[place], plain.found[place], plain.clusters)
            rows.append(
                {
                    "prompt": prompt,
                    "direction": direction,
                    "k": k,
                    "n": change.n,
                    "without": change.second,
                    "with_prompt": change.first,
                    "difference": change.difference,
                    "low": change.low,
                    "high": change.high,
                    "p": change.p,
                }
            )
    table = pd.DataFrame(rows)
    return table.assign(p_adjusted=holm(table["p"].to_numpy()))


def query_table(directions: Mapping[str, Queries], ks: Sequence[int]) -> pd.DataFrame:
    """One row per query: what a paired comparison of two models needs."""
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "id": [f"{direction}: {one}" for one in answers.ids],
                    "direction": direction,
                    **{f"recall@{k}": right for k, right in zip(ks, answers.found, strict=True)},
                    "rank": answers.rank,
                    "cluster": list(answers.clusters),
                }
            )
            for direction, answers in directions.items()
        ],
        ignore_index=True,
    )
