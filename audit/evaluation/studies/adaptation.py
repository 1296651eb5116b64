"""What fitting a linear classifier does to accuracy, under shift too, and to differences of groups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from audit.evaluation.paired_answers import compare_answers
from audit.statistics.multiplicity import holm

Bools = NDArray[np.bool_]
MIN_GROUP: Final = 10
GAP_COLUMNS: Final = (
    "dataset", "by", "group", "reference", "n_group", "n_reference", "gap_zero_shot", "gap_adapted", "change",
    "low", "high", "p", "p_adjusted",
)  # fmt: skip


def accuracy_row(
    dataset: str, zero_shot: Bools, adapted: Bools, clusters: Sequence[str] | None
) -> dict[str, object]:
    """Accuracy of both classifiers on the same images, and the paired difference adapted minus zero-shot."""
    found = compare_answers(adapted, zero_shot, clusters)
    return {
        "dataset": dataset, "n": found.n, "zero_shot": found.second, "adapted": found.first,
        "difference": found.difference, "low": found.low, "high": found.high, "p": found.p,
    }  # fmt: skip


def gap_changes(
    dataset: str,
    zero_shot: Bools,
    adapted: Bools,
    groups: pd.DataFrame,
    clusters: Sequence[str] | None = None,
) -> pd.DataFrame:
    """How the difference in accuracy of each group from a reference changes with the classifier.

    Parameters
    ----------
    zero_shot, adapted
        [N] whether each image is classified right.
    groups
        One column per attribute; missing values belong to no group.
    clusters
        [N] what each image belongs to.

    Returns
    -------
    One row per attribute and group against the attribute's largest group; groups of fewer than 10 images
    are left out. `change` is gap_adapted minus gap_zero_shot, with a cluster-robust normal interval and
    test of the difference of the two mean changes; p_adjusted is Holm's over all rows.
    """
    change = adapted.astype(float) - zero_shot.astype(float)
    code = np.arange(len(change)) if clusters is None else pd.factorize(np.asarray(clusters, dtype=object))[0]
    rows = []
    for by in groups.columns:
        # Sorted by size: the largest group is the reference, since its own rate is known best.
        sizes = groups[by].value_counts()
        sizes = sizes[sizes >= MIN_GROUP]
        if len(sizes) < 2:
            continue
        reference = sizes.index[0]
        other = (groups[by] == reference).to_numpy()
        for group in sorted(sizes.index[1:], key=str):
            own = (groups[by] == group).to_numpy()
            gaps = [float(right[own].mean() - right[other].mean()) for right in (zero_shot, adapted)]
            # The change of each image is a number of its own, so both classifiers are compared on the same
            # images.
            low, high, p = _difference_of_means(change, own, other, code)
            rows.append(
                {
                    "dataset": dataset, "by": str(by), "group": str(group), "reference": str(reference),
                    "n_group": int(own.sum()), "n_reference": int(other.sum()),
                    "gap_zero_shot": gaps[0],
                    "gap_adapted": gaps[1], "change": gaps[1] - gaps[0], "low": low, "high": high, "p": p,
                }
            )  # fmt: skip
    table = pd.DataFrame(rows, columns=[name for name in GAP_COLUMNS if name != "p_adjusted"])
    return table.assign(p_adjusted=holm(table["p"].to_numpy(dtype=float)))[list(GAP_COLUMNS)]


def _difference_of_means(
    change: NDArray[np.float64], own: Bools, other: Bools, code: NDArray[np.intp]
) -> tuple[float, float, float]:
    """Interval and p of mean(own) - mean(other); influences are added within clusters, then squared."""
    means = [float(change[side].mean()) for side in (own, other)]
    # Influences of the two means, with opposite signs: a cluster in both groups enters with its difference.
    influence = np.where(own, (change - means[0]) / own.sum(), 0.0)
    influence -= np.where(other, (change - means[1]) / other.sum(), 0.0)
    taking_part = own | other
    sums = np.bincount(code[taking_part], weights=influence[taking_part])
    clusters = len(np.unique(code[taking_part]))
    # K / (K - 1) for the estimated means (Liang and Zeger 1986, with the small-sample factor).
    error = float(np.sqrt((sums**2).sum() * clusters / max(clusters - 1, 1)))
    difference = means[0] - means[1]
    if error == 0:
        return float("nan"), float("nan"), float("nan") if difference else 1.0
    half = float(special.ndtri(0.975)) * error
    return difference - half, difference + half, 2 * float(special.ndtr(-abs(difference) / error))
