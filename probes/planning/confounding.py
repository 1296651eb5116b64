"""Group attributes that go together in the data, so that a gap by one may be a gap by the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

PROTECTED = ("race", "ethnicity", "gender", "sex", "age", "skin_tone", "skin_type")
"""Attributes that matter to a reader even where a suite does not compare by them."""
NEARLY_ALL = 0.95
LEAST_CONTRAST = 0.4
LEAST_IMAGES = 20


def confounding(
    labels: pd.DataFrame, groups: Sequence[str], *, derived: Mapping[str, str] | None = None
) -> dict[tuple[str, str], str]:
    """Pairs of attributes that can hardly be told apart, a sentence each.

    A pair is reported if nearly all images (95 %) of some group share one value of the other attribute, and
    far fewer (by 40 points) of the remaining images do. Groups and remainders below 20 images say nothing.

    Parameters
    ----------
    labels
        One row an image, one column an attribute; NaN where it is missing.
    groups
        The attributes that are compared; a pair has at least one of them.
    derived
        Attribute -> the one it is made from: those go together by construction and are not reported.
    """
    sources = dict(derived or {})
    codes = {name: pd.factorize(labels[name], sort=True) for name in labels.columns}
    sentences: dict[tuple[str, str], str] = {}
    for first, second in combinations(labels.columns, 2):
        together = sources.get(first, first) == sources.get(second, second)
        if together or (first not in groups and second not in groups):
            continue
        (rows, row_names), (columns, column_names) = codes[first], codes[second]
        known = (rows >= 0) & (columns >= 0)
        if not known.any():
            continue
        shape = (len(row_names), len(column_names))
        flat = rows[known] * shape[1] + columns[known]
        counts = np.bincount(flat, minlength=shape[0] * shape[1]).reshape(shape)
        found = [
            *_strong(counts, (first, row_names), (second, column_names)),
            *_strong(counts.T, (second, column_names), (first, row_names)),
        ]
        if found:
            sentences[first, second] = max(found)[1]
    return sentences


def _strong(
    counts: NDArray[np.int64], rows: tuple[str, pd.Index], columns: tuple[str, pd.Index]
) -> list[tuple[float, str]]:
    """How strongly each value of the first attribute is tied to one value of the second; names and values."""
    (group, names), (other, others) = rows, columns
    found = []
    for row, name in enumerate(names):
        column = int(counts[row].argmax())
        size, hits = int(counts[row].sum()), int(counts[row, column])
        rest, hits_rest = int(counts.sum()) - size, int(counts[:, column].sum()) - hits
        if min(size, rest) < LEAST_IMAGES:
            continue
        contrast = hits / size - hits_rest / rest
        if hits / size >= NEARLY_ALL and contrast >= LEAST_CONTRAST:
            sentence = (
                f"{group} and {other} are confounded in these images: of {size:,} with {group} {name}, "
                f"{hits:,} have {other} {others[column]}, of the other {rest:,} only {hits_rest:,}. "
                f"A gap by {group} may be one by {other}, and the other way round."
            )
            found.append((contrast, sentence))
    return found
