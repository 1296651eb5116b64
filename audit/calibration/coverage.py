"""Coverage of the intervals of an audit, one kind at a time, over sizes and rates.

Coverage is summed over all tables where there are few, and simulated where there are many. What the intervals
do within whole audits is in `whole_audits`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from audit.statistics.clusters.cluster_robust import (
    ClusterMoments,
    common_correlation,
    independent_precision,
    precision_of,
)
from audit.statistics.proportion.exact_intervals import exact_difference, exact_ratio
from audit.statistics.proportion.intervals import adjusted_wilson, clopper_pearson, newcombe, wilson
from audit.statistics.proportion.mantel_haenszel import mantel_haenszel_difference, standardised_difference
from audit.statistics.proportion.paired import newcombe_paired
from audit.statistics.proportion.proportions import Interval
from audit.tables.gaps import difference_interval, ratio_interval
from clipmodel.array_types import Floats
from clipmodel.progress import Progress

SIZES = (20, 30, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)
RATES = (0.01, 0.015, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5)
PAIRS_OF_RATES = ((0.01, 0.01), (0.01, 0.05), (0.05, 0.05), (0.05, 0.15), (0.1, 0.1), (0.1, 0.3), (0.3, 0.3),
                  (0.3, 0.5), (0.5, 0.5))  # fmt: skip
"""Rates of two groups, which are shown at equal sizes and against a reference 13 times as large."""
THE_REST_TIMES = 13
# Tables summed in full; beyond, so many are drawn.
_MOST_TABLES, _DRAWS = 30_000, 10_000
COVERAGE_COLUMNS = (
    "interval",
    "of",
    "n_1",
    "n_2",
    "rate_1",
    "rate_2",
    "coverage",
    "width",
    "undefined",
    "draws",
)


def coverage_table(*, seed: int = 0, progress: Progress | None = None) -> pd.DataFrame:
    """Coverage of every 95 % interval of the audit, over sizes from 20 to 10,000 and rates from .01 to .5.

    Returns
    -------
    Columns `COVERAGE_COLUMNS`: `of` is proportion, difference, ratio, paired difference, difference over
    strata or difference with clusters; `undefined` the share of tables for which the interval is NaN, which
    `coverage` leaves out; `draws` is 0 where all tables were summed.
    """
    rows: list[tuple[Any, ...]] = []
    points = [(n, times) for n in SIZES for times in (1, THE_REST_TIMES)]
    for number, (n, times) in enumerate(points, start=1):
        for position, (p1, p2) in enumerate(PAIRS_OF_RATES):
            rng = np.random.default_rng((seed, n, times, position))
            rows += _two_groups(n, n * times, p1, p2, rng)
            if times == 1:
                rows += _simulated(n, p1, p2, rng)
        if progress:
            progress("coverage", number, len(points))
    return pd.concat(
        [proportion_coverage(), pd.DataFrame(rows, columns=list(COVERAGE_COLUMNS))], ignore_index=True
    )


def proportion_coverage() -> pd.DataFrame:
    """Coverage of the intervals of one proportion, over all counts; columns as for `coverage_table`."""
    return pd.DataFrame(list(_proportions()), columns=list(COVERAGE_COLUMNS))


def _proportions() -> Iterator[tuple[Any, ...]]:
    intervals: Mapping[str, Callable[..., Interval]] = {
        "adjusted Wilson": adjusted_wilson, "Wilson": wilson, "Clopper-Pearson": clopper_pearson,
    }  # fmt: skip
    for n in SIZES:
        x = np.arange(n + 1)
        for rate in RATES:
            chance = _binomial(x, n, rate)
            for name, interval in intervals.items():
                yield (name, "proportion", n, 0, rate, np.nan, *_covered(interval(x, n), rate, chance), 0)


def _two_groups(n1: int, n2: int, p1: float, p2: float, rng: np.random.Generator) -> list[tuple[Any, ...]]:
    x1, x2, chance, draws = _tables(n1, n2, p1, p2, rng)
    intervals: tuple[tuple[str, str, Callable[..., Interval], float], ...] = (
        ("Newcombe", "difference", newcombe, p1 - p2),
        ("exact (gates)", "difference", exact_difference, p1 - p2),
        ("Katz or Koopman", "ratio", _ratio, p1 / p2),
        ("exact (gates)", "ratio", exact_ratio, p1 / p2),
    )
    sizes = np.full(len(x1), n1), np.full(len(x1), n2)
    return [
        (name, of, n1, n2, p1, p2, *_covered(interval(x1, sizes[0], x2, sizes[1]), truth, chance), draws)
        for name, of, interval, truth in intervals
    ]


def _ratio(x1: Floats, n1: Floats, x2: Floats, n2: Floats) -> Interval:
    sides = independent_precision(n1), independent_precision(n2)
    return ratio_interval(x1 / n1, sides[0], x2 / n2, sides[1])


def _tables(
    n1: int, n2: int, p1: float, p2: float, rng: np.random.Generator
) -> tuple[Floats, Floats, Floats, int]:
    """Events of both groups and the chance of each table: all likely ones, or a sample."""
    likely = [_likely(n, p) for n, p in ((n1, p1), (n2, p2))]
    if len(likely[0]) * len(likely[1]) <= _MOST_TABLES:
        x1, x2 = (a.ravel().astype(float) for a in np.meshgrid(*likely, indexing="ij"))
        chance = _binomial(x1, n1, p1) * _binomial(x2, n2, p2)
        return x1, x2, chance / chance.sum(), 0
    drawn = np.stack([rng.binomial(n1, p1, _DRAWS), rng.binomial(n2, p2, _DRAWS)], axis=1)
    tables, times = np.unique(drawn, axis=0, return_counts=True)
    return tables[:, 0].astype(float), tables[:, 1].astype(float), times / _DRAWS, _DRAWS


def _simulated(n: int, p1: float, p2: float, rng: np.random.Generator) -> list[tuple[Any, ...]]:
    """Intervals of paired, stratified and clustered differences, of 2,000 draws each."""
    draws = 2000
    each = np.full(draws, 1 / draws)
    shared = min(p1, p2) * 0.6
    paired = rng.multinomial(n, [shared, p1 - shared, p2 - shared, 1 - p1 - p2 + shared], size=draws).T
    rows = [("Newcombe, paired", "paired difference", n, n, p1, p2,
             *_covered(newcombe_paired(*paired), p1 - p2, each), draws)]  # fmt: skip
    strata1, strata2 = (
        np.maximum(1, np.rint(n * np.array(shares)).astype(int))
        for shares in ((0.2, 0.3, 0.5), (0.5, 0.3, 0.2))
    )
    shift = np.array([-0.5, 0.0, 0.5]) * min(p1, p2)
    x1, x2 = rng.binomial(strata1, p1 + shift, (draws, 3)), rng.binomial(strata2, p2 + shift, (draws, 3))
    for name, estimate in (
        ("Mantel-Haenszel", mantel_haenszel_difference),
        ("standardised", standardised_difference),
    ):
        interval = estimate(x1, strata1, x2, strata2)[1:]
        rows.append((name, "difference over strata", n, n, p1, p2, *_covered(interval, p1 - p2, each), draws))
    if 100 <= n <= 2000:
        interval = _clustered(n, p1, p2, draws=500, rng=rng)
        covered = _covered(interval, p1 - p2, np.full(500, 1 / 500))
        rows.append(("joined Wilson, clusters of 4", "difference with clusters", n, n, p1, p2, *covered, 500))
    return rows


def _clustered(n: int, p1: float, p2: float, *, draws: int, rng: np.random.Generator) -> Interval:
    """Clusters of four images with a correlation of .4 within a cluster, half of them on either side."""
    clusters, sides = n // 4, []
    for p in (p1, p2):
        # A + B = 1.5: images of a cluster have the correlation 1 / (A + B + 1).
        own = rng.beta(p * 1.5, (1 - p) * 1.5, size=(draws, clusters, 1))
        sides.append(ClusterMoments.of(rng.binomial(4, own), np.full((clusters, 1), 4)))
    precision = [precision_of(one, common_correlation(one)) for one in sides]
    low, high = difference_interval(sides[0].rate, precision[0], sides[1].rate, precision[1])
    return low[:, 0], high[:, 0]


def _covered(interval: Interval, truth: float, chance: Floats) -> tuple[float, float, float]:
    """Coverage and mean width where the interval is defined, and the share where it is not."""
    low, high = interval
    # An upper limit that is infinite covers, and has no width.
    defined = ~(np.isnan(low) | np.isnan(high))
    within = (low <= truth) & (truth <= high)
    finite = defined & np.isfinite(high)
    weight = chance[defined].sum()
    width = np.average((high - low)[finite], weights=chance[finite]) if finite.any() else np.nan
    return float(chance[defined & within].sum() / weight), float(width), float(1 - weight / chance.sum())


def _likely(n: int, rate: float) -> NDArray[np.int64]:
    """Events that are not beyond all odds: within seven standard deviations, or eight events."""
    reach = 7 * np.sqrt(n * rate * (1 - rate)) + 8
    return np.arange(max(0, int(n * rate - reach)), min(n, int(n * rate + reach)) + 1)


def _binomial(x: NDArray[Any], n: int, rate: float) -> Floats:
    log = special.gammaln(n + 1) - special.gammaln(x + 1) - special.gammaln(n - x + 1)
    return np.asarray(np.exp(log + x * np.log(rate) + (n - x) * np.log1p(-rate)))
