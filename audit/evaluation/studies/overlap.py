"""What near-duplicates between training and evaluation images do to an accuracy (paper, section 5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from audit.statistics.multiplicity import holm
from audit.statistics.proportion.intervals import clopper_pearson

Bools = NDArray[np.bool_]
ALL: Final = "(all)"
# The paper's level (Radford et al. 2021, section 5).
CONFIDENCE: Final = 0.995
COLUMNS: Final = (
    "by", "group", "n", "duplicates", "share", "accuracy_all", "accuracy_clean", "accuracy_overlap",
    "overlap_low", "overlap_high", "inflation", "p", "p_adjusted",
)  # fmt: skip


def overlap_table(right: Bools, duplicate: Bools, groups: pd.DataFrame | None = None) -> pd.DataFrame:
    """Accuracy on all, on clean and on overlapping images, for all images and by group.

    Parameters
    ----------
    right, duplicate
        [N] whether each image is classified right, and whether a training image duplicates it.
    groups
        One column per attribute, [N] rows; missing values belong to no group.

    Returns
    -------
    One row per group: `inflation` is the accuracy on all images minus that on clean ones. overlap_low and
    overlap_high are the paper's 99.5 % Clopper-Pearson interval; p is its one-tailed binomial test of the
    overlapping images against the accuracy on the clean ones; p_adjusted is Holm's over the groups of an
    attribute. NaN where nothing overlaps or nothing is clean.
    """
    rows = [_row(ALL, ALL, right, duplicate)]
    for by in [] if groups is None else groups.columns:
        values = groups[by] if groups is not None else pd.Series()
        for group in sorted(values.dropna().unique(), key=str):
            own = (values == group).to_numpy()
            rows.append(_row(str(by), str(group), right[own], duplicate[own]))
    table = pd.DataFrame(rows)
    table["p_adjusted"] = table.groupby("by")["p"].transform(lambda p: holm(p.to_numpy(dtype=float)))
    return table[list(COLUMNS)]


def _row(by: str, group: str, right: Bools, duplicate: Bools) -> dict[str, object]:
    n, overlap = len(right), int(duplicate.sum())
    clean = _mean(right[~duplicate])
    count = int(right[duplicate].sum())
    low, high = clopper_pearson(count, overlap, confidence=CONFIDENCE)
    usable = overlap > 0 and np.isfinite(clean)
    # One-tailed: a leak can only raise the accuracy on images that were seen. sf(count - 1) = P(X >= count).
    p = float(stats.binom.sf(count - 1, overlap, clean)) if usable else float("nan")
    return {
        "by": by, "group": group, "n": n, "duplicates": overlap, "share": overlap / n if n else float("nan"),
        "accuracy_all": _mean(right), "accuracy_clean": clean, "accuracy_overlap": _mean(right[duplicate]),
        "overlap_low": float(low), "overlap_high": float(high), "inflation": _mean(right) - clean, "p": p,
    }  # fmt: skip


def _mean(values: Sequence[bool] | Bools) -> float:
    return float(np.mean(values)) if len(values) else float("nan")
