"""Does a rate rise or fall along an ordered attribute? Slopes, a test, a smooth curve, from counts by level.

Each image i has a score s_i (years of age, a skin tone) and an event y_i, 0 or 1. All three use the counts of
clusters k at levels l: x_kl events among n_kl images. A cluster of one image makes them the ordinary ones.

Shapes: K clusters, L levels, B columns of a basis, P points of a curve.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from clipmodel.array_types import Floats

STEPS: Final = 50
TOLERANCE: Final = 1e-9
LARGEST_LOGIT: Final = 30.0
"""A larger logit is a fit that runs away: levels have all of the events or none, no finite slope is best."""
KNOTS: Final = {3: (0.1, 0.5, 0.9), 4: (0.05, 0.35, 0.65, 0.95)}
"""Quantiles of the scores at which a natural spline has its knots (Harrell 2015, section 2.4.6)."""


@dataclass(frozen=True, kw_only=True)
class LevelCounts:
    """Events and images by cluster and level.

    Attributes
    ----------
    events, images
        [K, L].
    single
        Whether every cluster is one image; K is then the number of levels, each row holding one level, since
        images of one level and one event count alike.
    scores
        [L] the number each level stands for.
    """

    events: Floats
    images: Floats
    scores: Floats
    single: bool = False

    @classmethod
    def independent(cls, events: ArrayLike, images: ArrayLike, scores: ArrayLike) -> LevelCounts:
        """Counts of independent images, from events and images [L]."""
        x, n = np.asarray(events, dtype=float), np.asarray(images, dtype=float)
        return cls(events=np.diag(x), images=np.diag(n), scores=np.asarray(scores, dtype=float), single=True)

    @property
    def n(self) -> float:
        """Images."""
        return float(self.images.sum())

    @property
    def clusters(self) -> int:
        """Clusters with an image; images where each is one."""
        return int(self.n) if self.single else int((self.images.sum(axis=1) > 0).sum())

    @property
    def freedom(self) -> float:
        """Degrees of freedom of a variance over clusters."""
        return max(self.clusters - 1.0, 1.0)

    def meat(self, fitted: Floats, basis: Floats, *, parameters: int) -> Floats:
        """[B, B] sum over clusters of the squared scores sum_l basis_l (x_kl - n_kl fitted_l), corrected.

        The correction K / (K - 1) x (N - 1) / (N - parameters) is that of the usual cluster-robust variance
        (Cameron & Miller 2015, section II.B).
        """
        if self.single:
            x, n = np.diag(self.events), np.diag(self.images)
            squares = x * (1 - fitted) ** 2 + (n - x) * fitted**2
            sums = (basis * squares[:, None]).T @ basis
        else:
            scores = (self.events - self.images * fitted) @ basis
            sums = scores.T @ scores
        k = float(self.clusters)
        factor = (
            k / (k - 1) * (self.n - 1) / (self.n - parameters) if k > 1 and self.n > parameters else np.nan
        )
        return np.asarray(sums * factor)


@dataclass(frozen=True, kw_only=True)
class Trend:
    """What `linear_trend` finds; NaN where it cannot be told.

    Attributes
    ----------
    slope, slope_low, slope_high
        Change of the rate for one unit of the score: least squares, with its 95 % interval.
    odds_ratio, odds_ratio_low, odds_ratio_high
        Factor by which the odds change for one unit: logistic regression.
    p
        Two-sided, of the test of Cochran and Armitage.
    """

    slope: float
    slope_low: float
    slope_high: float
    odds_ratio: float
    odds_ratio_low: float
    odds_ratio_high: float
    p: float


def linear_trend(counts: LevelCounts, *, confidence: float = 0.95) -> Trend:
    """The trend of a rate along scores.

    The test compares T = sum x (s - mean of s) with its variance under equal rates, which is estimated over
    clusters; of independent images it is the test of Cochran (1954) and Armitage (1955). The slopes have
    cluster-robust (sandwich) variances, equal to those of statsmodels' OLS and Logit with cov_type="cluster".
    Quantiles are Student's, of clusters less one.
    """
    x, n, s = counts.events.sum(axis=0), counts.images.sum(axis=0), counts.scores
    total, events = n.sum(), x.sum()
    t = float(special.stdtrit(counts.freedom, 0.5 + confidence / 2))
    nothing = np.nan
    if total < 3 or np.count_nonzero(n) < 2 or events in (0, total) or counts.clusters < 3:
        return Trend(
            slope=nothing, slope_low=nothing, slope_high=nothing, odds_ratio=nothing,
            odds_ratio_low=nothing, odds_ratio_high=nothing, p=nothing,
        )  # fmt: skip
    rate, centred = events / total, s - (n * s).sum() / total
    spread = (n * centred**2).sum()
    slope = (x * centred).sum() / spread
    line = rate + slope * centred
    error = np.sqrt(counts.meat(line, centred[:, None], parameters=2)[0, 0]) / spread
    logit = grouped_logistic(counts, np.column_stack([np.ones_like(s), centred]))
    odds, odds_error = logit.coefficients[1], np.sqrt(logit.covariance[1, 1])
    return Trend(
        slope=float(slope),
        slope_low=float(slope - t * error),
        slope_high=float(slope + t * error),
        odds_ratio=_finite_exp(odds),
        odds_ratio_low=_finite_exp(odds - t * odds_error),
        odds_ratio_high=_finite_exp(odds + t * odds_error),
        p=_armitage_p(counts, rate, centred),
    )


def _armitage_p(counts: LevelCounts, rate: float, centred: Floats) -> float:
    x, n = counts.events.sum(axis=0), counts.images.sum(axis=0)
    statistic = float((x * centred).sum())
    # The form of the published test: of independent images the variance follows from the common rate, so
    # that it has no degrees of freedom and the quantile is the normal one.
    if counts.single:
        variance = rate * (1 - rate) * float((n * centred**2).sum())
        return float(2 * special.ndtr(-abs(statistic) / np.sqrt(variance)))
    sums = (counts.events - counts.images * rate) @ centred
    variance = float((sums**2).sum()) * counts.clusters / (counts.clusters - 1)
    return (
        float(2 * special.stdtr(counts.freedom, -abs(statistic) / np.sqrt(variance)))
        if variance > 0
        else np.nan
    )


@dataclass(frozen=True, kw_only=True)
class LogisticFit:
    """Coefficients [B] of a logistic regression and their robust covariance [B, B]; NaN if none is best."""

    coefficients: Floats
    covariance: Floats


def grouped_logistic(counts: LevelCounts, basis: Floats) -> LogisticFit:
    """Maximum likelihood by Newton's method, with a cluster-robust covariance.

    Parameters
    ----------
    basis
        [L, B] the regressors at each level.

    Returns
    -------
    NaN throughout where the likelihood has no maximum (separation), or the basis is of lower rank.
    """
    x, n = counts.events.sum(axis=0), counts.images.sum(axis=0)
    width = basis.shape[1]
    none = LogisticFit(coefficients=np.full(width, np.nan), covariance=np.full((width, width), np.nan))
    beta = np.zeros(width)
    beta[0] = special.logit(np.clip(x.sum() / n.sum(), 1e-6, 1 - 1e-6))
    for _ in range(STEPS):
        logit = basis @ beta
        if np.abs(logit[n > 0]).max() > LARGEST_LOGIT:
            return none
        fitted = special.expit(logit)
        information = (basis * (n * fitted * (1 - fitted))[:, None]).T @ basis
        if np.linalg.matrix_rank(information) < width:
            return none
        step = np.linalg.solve(information, basis.T @ (x - n * fitted))
        beta = beta + step
        if np.abs(step).max() < TOLERANCE * (1 + np.abs(beta).max()):
            break
    else:
        return none
    fitted = special.expit(basis @ beta)
    bread = np.linalg.inv((basis * (n * fitted * (1 - fitted))[:, None]).T @ basis)
    return LogisticFit(
        coefficients=beta, covariance=bread @ counts.meat(fitted, basis, parameters=width) @ bread
    )


def natural_spline(values: ArrayLike, knots: ArrayLike) -> Floats:
    """[P, J - 2] the curved columns of a natural cubic spline with J knots, linear beyond the outer ones.

    In the form of Harrell (2015), section 2.4.5, in units of the squared range of the knots.
    """
    v, t = np.asarray(values, dtype=float)[:, None], np.asarray(knots, dtype=float)
    last, before, scale = t[-1], t[-2], (t[-1] - t[0]) ** 2

    def cube(at: float | Floats) -> Floats:
        return np.asarray(np.maximum(v - at, 0.0) ** 3)

    gap = last - before
    inner = t[:-2]
    curved = cube(inner) - cube(before) * (last - inner) / gap + cube(last) * (before - inner) / gap
    return np.asarray(curved / scale)


@dataclass(frozen=True, kw_only=True)
class SmoothRate:
    """A rate along a score: [P] points, rates, ends of pointwise 95 % intervals; and p that it is a line."""

    at: Floats
    rate: Floats
    low: Floats
    high: Floats
    curved_p: float


def smooth_rate(counts: LevelCounts, *, points: int = 25, confidence: float = 0.95) -> SmoothRate | None:
    """A logistic regression on a natural spline of the score.

    Four knots with at least six levels, three with four or five; fewer levels, or a fit that has no maximum,
    give None. Intervals are of each point alone, by the cluster-robust covariance; `curved_p` is Wald's test
    of the curved columns (F, of clusters less one).
    """
    n, s = counts.images.sum(axis=0), counts.scores
    present = n > 0
    distinct = int(np.unique(s[present]).size)
    if distinct < 4 or counts.clusters < 10:
        return None
    quantiles = KNOTS[4 if distinct >= 6 else 3]
    # Quantiles of the images, not of the levels: knots lie where images are. Ties leave fewer knots.
    knots = np.unique(np.quantile(np.repeat(s, n.astype(int)), quantiles))
    if knots.size < 3:
        return None
    fit = grouped_logistic(counts, _columns(s, knots))
    if np.isnan(fit.covariance).any():
        return None
    at = np.linspace(s[present].min(), s[present].max(), points)
    design = _columns(at, knots)
    logit = design @ fit.coefficients
    error = np.sqrt(np.maximum(np.einsum("ij,jk,ik->i", design, fit.covariance, design), 0.0))
    t = float(special.stdtrit(counts.freedom, 0.5 + confidence / 2))
    return SmoothRate(
        at=at,
        rate=special.expit(logit),
        low=special.expit(logit - t * error),
        high=special.expit(logit + t * error),
        curved_p=_wald_p(fit, counts.freedom),
    )


def _wald_p(fit: LogisticFit, freedom: float) -> float:
    # Behind the intercept and the line.
    curved, covariance = fit.coefficients[2:], fit.covariance[2:, 2:]
    if np.linalg.matrix_rank(covariance) < len(curved):
        return float("nan")
    statistic = float(curved @ np.linalg.solve(covariance, curved)) / len(curved)
    return float(special.fdtrc(len(curved), freedom, statistic))


def _columns(values: Floats, knots: Floats) -> Floats:
    return np.column_stack([np.ones_like(values), values - knots.mean(), natural_spline(values, knots)])


def _finite_exp(value: float) -> float:
    with np.errstate(over="ignore"):
        found = float(np.exp(value))
    # JSON, which the table is written to, has no infinity.
    return found if np.isfinite(found) else float("nan")
