"""Hierarchical estimates of the rates of crossed groups: main effects, an interaction, and their uncertainty.

The rate of a small cell is drawn towards what its attributes say alone, the more so the fewer images it has
and the less the cells of the grouping differ from that. With x_g events among n_g images of cell g,

    x_g ~ Binomial(n_g, expit(eta_g)),   eta_g = mu + sum_a u_a(g) + w_g,
    u_a ~ N(0, sd_main^2),   w ~ N(0, sd_interaction^2),

and half-normal priors on the two standard deviations. A grouping by one attribute has w alone. For each pair
of standard deviations on a grid, eta is approximated by its Gaussian at the mode, and its likelihood by
Laplace (Rasmussen & Williams 2006, section 3.4); the grid is then averaged over, so that the intervals know
that the standard deviations are estimated. Woodbury's identity keeps every solve at the size of the levels.

S families, G cells, L effects (1 + levels of all attributes), H points of the grid.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from clipmodel.array_types import Codes, Floats

SD_INTERACTION: Final = (0.02, 0.1, 0.2, 0.35, 0.55, 0.8, 1.2, 1.8, 2.6)
SD_MAIN: Final = (0.05, 0.25, 0.5, 1.0, 2.0)
# Of the intercept around the logit of the family's rate: as weak as the priors below.
SD_INTERCEPT: Final = 2.0
PRIOR_SD: Final = 2.0
"""Scale of the half-normal priors, in logits, of which 1 takes a rate from 20 % to 40 %: they say little."""
# A full step of Newton's method overshoots where a cell has few events, and a logit of 12 (a rate within
# 1e-5 of 0 or 1) leaves its images almost no weight in the next step.
STEPS: Final = 25
LARGEST_STEP: Final = 2.0
LARGEST_LOGIT: Final = 12.0
CONFIDENCE: Final = 0.95
_CELLS: Final = 4_000_000
"""Families x cells x effects that are fitted together."""


@dataclass(frozen=True, kw_only=True)
class PooledRates:
    """Partially pooled rates [S, G], and the ends of their intervals."""

    rate: Floats
    low: Floats
    high: Floats


def pooled_rates(
    count: ArrayLike, n: ArrayLike, levels: ArrayLike, *, confidence: float = CONFIDENCE
) -> PooledRates:
    """Estimate the rates of all cells of a grouping together.

    Parameters
    ----------
    count, n
        [S, G] events and images. Images that depend on each other enter as effective counts: both divided by
        the design effect. A cell without images is estimated from its attributes.
    levels
        [G, A] the level of each attribute of a cell, from 0.
    confidence
        Of the intervals. They hold on average over the cells of a grouping, not for every cell whatever its
        rate: the price of the smaller error.

    Returns
    -------
    Posterior means of the rates and equal-tailed intervals; NaN for a family in which fewer than two cells
    have images.

    Examples
    --------
    >>> pooled_rates([[1, 30, 28]], [[3, 100, 100]], [[0], [1], [2]]).rate.round(2)
    array([[0.3 , 0.3 , 0.28]])
    """
    x, size = np.broadcast_arrays(np.asarray(count, dtype=float), np.asarray(n, dtype=float))
    design, n_main = _design(np.asarray(levels, dtype=np.intp))
    step = max(1, _CELLS // max(design.size, 1))
    parts = [
        _pooled(x[start : start + step], size[start : start + step], design, n_main, confidence)
        for start in range(0, max(len(x), 1), step)
    ]
    return PooledRates(
        rate=np.concatenate([part.rate for part in parts]),
        low=np.concatenate([part.low for part in parts]),
        high=np.concatenate([part.high for part in parts]),
    )


def _pooled(x: Floats, size: Floats, design: Floats, n_main: int, confidence: float) -> PooledRates:
    """The estimates of some families together."""
    total = size.sum(axis=1, keepdims=True)
    # Half an event and half an image without it: the logit of a rate of 0 or 1 is infinite.
    centre = special.logit((x.sum(axis=1, keepdims=True) + 0.5) / (total + 1.0))
    grid = list(product(SD_MAIN if n_main else (1.0,), SD_INTERACTION))
    fits: list[_Fit] = []
    for main, own in grid:
        # The mode at the last point of the grid is close to that of the next one.
        start = fits[-1].mean if fits else centre
        fits.append(_fit(x, size, design, centre, main=main, interaction=own, start=start))
    prior = np.array([_log_prior(main, own, has_main=n_main > 0) for main, own in grid])
    evidence = np.stack([fit.evidence for fit in fits]) + prior[:, None]
    weight = special.softmax(evidence, axis=0)[..., None]  # [H, S, 1]
    mean = np.stack([fit.mean for fit in fits])
    variance = np.stack([fit.variance for fit in fits])
    middle = (weight * mean).sum(axis=0)
    spread = np.sqrt((weight * (variance + (mean - middle) ** 2)).sum(axis=0))
    z = special.ndtri((1 + confidence) / 2)
    rate = (weight * _mean_of_expit(mean, variance)).sum(axis=0)
    enough = np.count_nonzero(size > 0, axis=1)[:, None] >= 2
    ends = (special.expit(middle - z * spread), special.expit(middle + z * spread))
    rate, low, high = (np.where(enough, part, np.nan) for part in (rate, *ends))
    return PooledRates(rate=rate, low=low, high=high)


@dataclass(frozen=True, kw_only=True)
class _Fit:
    """Gaussian approximation at one point of the grid: mean, variance [S, G], log evidence [S]."""

    mean: Floats
    variance: Floats
    evidence: Floats


def _design(levels: Codes) -> tuple[Floats, int]:
    """[G, L] an intercept, and an indicator a level if there are several attributes; the number of those."""
    cells = len(levels)
    columns = [np.ones((cells, 1))]
    if levels.shape[1] > 1:
        columns += [np.eye(int(code.max(initial=-1)) + 1)[code] for code in levels.T]
    design = np.concatenate(columns, axis=1)
    return design, design.shape[1] - 1


def _fit(
    x: Floats, size: Floats, design: Floats, centre: Floats, *, main: float, interaction: float,
    start: Floats | None = None,
) -> _Fit:  # fmt: skip
    """The fit at one point of the grid, by Newton's method from `start`."""
    prior = np.full(design.shape[1], main**2)
    prior[0] = SD_INTERCEPT**2
    own = interaction**2
    eta = np.broadcast_to(centre if start is None else start, x.shape).copy()
    for _ in range(STEPS):
        step = _posterior(x, size, design, centre, eta, prior=prior, own=own)[0] - eta
        eta = np.clip(eta + np.clip(step, -LARGEST_STEP, LARGEST_STEP), -LARGEST_LOGIT, LARGEST_LOGIT)
        if np.abs(step).max(initial=0.0) < 1e-4:  # the last step below squares what is left
            break
    mean, alpha, weight, precision = _posterior(x, size, design, centre, eta, prior=prior, own=own)
    covariance = np.linalg.inv(precision)
    kept = 1 / (1 + own * weight)  # share of the effects' uncertainty that the cell's own images leave
    of_effects = ((design @ covariance) * design).sum(axis=-1)
    likelihood = (x * mean - size * np.logaddexp(0, mean)).sum(axis=1)
    log_det = np.log1p(own * weight).sum(axis=1) + np.linalg.slogdet(precision)[1] + np.log(prior).sum()
    penalty = (alpha * (mean - centre)).sum(axis=1)
    return _Fit(
        mean=mean,
        variance=own * kept + kept**2 * of_effects,
        evidence=likelihood - 0.5 * penalty - 0.5 * log_det,
    )


