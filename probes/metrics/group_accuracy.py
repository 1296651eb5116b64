"""Accuracy over groups and buckets.

Shapes: N images, C classes, G groups.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np


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
    # ">=" counts the right class itself, hence "<= k".
    right: np.ndarray = (similarities >= own).sum(axis=1) <= k
    return right


def group_rates(hits: np.ndarray, groups: np.ndarray, *, n_groups: int) -> tuple[np.ndarray, np.ndarray]:
    """Images and rate of each group: n, rate, both [G]; NaN without images."""
    n = np.bincount(groups, minlength=n_groups)
    count = np.bincount(groups, weights=np.asarray(hits, np.float64), minlength=n_groups)
    with np.errstate(divide="ignore", invalid="ignore"):
        return n, count / n


def worst_group(rates: np.ndarray, *, harm: bool) -> int | None:
    """The worst group: the one with the lowest accuracy, or the highest rate of a harm.

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
