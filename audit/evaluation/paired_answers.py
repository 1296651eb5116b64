"""The same images answered twice: by two models, or with two sets of prompts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from audit.statistics.clusters.design_effects import change_design_effect
from audit.statistics.proportion.paired import mcnemar_p, newcombe_paired
from clipmodel.array_types import Floats

Bools = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class PairedDifference:
    """First minus second.

    Attributes
    ----------
    first, second
        The two shares.
    difference, low, high
        Their difference with its 95 % interval.
    p
        Two-sided.
    n, only_first, only_second
        Images, and those that only one of the two gets right (for answers that are probabilities, the sums of
        what one is above the other).
    """

    first: float
    second: float
    difference: float
    low: float
    high: float
    p: float
    n: int
    only_first: float
    only_second: float


def compare_answers(
    first: Bools | Floats, second: Bools | Floats, clusters: Sequence[str] | None = None
) -> PairedDifference:
    """Compare two answers to the same images or queries.

    Right or wrong: McNemar's exact test and Newcombe's paired interval, both of effective counts if images
    share clusters. Probabilities (queries with ties): a t interval and test of the mean difference over
    clusters.

    Parameters
    ----------
    first, second
        [N] whether each image is right, or the probability of it.
    clusters
        [N] what each image belongs to.

    Raises
    ------
    ValueError
        The lengths differ.
    """
    if len(first) != len(second):
        raise ValueError(f"{len(first)} answers against {len(second)}")
    one, two = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    n = len(one)
    if not n:
        nan = float("nan")
        return PairedDifference(
            first=nan, second=nan, difference=nan, low=nan, high=nan, p=nan, n=0, only_first=0, only_second=0
        )
    code = np.arange(n) if clusters is None else pd.factorize(np.asarray(clusters, dtype=object))[0]
    # Retrieval with ties gives probabilities, for which McNemar's cells do not exist.
    plain = bool(np.isin(one, (0, 1)).all() and np.isin(two, (0, 1)).all())
    low, high, p = _of_counts(one, two, code) if plain else _of_means(one - two, code)
    return PairedDifference(
        first=float(one.mean()),
        second=float(two.mean()),
        difference=float(one.mean() - two.mean()),
        low=low,
        high=high,
        p=p,
        n=n,
        only_first=float(np.maximum(one - two, 0).sum()),
        only_second=float(np.maximum(two - one, 0).sum()),
    )


def _of_counts(one: Floats, two: Floats, code: NDArray[np.intp]) -> tuple[float, float, float]:
    effect = 1.0
    # Fewer clusters than images: otherwise the design effect is 1 by definition.
    if code.max(initial=-1) + 1 < len(code):
        change = (one - two)[:, None]
        counted = np.ones(change.shape, dtype=bool)
        effect = float(change_design_effect(change, counted, np.ones(len(code)), code)[0])
    cells = [float(((one == a) & (two == b)).sum()) for a, b in ((1, 1), (1, 0), (0, 1), (0, 0))]
    low, high = newcombe_paired(*(cell / effect for cell in cells))
    # The exact test counts whole images: as many as the changes stand for, divided in their proportion.
    changed = cells[1] + cells[2]
    # Rounded down: the exact test then has no more evidence than the effective number of changes.
    kept = np.floor(changed / effect)
    only_first = np.rint(kept * cells[1] / changed) if changed else 0.0
    p = mcnemar_p(only_first, kept - only_first)
    return float(low), float(high), float(p)


def _of_means(difference: Floats, code: NDArray[np.intp]) -> tuple[float, float, float]:
    """Cluster-robust t interval and p of a mean (Liang & Zeger 1986, with K / (K - 1))."""
    n, mean = len(difference), float(difference.mean())
    sums = np.bincount(code, weights=difference - mean)
    clusters = len(sums)
    if clusters < 2:
        return float("nan"), float("nan"), float("nan")
    # K / (K - 1) corrects the downward bias of the sandwich with few clusters.
    error = float(np.sqrt((sums**2).sum() * clusters / (clusters - 1))) / n
    # No variation at all: nothing can be said of the error, except where both answers agree throughout.
    if error == 0:
        return float("nan"), float("nan"), float("nan") if mean else 1.0
    # Student's quantile with K - 1 degrees of freedom: the variance rests on K clusters.
    half = float(special.stdtrit(clusters - 1, 0.975)) * error
    p = 2 * float(special.stdtr(clusters - 1, -abs(mean) / error))
    return mean - half, mean + half, p