def _posterior(
    x: Floats, size: Floats, design: Floats, centre: Floats, eta: Floats, *, prior: Floats, own: float
) -> tuple[Floats, Floats, Floats, Floats]:
    """A Newton step from `eta`: the new mode, its dual, the weights, the precision of the effects."""
    p = special.expit(eta)
    weight = size * p * (1 - p)
    scaled = (weight * (eta - centre) + x - size * p) / (1 + own * weight)
    inverse = weight / (1 + own * weight)
    precision = np.diag(1 / prior) + (design.T * inverse[:, None, :]) @ design
    effects = np.linalg.solve(precision, (scaled @ design)[..., None])[..., 0]
    alpha = scaled - inverse * (effects @ design.T)
    mode = centre + (prior * (alpha @ design)) @ design.T + own * alpha
    return mode, alpha, weight, precision


def _log_prior(main: float, own: float, *, has_main: bool) -> float:
    """Half-normal densities, each times the width of the grid around its point."""
    density = -0.5 * (own / PRIOR_SD) ** 2 + np.log(_width(SD_INTERACTION, own))
    if has_main:
        density += -0.5 * (main / PRIOR_SD) ** 2 + np.log(_width(SD_MAIN, main))
    return float(density)


def _width(grid: tuple[float, ...], point: float) -> float:
    edges = np.concatenate([[0.0], (np.array(grid[1:]) + np.array(grid[:-1])) / 2, [grid[-1] * 1.25]])
    return float(np.diff(edges)[grid.index(point)])


def _mean_of_expit(mean: Floats, variance: Floats) -> Floats:
    """Mean of expit of a Gaussian, within 0.01 (MacKay 1992, "The evidence framework")."""
    return np.asarray(special.expit(mean / np.sqrt(1 + np.pi * variance / 8)))
