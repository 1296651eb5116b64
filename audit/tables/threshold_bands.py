"""Simultaneous bands of threshold curves: intervals that hold at every threshold together.

The curve of a group is one minus the distribution function of its scores: the counts at all thresholds are
running sums of one histogram over the same images. A bootstrap of that histogram gives the distribution of
the most extreme deviation over all thresholds. Extreme is measured by the exact binomial tail, which means
the same in the thin end of a curve as in its middle, where standard errors would not. The 5 % quantile of
that tail then replaces 0.05 as the level of Clopper and Pearson's interval.

Where images come in clusters, the bootstrap is of as many images as those of the group are worth, and the
interval at each threshold is of the effective images there (Korn & Graubard 1998). The error of all points of
a curve comes from the same few clusters, so the most extreme deviation is divided by one root of chi-squared
over its degrees of freedom, and not each deviation by its own (as in Student's maximum modulus). That would
be too wide by itself: the errors are estimated at every threshold from what the clusters answer there, so
they are not all too small at once, and the answers of whole persons make smoother curves than indicators of
independent images. How much that is worth cannot be told from sums over clusters at single thresholds; it is
taken as `FREEDOM_OF_CURVE` times as many degrees of freedom.
"""

from __future__ import annotations

import zlib
from collections.abc import Hashable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from audit.statistics.proportion.intervals import clopper_pearson
from audit.tables.groups.group_counts import SPECIFICATION, group_attributes
from clipmodel.array_types import Floats

LEVEL = 0.05
TINY = 1e-12
"""Tails below it are taken for it: their normal deviation is 7."""
DRAWS = 999
FREEDOM_OF_CURVE = 2.0
"""Degrees of freedom of the error of a whole curve, in those of a single rate.

Of 1 and 2, by simulation with seed 0: bands of groups with clusters cover whole curves in .960 to .979 with 1
and in .947 to .973 with 2 (six scenarios, 750 curves each).
"""
SPREAD = 2.0
"""Images spread evenly over the histogram before it is resampled.

A bootstrap knows no scores where none was seen, so that its bands would be missed in the ends of a curve. Two
images bring the coverage from 0.91-0.94 to 0.94-0.96 (beta-distributed scores, 40 and 300 images).
"""


def with_bands(curves: pd.DataFrame, *, seed: int) -> pd.DataFrame:
    """Add `band_low` and `band_high` to the rates at every threshold.

    Parameters
    ----------
    curves
        As `audit.tables.rates.rate_table` makes it from `Records.curves`. A curve is what differs in the
        threshold only.
    seed
        Of the bootstrap; a curve's draws do not depend on the other curves.

    Returns
    -------
    The same rows with simultaneous 95 % bands before the note, NaN where the rate is.
    """
    curve_of = [name for name in SPECIFICATION if name != "threshold"] + group_attributes(curves)
    level = np.full(len(curves), np.nan)
    defined = curves["rate"].notna().to_numpy()
    n = curves["n"].to_numpy()
    # The count itself, but for images that stand for a population: there the weighted share of them.
    counts = np.rint(np.nan_to_num(curves["rate"].to_numpy()) * n).astype(np.int64)
    parts = curves.groupby(curve_of, sort=False).indices
    whole = {key: rows for key, rows in parts.items() if defined[rows].all()}

    effective = n / curves["design_effect"].to_numpy(dtype=float)
    freedom = curves["df"].to_numpy(dtype=float)
    factor = np.full(len(curves), np.nan)

    def level_of(key: Hashable, rows: NDArray[np.intp]) -> tuple[float, float]:
        # crc32, since Python's own hash of a string differs from one process to the next.
        rng = np.random.default_rng([seed, zlib.crc32(repr(key).encode())])
        return curve_level(
            counts[rows], int(n[rows[0]]), rng=rng, effective=effective[rows], freedom=freedom[rows]
        )

    # Threads help: NumPy draws, and SciPy sums the tails, without holding the interpreter's lock.
    with ThreadPoolExecutor() as pool:
        levels = pool.map(level_of, whole.keys(), whole.values())
        for rows, found in zip(whole.values(), levels, strict=True):
            level[rows], factor[rows] = found
    known = ~np.isnan(level)
    low, high = np.full((2, len(curves)), np.nan)
    own = curves[known]
    confidence = 1 - level[known]
    size = effective[known] * factor[known]
    low[known], high[known] = clopper_pearson(own["rate"] * size, size, confidence=confidence)
    front = [name for name in curves.columns if name != "note"]
    return curves.assign(band_low=low, band_high=high)[[*front, "band_low", "band_high", "note"]]


