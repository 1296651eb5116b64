"""Accuracy over groups, and both directions of a conditional rate: bare arrays in, numbers out.

Shapes: N images, C classes, G groups.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from probes.metrics.proportions import newcombe, wilson


def top_k_hits(similarities: np.ndarray, truth: np.ndarray, k: int) -> np.ndarray:
    """[N] bool: whether the right class is among the K most similar.

    A class as similar as the right one counts as above it: who cannot tell classes apart is not right.

    Parameters
    ----------
    similarities
        [N, C].
    truth
        [N] the right class of each image, 0 ... C-1.
    k
        From 1 to C.

    Raises
    ------
    ValueError
        K is no place of a ranking of C classes.
    """
    if not 1 <= k <= similarities.shape[1]:
        raise ValueError(f"the {k} highest of {similarities.shape[1]} classes do not exist")
    own = np.take_along_axis(similarities, np.asarray(truth)[:, None], axis=1)
    return (similarities >= own).sum(axis=1) <= k


def group_rates(
    hits: np.ndarray, groups: np.ndarray, *, n_groups: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Images, rate, and its Wilson interval in each group: n, rate, low, high, each [G]."""
    n = np.bincount(groups, minlength=n_groups)
    count = np.bincount(groups, weights=np.asarray(hits, np.float64), minlength=n_groups)
    low, high = wilson(count, n)
    with np.errstate(divide="ignore", invalid="ignore"):
        return n, count / n, low, high


def worst_group(rates: np.ndarray, *, harm: bool) -> int | None:
    """The group that fares worst: the lowest accuracy, or the highest rate of a harm.

    Of a harm the lowest rate is the best one; code that takes the minimum of whatever it is given names the
    group that is harmed least (worst-group accuracy: Sagawa et al. 2020).

    Parameters
    ----------
    rates
        [G]; NaN where a group has too few images.
    harm
        Whether the rate is one of a harm.

    Returns
    -------
    Its position; the first of equal ones, None where all are NaN.
    """
    rates = np.asarray(rates, np.float64)
    if np.isnan(rates).all():
        return None
    return int(np.nanargmax(rates) if harm else np.nanargmin(rates))


def resolution(correct: np.ndarray, is_first: np.ndarray) -> dict[str, tuple[float, float, float]]:
    """VisoGender's resolution accuracy and gap of two groups.

    RA = mean of the two groups' accuracies, gap = accuracy of the first - that of the second (Hall et al.
    2023, with masculine pronouns first).

    Parameters
    ----------
    correct
        [N] bool: whether the pronoun of the person shown is preferred.
    is_first
        [N] bool: whether the person is of the first group.

    Returns
    -------
    "accuracy", "gap": value, low, high. Newcombe's interval for the gap; that of the mean is built alike from
    the two Wilson intervals. NaN where a group has no image.
    """
    correct, is_first = np.asarray(correct, bool), np.asarray(is_first, bool)
    n = np.array([is_first.sum(), (~is_first).sum()])
    count = np.array([(correct & is_first).sum(), (correct & ~is_first).sum()])
    if not n.all():
        return dict.fromkeys(("accuracy", "gap"), (math.nan,) * 3)
    share = count / n
    low, high = wilson(count, n)
    below, above = np.hypot(*(share - low)) / 2, np.hypot(*(high - share)) / 2
    gap_low, gap_high = newcombe(count[0], n[0], count[1], n[1])
    mean = float(share.mean())
    return {
        "accuracy": (mean, max(0.0, mean - float(below)), min(1.0, mean + float(above))),
        "gap": (float(share[0] - share[1]), float(gap_low), float(gap_high)),
    }


def buckets(values: np.ndarray, cuts: Sequence[float]) -> tuple[np.ndarray, list[str]]:
    """Cut numbers into named buckets; a value at a cut belongs to the upper one.

    Cut points of income differ between publications, so their names hold them.

    Parameters
    ----------
    values
        [N] numbers; NaN where missing.
    cuts
        Ascending.

    Returns
    -------
    The bucket of each value, -1 where missing, and the names: "below 200", "200 to 685", "685 and more".

    Raises
    ------
    ValueError
        The cuts are none, or not ascending.
    """
    points = np.asarray(cuts, np.float64)
    if not len(points) or (np.diff(points) <= 0).any():
        raise ValueError("cut points must ascend")
    values = np.asarray(values, np.float64)
    codes = np.searchsorted(points, values, side="right")
    inner = [f"{low:g} to {high:g}" for low, high in pairwise(points)]
    return np.where(np.isnan(values), -1, codes), [f"below {points[0]:g}", *inner, f"{points[-1]:g} and more"]


def conditionals(hits: np.ndarray, groups: np.ndarray, *, n_groups: int) -> tuple[np.ndarray, np.ndarray]:
    """Both directions of an event in groups: P(event | group) and P(group | event), each [G].

    They differ wherever groups differ in size: most who are harmed may be of the largest group while another
    is harmed more often. NaN where a group has no image, or the event never happened.
    """
    n = np.bincount(groups, minlength=n_groups)
    count = np.bincount(groups, weights=np.asarray(hits, np.float64), minlength=n_groups)
    with np.errstate(divide="ignore", invalid="ignore"):
        return count / n, np.asarray(count / count.sum())
