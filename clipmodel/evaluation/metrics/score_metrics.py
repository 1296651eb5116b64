"""Metrics of scores: average precision, the 11-point average, the area under the ROC curve, Jaccard overlap.

Tied scores count as one threshold, so no metric depends on the order of the images.

Shapes: N images, C classes.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.stats import rankdata

from clipmodel.array_types import AnyFloats, Bools

RECALL_POINTS = np.linspace(0, 1, 11)


def average_precision(scores: AnyFloats, truth: Bools) -> float:
    """Sum of precision times the gain in recall, over distinct thresholds; NaN without a positive image.

    scikit-learn's `average_precision_score`. Without ties it is the mean of the precision at each positive,
    as CLIP_benchmark computes it; with ties theirs depends on the order of the images.
    """
    precision, recall = _curve(scores, truth)
    if not len(recall):
        return float("nan")
    return float(np.sum(np.diff(recall, prepend=0.0) * precision))


def eleven_point_average_precision(scores: AnyFloats, truth: Bools) -> float:
    """Mean over recalls 0, 0.1 ... 1 of the highest precision at that recall or more (Pascal VOC 2007).

    Everingham et al. 2010, section 4.2. NaN without a positive image.
    """
    precision, recall = _curve(scores, truth)
    if not len(recall):
        return float("nan")
    # From the right: precision at a recall is the best that is reached at it or beyond.
    best = np.maximum.accumulate(precision[::-1])[::-1]
    # Recalls are fractions of the positives; a tolerance keeps 3/10 from missing the point 0.3.
    at = np.searchsorted(recall, RECALL_POINTS - 1e-12, side="left")
    return float(np.mean(np.where(at < len(best), best[np.minimum(at, len(best) - 1)], 0.0)))


def mean_over_classes(metric: Callable[[AnyFloats, Bools], float], scores: AnyFloats, truth: Bools) -> float:
    """Mean over the classes [C] of a metric of one column; classes where it is NaN are left out."""
    values = [metric(scores[:, c], truth[:, c]) for c in range(scores.shape[1])]
    return float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")


def roc_auc(scores: AnyFloats, truth: Bools) -> float:
    """Chance that a positive image scores above a negative one, ties by half; NaN if either is absent."""
    positives = int(truth.sum())
    negatives = len(truth) - positives
    if not positives or not negatives:
        return float("nan")
    # The rank sum of Mann and Whitney (1947): mean ranks give ties one half.
    above = rankdata(scores)[truth].sum() - positives * (positives + 1) / 2
    return float(above / (positives * negatives))


def jaccard(picked: Bools, wanted: Bools) -> AnyFloats:
    """[N] overlap of two sets of candidates, size of the intersection over that of the union.

    WinoGAViL (Bitton et al. 2022) picks as many candidates as are wanted. NaN if both are empty.
    """
    union = (picked | wanted).sum(axis=-1)
    return np.where(union > 0, (picked & wanted).sum(axis=-1) / np.maximum(union, 1), np.nan)


def picks(scores: AnyFloats, count: int) -> Bools:
    """The `count` highest of some scores; of tied ones the first."""
    chosen = np.zeros(len(scores), dtype=bool)
    chosen[np.argsort(-np.asarray(scores, dtype=float), kind="stable")[:count]] = True
    return chosen


def _curve(scores: AnyFloats, truth: Bools) -> tuple[AnyFloats, AnyFloats]:
    """Precision and recall at each distinct threshold, highest first; empty without a positive image."""
    order = np.argsort(-np.asarray(scores, dtype=float), kind="stable")
    ranked, hits = np.asarray(scores)[order], np.asarray(truth, dtype=bool)[order]
    if not hits.any():
        return np.zeros(0), np.zeros(0)
    # The last place of each run of equal scores: a threshold takes all of a run or none.
    last = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))
    found = np.cumsum(hits)[last]
    return found / (last + 1), found / found[-1]
