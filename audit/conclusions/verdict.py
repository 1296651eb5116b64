"""The one rule by which intervals and a margin become a verdict: gates and comparisons both use it."""

from __future__ import annotations

from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike

Verdict = Literal["PASS", "FAIL", "INCONCLUSIVE", "NO GATE"]
PASS: Final = "PASS"
FAIL: Final = "FAIL"
INCONCLUSIVE: Final = "INCONCLUSIVE"
NO_GATE: Final = "NO GATE"


def verdict_of(
    low: ArrayLike,
    high: ArrayLike,
    *,
    allowed: tuple[float, float],
    low_to_pass: ArrayLike | None = None,
    high_to_pass: ArrayLike | None = None,
) -> Verdict:
    """Judge intervals [R] by the values that are allowed.

    FAIL if one interval lies wholly outside; PASS if every interval lies inside; INCONCLUSIVE otherwise.

    Parameters
    ----------
    low, high
        [R] limits that hold together: one of them outside is a failure. NaN for a row that cannot be judged;
        it never fails, and nothing passes with it.
    allowed
        The lowest and the highest allowed value; either may be infinite.
    low_to_pass, high_to_pass
        [R] limits that decide a PASS, if those are others. A PASS asserts every row at once, which is an
        intersection-union test: two one-sided tests at 5 % in each row, which is a 90 % interval, need no
        correction for the number of rows (Berger & Hsu 1996).

    Returns
    -------
    INCONCLUSIVE without rows.

    Examples
    --------
    >>> verdict_of([0.01, 0.06], [0.03, 0.09], allowed=(-0.05, 0.05))
    'FAIL'
    """
    lowest, highest = allowed
    below, above = np.asarray(low, dtype=float), np.asarray(high, dtype=float)
    if bool(np.any((below > highest) | (above < lowest))):
        return FAIL
    inner_low = below if low_to_pass is None else np.asarray(low_to_pass, dtype=float)
    inner_high = above if high_to_pass is None else np.asarray(high_to_pass, dtype=float)
    inside = (inner_low >= lowest) & (inner_high <= highest)
    return PASS if inside.size and bool(inside.all()) else INCONCLUSIVE
