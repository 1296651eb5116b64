"""Tests of equal proportions: array-level functions, exact where the expected counts are small."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from clipmodel.array_types import Floats

# Below an expected count of 5 the chi-squared distribution of a 2 x 2 table is poor (Cochran 1954).
SMALL_EXPECTED = 5.0
# Tables as likely as the observed one are as extreme; rounding must not part them.
_LOG_TIE = 1e-9


# A correction for many tests asks for p far below .05, where the score test of skewed counts is too small.
TAIL_EXPECTED, TAIL_P = 100.0, 0.05


def two_sided_p(count_1: ArrayLike, n_1: ArrayLike, count_2: ArrayLike, n_2: ArrayLike) -> Floats:
    """Two-sided p of p1 = p2: the score test's, and Fisher's where that is not to be trusted.

    Fisher's test takes over where an expected count is below 5, and where one is below 100 and the score
    test's p below .05: in 14 unequal groups x 20 probes without disparity, the score test alone raises more
    than its 5 % of false alarms. The arguments broadcast. NaN where either n is 0; 1 where the event happened
    never or always.
    """
    arrays = np.broadcast_arrays(*(np.asarray(a, dtype=float) for a in (count_1, n_1, count_2, n_2)))
    p = score_p(*arrays)
    expected = least_expected(*arrays)
    small = (expected < SMALL_EXPECTED) | ((expected < TAIL_EXPECTED) & (p < TAIL_P))
    if small.any():
        p[small] = fisher_p(*(a[small] for a in arrays))
    return p


def score_p(count_1: ArrayLike, n_1: ArrayLike, count_2: ArrayLike, n_2: ArrayLike) -> Floats:
    """Two-sided p of the pooled z test, which is Pearson's chi-squared without a continuity correction."""
    x1, n1, x2, n2 = (np.asarray(a, dtype=float) for a in (count_1, n_1, count_2, n_2))
    with np.errstate(divide="ignore", invalid="ignore"):
        pooled = (x1 + x2) / (n1 + n2)
        error = np.sqrt(pooled * (1 - pooled) * (1 / n1 + 1 / n2))
        z = np.where(error == 0, 0.0, (x1 / n1 - x2 / n2) / error)
    return np.where((n1 > 0) & (n2 > 0), 2 * special.ndtr(-np.abs(z)), np.nan)


def least_expected(count_1: Floats, n_1: Floats, count_2: Floats, n_2: Floats) -> Floats:
    """Smallest expected count of the 2 x 2 table under equal rates; NaN without images."""
    total, events = n_1 + n_2, count_1 + count_2
    with np.errstate(invalid="ignore"):
        return np.minimum(n_1, n_2) * np.minimum(events, total - events) / total


def fisher_p(count_1: ArrayLike, n_1: ArrayLike, count_2: ArrayLike, n_2: ArrayLike) -> Floats:
    """Two-sided p of Fisher's exact test, by summing all tables no likelier than the observed one.

    One-dimensional arrays of R tables; each distinct table is computed once, in [R, width of the widest
    support]. A support is at most the least margin plus one. NaN where either n is 0.
    """
    # scipy's fisher_exact takes one table at a time; an audit has many.
    columns = [np.atleast_1d(np.asarray(a, dtype=float)) for a in (count_1, n_1, count_2, n_2)]
    tables, inverse = np.unique(np.stack(columns, axis=-1), axis=0, return_inverse=True)
    x1, n1, x2, n2 = (tables[:, [column]] for column in range(4))
    events = x1 + x2
    first, last = np.maximum(events - n2, 0), np.minimum(events, n1)
    support = first + np.arange(int((last - first).max(initial=0)) + 1)
    with np.errstate(invalid="ignore"):
        log_mass = _log_choose(n1, support) + _log_choose(n2, events - support)
        log_mass = np.where(support <= last, log_mass, -np.inf)
        observed = _log_choose(n1, x1) + _log_choose(n2, x2)
    # Relative to the likeliest table: of many images all masses may be too small for a double.
    mass = np.exp(log_mass - log_mass.max(axis=1, keepdims=True))
    extreme = np.where(log_mass <= observed + _LOG_TIE, mass, 0.0)
    p = np.minimum(extreme.sum(axis=1) / mass.sum(axis=1), 1.0)
    p_values: Floats = np.where((n1 > 0) & (n2 > 0), p[:, None], np.nan)[inverse.ravel(), 0]
    return p_values


def homogeneity_p(count: ArrayLike, n: ArrayLike) -> Floats:
    """p of Pearson's chi-squared over G groups x {event, none}.

    Parameters
    ----------
    count, n
        Shape [..., G]. Groups without images take no part.

    Returns
    -------
    Shape [...]. NaN with fewer than two groups; 1 where the event happened never or always.
    """
    x, size = np.asarray(count, dtype=float), np.asarray(n, dtype=float)
    groups = np.count_nonzero(size > 0, axis=-1)
    statistic = _chi_squared(x, size)
    return np.where(groups >= 2, special.chdtrc(np.maximum(groups - 1, 1), statistic), np.nan)


def _chi_squared(count: ArrayLike, n: ArrayLike) -> Floats:
    """Pearson's statistic of [..., G] groups x {event, none}; 0 where the event happened never or always."""
    x, size = np.asarray(count, dtype=float), np.asarray(n, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        pooled = x.sum(axis=-1, keepdims=True) / size.sum(axis=-1, keepdims=True)
        terms = (x - size * pooled) ** 2 / (size * pooled * (1 - pooled))
    statistic: Floats = np.where(size > 0, np.nan_to_num(terms), 0.0).sum(axis=-1)
    return statistic


def permutation_homogeneity_p(
    count: ArrayLike, n: ArrayLike, *, replicates: int = 9999, seed: int = 0
) -> Floats:
    """p of the same chi-squared statistic by permutation, for tables too small for its distribution.

    The events are permuted over the images of all groups, which is a multivariate hypergeometric draw. Shapes
    and NaN as in `homogeneity_p`; the observed table counts as one of the draws.
    """
    x, size = np.broadcast_arrays(np.asarray(count, dtype=np.int64), np.asarray(n, dtype=np.int64))
    rng = np.random.default_rng(seed)
    flat_x, flat_n = x.reshape(-1, x.shape[-1]), size.reshape(-1, x.shape[-1])
    p = np.ones(len(flat_x))
    for row, (events, images) in enumerate(zip(flat_x, flat_n, strict=True)):
        drawn = rng.multivariate_hypergeometric(
            images, int(events.sum()), size=replicates, method="marginals"
        )
        statistic = _chi_squared(np.vstack([events, drawn]), images)
        p[row] = np.mean(statistic >= statistic[0] * (1 - _LOG_TIE))
    groups = np.count_nonzero(size > 0, axis=-1)
    return np.where(groups >= 2, p.reshape(x.shape[:-1]), np.nan)


def _log_choose(n: Floats, k: Floats) -> Floats:
    return special.gammaln(n + 1) - special.gammaln(k + 1) - special.gammaln(n - k + 1)
