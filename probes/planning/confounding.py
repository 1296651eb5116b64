"""Group attributes that are associated in the data, so that a gap by one may be a gap by the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clipmodel.array_types import Integers
from probes.records.manifest_types import Confounding, WorstCell

PROTECTED = ("race", "ethnicity", "gender", "sex", "age", "skin_tone", "skin_type")
"""Attributes that matter to a reader even where a suite does not compare by them."""
NOTABLE = 0.3
"""Cramer's V from which a pair is reported: a medium association of two binary attributes (Cohen 1988)."""
# Nearly all of a group, and far fewer of the rest: then the data cannot tell the two attributes apart.
NEARLY_ALL = 0.95
LEAST_CONTRAST = 0.4
# One image of 20 is 5 %: in a smaller group, NEARLY_ALL could only mean all.
LEAST_IMAGES = 20


def confounding(
    labels: pd.DataFrame,
    groups: Sequence[str],
    *,
    derived: Mapping[str, str] | None = None,
    n: NDArray[np.int64] | None = None,
) -> dict[tuple[str, str], Confounding]:
    """Pairs of attributes that are associated, each with its strength and the cell that shows it best.

    A pair is reported from a Cramer's V of 0.3, or if it is confounded: nearly all images (95 %) of some
    group share one value of the other attribute, and far fewer (by 40 points) of the remaining images do.

    Parameters
    ----------
    labels
        One row per image, one column per attribute; NaN where it is missing.
    groups
        The attributes that are compared; a pair has at least one of them.
    derived
        Attribute -> the one it is made from: those are associated by construction and are not reported.
    n
        Images that each row of the labels stands for; one if left out.

    Returns
    -------
    Pair of attributes -> its record. `worst` is the group whose share of one value of the other attribute is
    the furthest above that of the remaining images; None if no group and remainder have 20 images.
    """
    sources = dict(derived or {})
    codes = {str(name): pd.factorize(labels[name], sort=True) for name in labels.columns}
    found: dict[tuple[str, str], Confounding] = {}
    for first, second in combinations(codes, 2):
        together = sources.get(first, first) == sources.get(second, second)
        if together or (first not in groups and second not in groups):
            continue
        counts = _cross(codes[first][0], codes[second][0], n)
        if counts.sum() < LEAST_IMAGES:
            continue
        record = _record(counts, (first, codes[first][1]), (second, codes[second][1]))
        if record["confounded"] or record["cramers_v"] >= NOTABLE:
            found[first, second] = record
    return found


def cramers_v(counts: Integers) -> float:
    """Cramer's V of a two-way table, corrected for bias; 0 if either attribute has one value.

    The plain V of independent attributes is above 0, the more so the fewer images and the more values.
    Source: Bergsma (2013), "A bias-correction for Cramer's V and Tschuprow's T", J. Korean Stat. Soc. 42.

    Examples
    --------
    >>> cramers_v(np.array([[30, 0], [0, 30]]))
    1.0
    """
    # Empty rows and columns have an expected count of 0 and would divide by it.
    table = counts[counts.sum(axis=1) > 0][:, counts.sum(axis=0) > 0].astype(float)
    n, (rows, columns) = table.sum(), table.shape
    if min(rows, columns) < 2 or n < 2:
        return 0.0
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / n
    phi = float(((table - expected) ** 2 / expected).sum() / n)
    # Less the expectation of phi^2 under independence; cut off at 0 (Bergsma 2013).
    corrected = max(0.0, phi - (rows - 1) * (columns - 1) / (n - 1))
    smaller = min(r - (r - 1) ** 2 / (n - 1) for r in (rows, columns))
    return float(min(1.0, np.sqrt(corrected / (smaller - 1)))) if smaller > 1 else 0.0


def _cross(first: NDArray[np.intp], second: NDArray[np.intp], n: NDArray[np.int64] | None) -> Integers:
    """Two-way table of the images that have both attributes."""
    known = (first >= 0) & (second >= 0)
    shape = (int(first.max(initial=-1)) + 1, int(second.max(initial=-1)) + 1)
    flat = first[known] * shape[1] + second[known]
    images = None if n is None else n[known]
    return np.bincount(flat, images, minlength=shape[0] * shape[1]).reshape(shape).astype(np.int64)


def _record(counts: Integers, rows: tuple[str, pd.Index], columns: tuple[str, pd.Index]) -> Confounding:
    cells = [*_cells(counts, rows, columns), *_cells(counts.T, columns, rows)]
    strong = [cell for cell in cells if _is_strong(cell)]
    return {
        "attributes": [rows[0], columns[0]],
        "n": int(counts.sum()),
        # Rounded, so that the last bits, which differ between processors, do not differ between manifests.
        "cramers_v": round(cramers_v(counts), 6),
        "worst": max(strong or cells, key=_contrast, default=None),
        "confounded": bool(strong),
    }


def _cells(counts: Integers, rows: tuple[str, pd.Index], columns: tuple[str, pd.Index]) -> list[WorstCell]:
    """For each value of the first attribute, the most frequent value of the second."""
    (attribute, names), (other, others) = rows, columns
    cells: list[WorstCell] = []
    for row, name in enumerate(names):
        column = int(counts[row].argmax())
        size, hits = int(counts[row].sum()), int(counts[row, column])
        rest, hits_rest = int(counts.sum()) - size, int(counts[:, column].sum()) - hits
        if min(size, rest) >= LEAST_IMAGES:
            cells.append(
                {
                    "attribute": attribute, "value": str(name), "other": other,
                    "other_value": str(others[column]), "n": size, "count": hits, "n_rest": rest,
                    "count_rest": hits_rest,
                }
            )  # fmt: skip
    return cells


def _contrast(cell: WorstCell) -> float:
    return cell["count"] / cell["n"] - cell["count_rest"] / cell["n_rest"]


def _is_strong(cell: WorstCell) -> bool:
    # Both conditions: a value that nearly all images have is frequent in every group and tells nothing.
    return cell["count"] / cell["n"] >= NEARLY_ALL and _contrast(cell) >= LEAST_CONTRAST
