"""What an audit of this size could have seen: printed beside every gap that was not found."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special


def smallest_detectable_gap(
    rate: ArrayLike, n_1: ArrayLike, n_2: ArrayLike, *, power: float = 0.8, alpha: float = 0.05
) -> NDArray[np.float64]:
    """Difference of two proportions that a two-sided test finds with the given power.

    (z_{1 - alpha/2} + z_{power}) sqrt(p (1 - p) (1/n1 + 1/n2)); see Fleiss, Levin & Paik 2003, section 4.

    Parameters
    ----------
    rate
        The common rate p, between 0 and 1.
    n_1, n_2
        Images of the two groups.

    Returns
    -------
    The gap, at most 1; NaN where a group is empty or the rate is NaN.

    Raises
    ------
    ValueError
        `power` or `alpha` does not lie strictly between 0 and 1.
    """
    if not (0 < power < 1 and 0 < alpha < 1):
        raise ValueError(f"power and alpha must lie between 0 and 1, not {power!r} and {alpha!r}")
    p = np.asarray(rate, dtype=float)
    size1, size2 = (np.where(np.asarray(n) == 0, np.nan, n).astype(float) for n in (n_1, n_2))
    quantiles = special.ndtri(1 - alpha / 2) + special.ndtri(power)
    return np.minimum(quantiles * np.sqrt(p * (1 - p) * (1 / size1 + 1 / size2)), 1.0)


def cautious_rate(count: ArrayLike, n: ArrayLike, *, alpha: float = 0.05) -> NDArray[np.float64]:
    """The rate count / n, kept away from 0 and 1 by Wilson's limit for no event among n.

    Without this, groups in which nothing was seen would be said to make any gap detectable: the formula
    gives 0 at a rate of 0. The limit is z^2 / (n + z^2), about four events; NaN where n is 0.
    """
    size = np.where(np.asarray(n) == 0, np.nan, n).astype(float)
    z2 = special.ndtri(1 - alpha / 2) ** 2
    # One half where there are fewer than four images: the limits would cross.
    margin = np.minimum(z2 / (size + z2), 0.5)
    return np.clip(np.asarray(count, dtype=float) / size, margin, 1 - margin)
