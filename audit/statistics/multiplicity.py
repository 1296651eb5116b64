"""Adjusted p-values for many tests at once. NaN is a test not made: it stays NaN and counts for none."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def holm(p: ArrayLike) -> NDArray[np.float64]:
    """Holm's step-down adjustment (Holm 1979): controls the chance of any false rejection.

    Parameters
    ----------
    p
        p-values, shape [..., M]: each row along the last axis is one family.

    Returns
    -------
    Adjusted p-values of the same shape, at most 1.
    """
    ordered, order, rank, tested = _sort_families(p)
    return _restore(np.maximum.accumulate(ordered * (tested - rank), axis=-1), order)


def weighted_holm(p: ArrayLike, weight: ArrayLike, *, unseen: float = 0.0) -> NDArray[np.float64]:
    """Holm's step-down adjustment with weights (Holm 1979, section 3), under any dependence of the tests.

    The least p / weight is rejected if p is at most weight x level over the sum of all weights; the next one,
    over the sum of those that are left. So the chance of any false rejection is at most the level, whichever
    hypotheses are true.

    Parameters
    ----------
    p
        [M]; NaN is a test not made.
    weight
        [M], positive.
    unseen
        Weights of further hypotheses of the family, none of which is tested or rejected.

    Returns
    -------
    [M] adjusted p-values, at most 1.
    """
    values, share = np.asarray(p, dtype=float), np.asarray(weight, dtype=float)
    # statsmodels' multipletests has no weights.
    adjusted = np.full(values.shape, np.nan)
    tested = np.flatnonzero(~np.isnan(values))
    order = tested[np.argsort(values[tested] / share[tested], kind="stable")]
    left = unseen + share[order][::-1].cumsum()[::-1]
    steps = values[order] / share[order] * left
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0) if len(order) else steps
    return adjusted


def benjamini_hochberg(p: ArrayLike) -> NDArray[np.float64]:
    """Step-up adjustment of Benjamini & Hochberg 1995: controls the false discovery rate.

    Shapes and NaN as in `holm`.
    """
    ordered, order, rank, tested = _sort_families(p)
    # scipy's false_discovery_control refuses NaN. NaN is sorted last: `fmin` passes over it.
    scaled = ordered * tested / (rank + 1)
    smallest_from_here = np.fmin.accumulate(scaled[..., ::-1], axis=-1)[..., ::-1]
    return _restore(np.where(np.isnan(ordered), np.nan, smallest_from_here), order)


def max_t(observed: ArrayLike, permuted: ArrayLike) -> NDArray[np.float64]:
    """Step-down adjustment by the largest statistic of joint permutations (Westfall & Young 1993, 2.8).

    It knows how far tests depend on each other: where the same images meet many prompts, it finds more than
    `holm` at the same chance of any false rejection.

    Parameters
    ----------
    observed
        [M] statistics, large in absolute value where they speak against no disparity; NaN is no test.
    permuted
        [B, M], the same statistics after each joint permutation.

    Returns
    -------
    [M] adjusted p-values, the observed data counted as one of the permutations.
    """
    statistic = np.abs(np.asarray(observed, dtype=float))
    order = np.argsort(-np.where(np.isnan(statistic), -np.inf, statistic), kind="stable")
    values = np.nan_to_num(np.abs(np.asarray(permuted, dtype=float)))[:, order]
    # The largest of this and all lesser observed statistics; rounding must not part ties.
    largest = np.maximum.accumulate(values[:, ::-1], axis=1)[:, ::-1]
    reached = (largest >= statistic[order] - 1e-9).sum(axis=0)
    p = np.maximum.accumulate((1 + reached) / (1 + len(values)))
    adjusted = np.empty_like(statistic)
    adjusted[order] = p
    return np.where(np.isnan(statistic), np.nan, adjusted)


def _sort_families(
    p: ArrayLike,
) -> tuple[NDArray[np.float64], NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Sorted values (NaN last), their order, ranks from 0, and the tests made in each family."""
    values = np.asarray(p, dtype=float)
    order = np.argsort(values, axis=-1)
    rank = np.arange(values.shape[-1])
    tested = np.count_nonzero(~np.isnan(values), axis=-1, keepdims=True)
    return np.take_along_axis(values, order, axis=-1), order, rank, np.asarray(tested)


def _restore(ordered: NDArray[np.float64], order: NDArray[np.intp]) -> NDArray[np.float64]:
    adjusted = np.empty_like(ordered)
    np.put_along_axis(adjusted, order, np.minimum(ordered, 1.0), axis=-1)
    return adjusted
