"""Simultaneous bands of threshold curves: intervals that hold at every threshold together.

The curve of a group is one minus the distribution function of its scores: the counts at all thresholds are
running sums of one histogram over the same images. A bootstrap of that histogram gives the distribution of
the most extreme deviation over all thresholds. Extreme is measured by the exact binomial tail, which means
the same in the thin end of a curve as in its middle, where standard errors would not. The 5 % quantile of
that tail then replaces 0.05 as the level of Clopper and Pearson's interval.

Where images come in clusters, the interval at each threshold is of effective images there, with the degrees
of freedom of the group's clusters (Korn & Graubard 1998). The level remains that of independent images: the
indicators of single images make the roughest of curves, and the answers of whole persons only smoother ones,
whose extremes are less extreme.
"""

from __future__ import annotations

import zlib
from collections.abc import Hashable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from audit.statistics.clusters.cluster_robust import shortened
from audit.statistics.proportion.intervals import clopper_pearson
from audit.tables.group_counts import SPECIFICATION, group_attributes

LEVEL = 0.05
DRAWS = 999
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
        As `disparity.rate_table` makes it from `Records.curves`. A curve is what differs in the threshold
        only.
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

    def level_of(key: Hashable, rows: NDArray[np.intp]) -> float:
        rng = np.random.default_rng([seed, zlib.crc32(repr(key).encode())])
        return pointwise_level(counts[rows], int(n[rows[0]]), rng=rng)

    # Threads help: NumPy draws, and SciPy sums the tails, without holding the interpreter's lock.
    with ThreadPoolExecutor() as pool:
        levels = pool.map(level_of, whole.keys(), whole.values())
        for rows, found in zip(whole.values(), levels, strict=True):
            level[rows] = found
    known = ~np.isnan(level)
    low, high = np.full((2, len(curves)), np.nan)
    own = curves[known]
    confidence = 1 - level[known]
    size = shortened(own["n"] / own["design_effect"], own["df"], confidence=confidence)
    low[known], high[known] = clopper_pearson(own["rate"] * size, size, confidence=confidence)
    front = [name for name in curves.columns if name != "note"]
    return curves.assign(band_low=low, band_high=high)[[*front, "band_low", "band_high", "note"]]


def pointwise_level(counts: NDArray[np.int64], n: int, *, rng: np.random.Generator) -> float:
    """The level at which exact intervals of all points of a curve hold together at 95 %.

    Parameters
    ----------
    counts
        [T] of the n images, how many reach each threshold; in any order. n is at least 1.

    Returns
    -------
    At most 0.05. The interval at this level covers the curve at a threshold just where the two-sided binomial
    tail of what was drawn there is above the level.
    """
    between = -np.diff(np.concatenate([[n], np.sort(counts)[::-1], [0]]))
    share = (between + SPREAD / len(between)) / (n + SPREAD)
    drawn = n - np.cumsum(rng.multinomial(n, share, size=DRAWS), axis=1)[:, :-1]
    smallest = _tails(drawn, n, 1 - np.cumsum(share)[:-1]).min(axis=1)
    return float(min(np.quantile(smallest, LEVEL, method="lower"), LEVEL))


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
