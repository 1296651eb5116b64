"""Group attributes that go together in the data, so that a gap by one may be a gap by the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import pandas as pd

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
    sentences: dict[tuple[str, str], str] = {}
    for first, second in combinations(labels.columns, 2):
        together = sources.get(first, first) == sources.get(second, second)
        if together or (first not in groups and second not in groups):
            continue
        table = pd.crosstab(labels[first], labels[second])
        found = [*_strong(table, first, second), *_strong(table.T, second, first)]
        if found:
            sentences[first, second] = max(found)[1]
    return sentences


def _strong(table: pd.DataFrame, group: str, other: str) -> list[tuple[float, str]]:
    """How strongly each group of a table of counts is tied to one value of the other attribute."""
    counts = table.to_numpy()
    found = []
    for row, name in enumerate(table.index):
        column = int(counts[row].argmax())
        size, hits = int(counts[row].sum()), int(counts[row, column])
        rest, hits_rest = int(counts.sum()) - size, int(counts[:, column].sum()) - hits
        if min(size, rest) < LEAST_IMAGES:
            continue
        contrast = hits / size - hits_rest / rest
        if hits / size >= NEARLY_ALL and contrast >= LEAST_CONTRAST:
            sentence = (
                f"{group} and {other} are confounded in these images: of {size:,} with {group} {name}, "
                f"{hits:,} have {other} {table.columns[column]}, of the other {rest:,} only {hits_rest:,}. "
                f"A gap by {group} may be one by {other}, and the other way round."
            )
            found.append((contrast, sentence))
    return found