def curve_level(
    counts: NDArray[np.int64], n: int, *, rng: np.random.Generator, effective: Floats, freedom: Floats
) -> tuple[float, float]:
    """The level at which exact intervals of all points of a curve hold together at 95 %, and of what images.

    Parameters
    ----------
    counts
        [T] of the n images, how many reach each threshold; in any order. n is at least 1.
    effective, freedom
        [T] images that the n are worth at each threshold, and degrees of freedom of that; NaN or infinite
        where images are independent.

    Returns
    -------
    The level, and the factor by which effective images are fewer because few clusters tell how many they are:
    1 for independent images.
    """
    finite = freedom[np.isfinite(freedom)]
    if not len(finite):
        return pointwise_level(smallest_tails(counts, n, rng=rng)), 1.0
    # One number of images for the whole curve, since one histogram of whole images is resampled.
    size = max(round(float(np.median(effective))), 2)
    smallest = smallest_tails(np.rint(counts / n * size).astype(np.int64), size, rng=rng)
    level, nu = pointwise_level(smallest), FREEDOM_OF_CURVE * float(np.median(finite))
    # Deviations in units of a normal one: their most extreme, over the root of one chi-squared.
    extreme = -special.ndtri(np.maximum(smallest, TINY) / 2)
    joint = np.quantile(extreme / np.sqrt(rng.chisquare(nu, len(extreme)) / nu), 1 - LEVEL)
    single = -special.ndtri(level / 2)
    return level, float(min((single / joint) ** 2, 1.0))


def pointwise_level(smallest: Floats) -> float:
    """The level of exact intervals that hold together at 95 %, from `smallest_tails`; at most 0.05.

    The interval at this level covers the curve at a threshold just where the two-sided binomial tail of what
    was drawn there is above the level.
    """
    return float(min(np.quantile(smallest, LEVEL, method="lower"), LEVEL))


def smallest_tails(counts: NDArray[np.int64], n: int, *, rng: np.random.Generator) -> Floats:
    """[B] the smallest two-sided binomial tail over all thresholds, of curves drawn around this one.

    `counts` [T] are how many of the n images reach each threshold, in any order.
    """
    between = -np.diff(np.concatenate([[n], np.sort(counts)[::-1], [0]]))
    share = (between + SPREAD / len(between)) / (n + SPREAD)
    drawn = n - np.cumsum(rng.multinomial(n, share, size=DRAWS), axis=1)[:, :-1]
    return np.asarray(_tails(drawn, n, 1 - np.cumsum(share)[:-1]).min(axis=1))


def _tails(drawn: NDArray[np.int64], n: int, rates: NDArray[np.float64]) -> NDArray[np.float64]:
    """Two-sided binomial tails [B, T] of counts drawn [B, T] with T rates."""
    least, most = drawn.min(axis=0), drawn.max(axis=0)
    # Tails are summed once for every count between the extremes of a threshold, beginning with one below.
    width = most - least + 2
    start = np.cumsum(width) - width
    values = np.arange(width.sum()) + np.repeat(least - 1 - start, width)
    at_most = special.bdtr(values, n, np.repeat(rates, width))  # NaN below no event, where nothing lies
    tail = 2 * np.minimum(at_most[1:], 1 - np.nan_to_num(at_most[:-1]))
    return np.asarray(tail[drawn + (start - least)])
