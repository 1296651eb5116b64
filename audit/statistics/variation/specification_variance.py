"""Where the spread of a gap over the specifications comes from: sampling, design, prompt, threshold.

The model. In specification s the measured gap is d_s = delta_s + e_s: delta_s is what all images of the
population would show, e_s the error of having sampled these. The deltas of these specifications are as they
are, no random sample, and split as in an analysis of variance: a mean, main effects of class design,
template and threshold (the rule and its threshold are one factor), and the rest, their interactions. With the
projection A of a part, d'Ad overstates its sum of squares by trace(A Sigma), Sigma being the covariance of
the errors: the same images answer in every specification, so they are not independent. That is subtracted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd

from audit.statistics.row_numbers import number_rows
from clipmodel.array_types import Floats

FACTORS: Final[Mapping[str, tuple[str, ...]]] = {
    "design": ("design",),
    "template": ("template",),
    "threshold": ("rule", "threshold"),
}
PARTS: Final = ("sampling", *FACTORS, "interaction")


def factor_bases(specifications: pd.DataFrame) -> dict[str, Floats]:
    """What each factor, and then the interactions, can change in the gaps of S specifications.

    Parameters
    ----------
    specifications
        S rows with the columns of `FACTORS`. Where they are not fully crossed, what two factors share is
        counted for the first of them.

    Returns
    -------
    For each of `PARTS` but the sampling an orthonormal basis [S, degrees of freedom].
    """
    n = len(specifications)
    taken = np.full((n, 1), 1 / np.sqrt(n))
    bases = {}
    for name, columns in FACTORS.items():
        bases[name] = _beyond(_indicators(specifications, columns), taken)
        taken = np.hstack([taken, bases[name]])
    return bases | {"interaction": _beyond(np.eye(n), taken)}


def variance_parts(differences: Floats, covariance: Floats, bases: Mapping[str, Floats]) -> dict[str, float]:
    """Split the variance of a gap over the specifications.

    Parameters
    ----------
    differences
        [S] the measured gaps.
    covariance
        [S, S] of their sampling errors.
    bases
        As `factor_bases` makes them of the S specifications.

    Returns
    -------
    A variance for each of `PARTS`: `sampling` is the mean over the specifications of the variance of a single
    gap, the others are mean squares of effects, free of sampling noise on average and 0 where the noise
    explains all of them. NaN where the covariance is.
    """
    if np.isnan(covariance).any() or np.isnan(differences).any():
        return dict.fromkeys(PARTS, float("nan"))
    effects = {name: _corrected(basis, differences, covariance) for name, basis in bases.items()}
    return {"sampling": float(np.trace(covariance)) / len(differences), **effects}


def _indicators(specifications: pd.DataFrame, columns: Sequence[str]) -> Floats:
    level = number_rows(specifications[list(columns)])
    return np.asarray(level[:, None] == np.arange(level.max(initial=0) + 1), dtype=float)


def _beyond(columns: Floats, taken: Floats) -> Floats:
    """Orthonormal basis of what `columns` span beyond `taken`, itself orthonormal."""
    rest = columns - taken @ (taken.T @ columns)
    left, size, _ = np.linalg.svd(rest, full_matrices=False)
    return np.asarray(left[:, size > 1e-9])


def _corrected(basis: Floats, differences: Floats, covariance: Floats) -> float:
    if not basis.shape[1]:
        return 0.0
    found = float(np.sum((basis.T @ differences) ** 2)) - float(np.trace(basis.T @ covariance @ basis))
    return max(found / len(differences), 0.0)
