"""How wrong annotations would have to be to explain a gap.

Errors that strike both sides alike, at random, mix the groups: they narrow a gap and cannot make one, so what
was measured understates it (`gap_behind_noise`). To explain a gap, the errors must sit where they hurt: on
images of one group, and just on those with the outcome. `wrong_labels` counts how many of them it takes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from clipmodel.array_types import Floats


def wrong_labels(count_1: ArrayLike, n_1: ArrayLike, count_2: ArrayLike, n_2: ArrayLike) -> Floats:
    """Fewest group labels of group 1 that must be wrong for the two rates to be equal.

    The worst case: every one of them sits on an image that widens the gap (with the event where group 1 has
    the higher rate, without it where the lower), and belongs to group 2. Moving k such images makes the rates
    equal at k = (x1 n2 - x2 n1) / (n1 + n2 - x1 - x2), and the same of the images without the event.

    Parameters
    ----------
    count_1, n_1, count_2, n_2
        Events and images of the two groups, broadcast against each other.

    Returns
    -------
    A whole number of labels, 0 where the rates are equal; NaN where either n is 0.
    """
    x1, n1, x2, n2 = (np.asarray(a, dtype=float) for a in (count_1, n_1, count_2, n_2))
    excess = x1 * n2 - x2 * n1
    others = np.where(excess > 0, n1 + n2 - x1 - x2, x1 + x2)
    with np.errstate(divide="ignore", invalid="ignore"):
        # The small step keeps an exact whole number from being rounded up by the last bit.
        needed = np.ceil(np.abs(excess) / others - 1e-9)
    return np.where((n1 > 0) & (n2 > 0), np.where(excess == 0, 0.0, needed), np.nan)


def wrong_truths(count_1: ArrayLike, n_1: ArrayLike, count_2: ArrayLike, n_2: ArrayLike) -> Floats:
    """Fewest right answers annotated wrongly in one group that explain a gap in misclassification.

    An image whose annotated truth is wrong while the model is right counts as an error that was none. In the
    group of the higher rate, that many errors must be of this kind for the rates to be equal.

    Returns
    -------
    A whole number of annotations in the group of the higher rate; NaN where either n is 0.
    """
    x1, n1, x2, n2 = (np.asarray(a, dtype=float) for a in (count_1, n_1, count_2, n_2))
    with np.errstate(divide="ignore", invalid="ignore"):
        first, second = x1 - n1 * x2 / n2, x2 - n2 * x1 / n1
        needed = np.ceil(np.maximum(first, second) - 1e-9)
    return np.where((n1 > 0) & (n2 > 0), np.maximum(needed, 0.0), np.nan)


def gap_behind_noise(difference: ArrayLike, n_1: ArrayLike, n_2: ArrayLike, *, share: float) -> Floats:
    """The true gap behind a measured one if a share of all group labels is wrong at random.

    Each label of the two sides is taken to be the other one with probability `share`, whatever the outcome.
    Of the images labelled group 1, a part of them is then really of group 1, likewise of group 2, and the
    measured difference is the true one times (the sum of the two parts - 1).

    Parameters
    ----------
    difference
        As measured, of proportions.
    n_1, n_2
        Images labelled with either group.
    share
        Of wrong labels, from 0 to below 0.5.

    Returns
    -------
    The true difference, not clipped: beyond 1 or -1 no such noise can be behind what was measured. NaN where
    so many wrong labels would outnumber a group, and where either n is 0.

    Raises
    ------
    ValueError
        `share` lies outside [0, 0.5).
    """
    if not 0 <= share < 0.5:
        raise ValueError(f"share must lie in [0, 0.5), not {share!r}")
    d, n1, n2 = (np.asarray(a, dtype=float) for a in (difference, n_1, n_2))
    with np.errstate(divide="ignore", invalid="ignore"):
        labelled = n1 / (n1 + n2)
        truly = (labelled - share) / (1 - 2 * share)
        right_1 = (1 - share) * truly / labelled
        right_2 = (1 - share) * (1 - truly) / (1 - labelled)
        behind = d / (right_1 + right_2 - 1)
    return np.where((truly > 0) & (truly < 1) & (n1 > 0) & (n2 > 0), behind, np.nan)
