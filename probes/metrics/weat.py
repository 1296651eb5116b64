"""Association of embeddings: WEAT and iEAT, SC-WEAT. Array-level functions that give estimates.

Effects are differences in units of a standard deviation, so they compare over models whose cosines have other
ranges. Their p-values and intervals are computed in `audit.statistics.standardised_differences`.

`probes.metrics.c_asc` has the same for a whole table of words and groups.

Shapes: X, Y targets, A, B attributes, D embedding.
"""

from __future__ import annotations

import math

import numpy as np

ROUNDING = 1e-6  # cosines this close, relatively, differ by rounding alone


def differential_association(targets: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """s(w, A, B): how much more similar each target is to the first attributes than to the second.

    The mean cosine with A less the mean cosine with B (Caliskan, Bryson & Narayanan 2017, p. 184).

    Parameters
    ----------
    targets, first, second
        [X, D], [A, D], [B, D]; of any length, cosines are taken.

    Returns
    -------
    [X] between -2 and 2.
    """
    w = _unit(targets)
    return np.asarray(w @ _unit(first).mean(axis=0) - w @ _unit(second).mean(axis=0))


def weat(x: np.ndarray, y: np.ndarray, a: np.ndarray, b: np.ndarray) -> float:
    """Word-embedding association test; on images, iEAT.

    d = (mean of s over X - mean of s over Y) / standard deviation of s over X and Y (ddof 1) (Caliskan et al.
    2017; for images Steed & Caliskan 2021).

    Parameters
    ----------
    x, y, a, b
        [X, D] and [Y, D] targets, [A, D] and [B, D] attributes.

    Raises
    ------
    ValueError
        A set is empty, or X and Y have fewer than three members together.
    """
    if min(map(len, (x, y, a, b))) == 0 or len(x) + len(y) < 3:
        raise ValueError("WEAT needs members in every set, and three targets")
    return standardised_difference(differential_association(x, a, b), differential_association(y, a, b))


def sc_weat(word: np.ndarray, a: np.ndarray, b: np.ndarray) -> float:
    """Single-category WEAT: one target, two sets of attributes.

    d = (mean cos(w, A) - mean cos(w, B)) / standard deviation of all cosines (ddof 1) (Caliskan et al. 2017,
    WEFAT, under the name of Wolfe & Caliskan 2022).

    Parameters
    ----------
    word
        [D] the target.
    a, b
        [A, D] and [B, D].
    """
    w = _unit(np.asarray(word)[None])[0]
    return standardised_difference(_unit(a) @ w, _unit(b) @ w)


def standardised_difference(first: np.ndarray, second: np.ndarray) -> float:
    """(mean of the first - mean of the second) / standard deviation of all; NaN if all are equal."""
    values = np.concatenate([first, second]).astype(np.float64)
    spread = values.std(ddof=1)
    # `not >` instead of `<=`: it is also true of NaN.
    if not spread > ROUNDING * max(1.0, float(np.abs(values).max())):
        return math.nan
    return float((np.mean(first) - np.mean(second)) / spread)


def _unit(vectors: np.ndarray) -> np.ndarray:
    vectors = np.asarray(vectors, np.float64)
    units: np.ndarray = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return units
