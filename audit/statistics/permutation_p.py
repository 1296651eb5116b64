"""From permuted statistics to p: sequential Monte Carlo, and a tail beyond the last draw.

A family of M tests asks for p of .01 / M, and a fixed number of draws cannot give it: 999 draws make the
least Bonferroni-adjusted p of 126 groups .126. Draws stop early if many of them reach the statistic (Besag &
Clifford 1991), and are extended by Student's tail if hardly any does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from scipy import special

from clipmodel.array_types import Floats

ENOUGH = 20
"""Draws that reach the statistic after which no more are made."""
LEAST = 1e-8
"""The least p: further out, Student's tail is no evidence of its own."""
ROUNDING = 1e-6
"""Statistics this close, relatively, are ties that rounding parted."""


def sequential_p(
    observed: float, draws: Iterator[Floats], *, freedom: float, least: Callable[[], float] = lambda: 0.0
) -> float:
    """Two-sided p of one statistic, from as many permutations as it needs.

    Parameters
    ----------
    observed
        A studentised statistic.
    draws
        Chunks of permuted statistics; read until `ENOUGH` of them reach the observed one, or to the end.
    freedom
        Degrees of freedom of the statistic's error.
    least
        Gives the least p that there can be, one in the number of labelings; asked beyond the last draw only.

    Returns
    -------
    h / l if the h-th draw that reaches it, h = `ENOUGH`, is the l-th (Besag & Clifford 1991). If all B draws
    are read: (1 + reached) / (1 + B) if ten draws or more reach it; otherwise Student's tail beyond the h-th
    largest draw, joined to the permutation distribution there, so that p is the share of draws beyond that
    point times the tail's own share. NaN for a statistic that is NaN.
    """
    if np.isnan(observed):
        return float("nan")
    size = abs(observed) * (1 - ROUNDING)
    seen: list[Floats] = []
    reached = n = 0
    for chunk in draws:
        # A labeling without a statistic counts as one that reaches it: p is too large rather than too
        # small.
        values = np.abs(np.nan_to_num(chunk, nan=np.inf))
        hits = np.flatnonzero(values >= size)
        if reached + len(hits) >= ENOUGH:
            return ENOUGH / (n + int(hits[ENOUGH - reached - 1]) + 1)
        reached, n = reached + len(hits), n + len(values)
        seen.append(values)
    counted = (1 + reached) / (1 + n)
    if reached >= ENOUGH // 2 or n <= ENOUGH:
        return counted
    joint = float(np.partition(np.concatenate(seen), -ENOUGH)[-ENOUGH])
    if not np.isfinite(joint):
        return counted
    beyond = special.stdtr(freedom, -size) / special.stdtr(freedom, -joint)
    return float(max(min(ENOUGH / n * beyond, counted), least(), LEAST))
