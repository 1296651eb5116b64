"""Rates of small groups drawn towards all groups together: beta-binomial empirical Bayes."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from clipmodel.array_types import Floats

# Prior images looked at: from one, where groups differ as much as they can, to so many that they do not.
_PRIOR_SIZES = np.geomspace(1, 1e6, 61)


def shrunken_rates(count: ArrayLike, n: ArrayLike) -> Floats:
    """(x + A) / (n + A + B), with the A and B under which the groups' counts are likeliest.

    The range of shrunken rates is smaller than that of the true ones: to be read beside the raw rate and its
    interval, never instead. Of a family of groups the likelihood is profiled over A + B, the prior size; the
    mean A / (A + B) is the average rate, each group weighted by what it tells under that size.

    Parameters
    ----------
    count, n
        Shape [..., G].

    Returns
    -------
    Shape [..., G]; the prior mean for a group without images; NaN with fewer than two groups that have some.
    """
    x, size = np.broadcast_arrays(np.asarray(count, dtype=float), np.asarray(n, dtype=float))
    mean, prior = _likeliest(x, size)
    enough = np.count_nonzero(size > 0, axis=-1, keepdims=True) >= 2
    shrunk = (x + prior * mean) / (size + prior)
    return np.where(enough, shrunk, np.nan)


def _likeliest(x: Floats, size: Floats) -> tuple[Floats, Floats]:
    """Prior mean and prior size of each family, with a last axis of length one."""
    best = np.full((*x.shape[:-1], 1), -np.inf)
    mean, prior = np.zeros_like(best), np.full_like(best, _PRIOR_SIZES[-1])
    with np.errstate(invalid="ignore", divide="ignore"):
        rate = np.where(size > 0, x / size, 0.0)
    for candidate in _PRIOR_SIZES:
        # The variance of a rate under the prior: images of a group have the correlation 1 / (A + B + 1).
        weight = size / (1 + (size - 1) / (candidate + 1))
        with np.errstate(invalid="ignore"):
            centre = (weight * rate).sum(axis=-1, keepdims=True) / weight.sum(axis=-1, keepdims=True)
        likelihood = beta_binomial_log(x, size, centre, candidate).sum(axis=-1, keepdims=True)
        better = likelihood > best
        best = np.where(better, likelihood, best)
        mean, prior = np.where(better, centre, mean), np.where(better, candidate, prior)
    return mean, prior


def beta_binomial_log(x: Floats, n: Floats, mean: Floats, prior: float) -> Floats:
    """Log-likelihood of x events among n under Beta(A, B), A = mean * prior, up to a constant in x and n.

    0 where the mean is 0 or 1 and the counts agree with it, as all must where the mean is their average.
    """
    a, b = mean * prior, (1 - mean) * prior
    with np.errstate(invalid="ignore"):
        value = special.betaln(x + a, n - x + b) - special.betaln(a, b)
    return np.where((a > 0) & (b > 0), value, 0.0)
