"""Rates of small groups drawn towards all groups together: beta-binomial empirical Bayes."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from clipmodel.array_types import Floats

# Prior images looked at: from one, where groups differ as much as they can, to so many that they do not.
_PRIOR_SIZES = np.geomspace(1, 1e6, 61)
_NUMBERS = 20_000
"""Prior sizes x families x groups that are looked at together: what the processor's cache holds."""


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
    flat = math.prod(x.shape[:-1]), x.shape[-1]
    families, n = x.reshape(flat), size.reshape(flat)
    step = max(1, _NUMBERS // max(len(_PRIOR_SIZES) * x.shape[-1], 1))
    parts = [
        _likeliest_of(families[start : start + step], n[start : start + step])
        for start in range(0, max(len(families), 1), step)
    ]
    mean, prior = (np.concatenate(each).reshape(*x.shape[:-1], 1) for each in zip(*parts, strict=True))
    return mean, prior


def _likeliest_of(x: Floats, size: Floats) -> tuple[Floats, Floats]:
    """Prior mean and prior size [S, 1] of families [S, G], all prior sizes [P, 1, 1] at once."""
    sizes = _PRIOR_SIZES[:, None, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        rate = np.where(size > 0, x / size, 0.0)
        # The variance of a rate under the prior: images of a group have the correlation 1 / (A + B + 1).
        weight = size / (1 + (size - 1) / (sizes + 1))
        centre = (weight * rate).sum(axis=-1, keepdims=True) / weight.sum(axis=-1, keepdims=True)
    likelihood = beta_binomial_log(x, size, centre, sizes).sum(axis=-1)
    # A family without images has none, and then no mean.
    likelihood = np.where(np.isnan(likelihood), -np.inf, likelihood)
    best, family = likelihood.argmax(axis=0), np.arange(len(x))
    known = likelihood[best, family] > -np.inf
    mean = np.where(known, centre[best, family, 0], 0.0)
    return mean[:, None], np.where(known, _PRIOR_SIZES[best], _PRIOR_SIZES[-1])[:, None]


def beta_binomial_log(x: Floats, n: Floats, mean: Floats, prior: Floats | float) -> Floats:
    """Log-likelihood of x events among n under Beta(A, B), A = mean * prior, up to a constant in x and n.

    0 where the mean is 0 or 1 and the counts agree with it, as all must where the mean is their average.
    """
    a, b = mean * prior, (1 - mean) * prior
    with np.errstate(invalid="ignore"):
        value = special.betaln(x + a, n - x + b) - special.betaln(a, b)
    return np.where((a > 0) & (b > 0), value, 0.0)
