"""Metrics of an evaluation with their intervals.

Shapes: N images or queries, C classes, K clusters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from audit.statistics.bootstrap import percentile_interval
from audit.statistics.clusters.design_effects import rate_design_effect
from audit.statistics.proportion.intervals import wilson
from clipmodel.array_types import Floats

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
CONFIDENCE: Final = 0.95
# The ends of a 95 % interval are then the 12th smallest and largest of the replicates.
REPLICATES: Final = 500
WILSON: Final = "Wilson"
WILSON_CLUSTERED: Final = "Wilson, effective counts of clusters"
MOVER: Final = "Wilson by class, combined (MOVER)"
BOOTSTRAP: Final = "bootstrap of images, percentiles"
BOOTSTRAP_CLUSTERED: Final = "bootstrap of clusters, percentiles"


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A metric.

    Attributes
    ----------
    value, low, high
        NaN if the metric is undefined; an interval that cannot be computed is NaN beside a value.
    n
        Images or queries.
    method
        How the interval was made.
    """

    value: float
    low: float
    high: float
    n: int
    method: str


def share(right: Floats | Bools, clusters: Sequence[str] | None = None) -> Estimate:
    """A mean of values in [0, 1], with Wilson's interval.

    Parameters
    ----------
    right
        [N] whether each is right, or the probability of it (a query among ties).
    clusters
        [N] what each belongs to; clusters of several make the interval wider by their design effect.
    """
    values = np.asarray(right, dtype=float)
    n = len(values)
    if not n:
        return Estimate(value=np.nan, low=np.nan, high=np.nan, n=0, method=WILSON)
    effect = design_effect(values, clusters)
    total = float(values.sum())
    # Events and images are both divided by the design effect: the interval is that of as many independent
    # images as the clusters are worth (Korn and Graubard 1998). Rounding may lift the events above n.
    low, high = wilson(min(total / effect, n / effect), n / effect, confidence=CONFIDENCE)
    method = WILSON if effect == 1 else WILSON_CLUSTERED
    return Estimate(value=total / n, low=float(low), high=float(high), n=n, method=method)


def design_effect(values: Floats, clusters: Sequence[str] | None) -> float:
    """The design effect of the mean of values [N]; 1 if every image is a cluster of its own."""
    if clusters is None:
        return 1.0
    code, names = pd.factorize(np.asarray(clusters, dtype=object))
    if len(names) == len(values):
        return 1.0
    events = np.bincount(code, weights=values)
    return float(rate_design_effect(events, np.bincount(code)))


def mean_recall(counts: Ints) -> Estimate:
    """Mean per-class recall of a confusion matrix [C, C].

    The classes' Wilson intervals are combined as for a sum of independent proportions (Zou, Huang & Zhang
    2009): the squared distance of a limit from the mean is the mean over classes, divided by C, of the
    squared distances of the classes' limits from their recalls. Never of width zero.
    """
    total = counts.sum(axis=1)
    present = total > 0
    n, right = total[present], np.diag(counts)[present]
    if not present.any():
        return Estimate(value=np.nan, low=np.nan, high=np.nan, n=0, method=MOVER)
    recall = right / n
    low, high = wilson(right, n, confidence=CONFIDENCE)
    value, classes = float(recall.mean()), len(n)
    below = np.sqrt(((recall - low) ** 2).sum()) / classes
    above = np.sqrt(((high - recall) ** 2).sum()) / classes
    return Estimate(
        value=value, low=max(value - below, 0.0), high=min(value + above, 1.0), n=int(n.sum()), method=MOVER
    )


def bootstrapped(
    metric: Callable[[Ints], float],
    n: int,
    *,
    clusters: Sequence[str] | None = None,
    seed: int,
    replicates: int = REPLICATES,
) -> Estimate:
    """Any metric of rows, with the percentiles of bootstrap replicates.

    Parameters
    ----------
    metric
        From row numbers, which may repeat, to a number.
    n
        Rows 0 ... n - 1.
    clusters
        [N] what each row belongs to: whole clusters are drawn.
    seed
        Of the draws.
    """
    if not n:
        return Estimate(value=np.nan, low=np.nan, high=np.nan, n=0, method=BOOTSTRAP)
    rng = np.random.default_rng(seed)
    value = metric(np.arange(n))
    if clusters is None:
        # Images, not classes, are drawn: class sizes vary between replicates as between samples.
        drawn = [metric(rng.integers(0, n, n)) for _ in range(replicates)]
    else:
        code, names = pd.factorize(np.asarray(clusters, dtype=object))
        # Sorted by cluster, so that the images of a cluster are one slice.
        members = np.split(np.argsort(code, kind="stable"), np.cumsum(np.bincount(code))[:-1])
        drawn = [
            metric(np.concatenate([members[c] for c in rng.integers(0, len(names), len(names))]))
            for _ in range(replicates)
        ]
    low, high = percentile_interval(np.array(drawn), confidence=CONFIDENCE)
    method = BOOTSTRAP if clusters is None else BOOTSTRAP_CLUSTERED
    return Estimate(value=value, low=float(low), high=float(high), n=n, method=method)
