"""Metrics of one label per image, from predictions.

Shapes: N images, C classes, G groups.
"""

from __future__ import annotations

import numpy as np

from clipmodel.array_types import Bools, Floats, Integers


def confusion(truth: Integers, predicted: Integers, *, classes: int) -> Integers:
    """[C, C] numbers of images, truth by prediction.

    Raises
    ------
    ValueError
        A label lies outside 0 ... C - 1.
    """
    for labels in (truth, predicted):
        if len(labels) and (labels.min() < 0 or labels.max() >= classes):
            raise ValueError(f"a label lies outside 0 ... {classes - 1}")
    flat = np.bincount(truth * classes + predicted, minlength=classes * classes)
    return flat.reshape(classes, classes).astype(np.int64)


def per_class_recall(counts: Integers) -> Floats:
    """[C] share of each class's images that are predicted right; NaN for a class without images."""
    # max(..., 1) keeps the division from warning; `where` puts the NaN.
    total = counts.sum(axis=1)
    return np.where(total > 0, np.diag(counts) / np.maximum(total, 1), np.nan)


def mean_per_class_recall(counts: Integers) -> float:
    """Mean of `per_class_recall` over the classes that have images: scikit-learn's balanced accuracy.

    NaN without images.
    """
    recalls = per_class_recall(counts)
    return float(np.nanmean(recalls)) if np.isfinite(recalls).any() else float("nan")


def macro_f1(counts: Integers) -> float:
    """Mean F1 over the classes that occur in the truth or the predictions; scikit-learn's macro average.

    DataComp's F1-macro_all of iWildCam. A class of one kind only has an F1 of 0; NaN without images.
    """
    both = counts.sum(axis=0) + counts.sum(axis=1)
    present = both > 0
    if not present.any():
        return float("nan")
    # F1 = 2 TP / (2 TP + FP + FN), and a class's row and column sums add up to that denominator.
    return float(np.mean(2 * np.diag(counts)[present] / both[present]))


def group_means(values: Floats | Bools, groups: Integers, *, n_groups: int) -> tuple[Floats, Integers]:
    """Mean of the images of each group and its size, [G] and [G]; the mean of an empty group is NaN."""
    n = np.bincount(groups, minlength=n_groups)
    total = np.bincount(groups, weights=np.asarray(values, dtype=float), minlength=n_groups)
    return np.where(n > 0, total / np.maximum(n, 1), np.nan), n.astype(np.int64)


def worst_group(values: Floats | Bools, groups: Integers, *, n_groups: int) -> float:
    """The smallest of the groups' means; groups without images count for nothing (NaN if all are empty).

    The main metric of FMoW, GeoDE and Dollar Street in DataComp. The minimum of estimates is biased low, the
    more so the smaller the groups are: read it with the table of all groups.
    """
    means, n = group_means(values, groups, n_groups=n_groups)
    return float(np.nanmin(means)) if n.any() else float("nan")
