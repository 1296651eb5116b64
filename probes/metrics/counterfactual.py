"""What changes if only one thing changes: flips within sets of counterfactual images, and markedness.

A set of counterfactuals is one observation, however many images it holds.

Shapes: N images, P pairs, S sets, G groups.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """Two images of one set that differ in the attribute.

    Attributes
    ----------
    first, second
        [P] positions of the images; the value of the first comes first in the order of the values.
    sets
        [P] the set of each pair.
    """

    first: np.ndarray
    second: np.ndarray
    sets: np.ndarray

    def __len__(self) -> int:
        return len(self.sets)


def counterfactual_pairs(sets: np.ndarray, values: np.ndarray) -> Pairs:
    """All pairs of images that share a set and differ in the attribute.

    Parameters
    ----------
    sets
        [N] int; images of a set are equal in everything but the attribute. Negative: of no set.
    values
        [N] int, the attribute in the order of its values. Negative: missing.
    """
    usable = np.flatnonzero((np.asarray(sets) >= 0) & (np.asarray(values) >= 0))
    order = usable[np.lexsort((values[usable], sets[usable]))]
    # Sorted by set, so that a set is one slice.
    starts = np.flatnonzero(np.diff(sets[order], prepend=-1))
    found = [
        (one, other)
        for members in np.split(order, starts[1:])
        for one, other in combinations(members.tolist(), 2)
        if values[one] != values[other]
    ]
    first, second = np.array(found, int).reshape(-1, 2).T
    return Pairs(first=first, second=second, sets=np.asarray(sets)[first])


def set_means(changed: np.ndarray, sets: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The mean change over the pairs of each set.

    Parameters
    ----------
    changed
        [P] bool, or -1, 0, 1 for a change with a direction.
    sets
        [P] the set of each pair.

    Returns
    -------
    sets, pairs, means
        [S] the sets that have a pair, in ascending order, their pairs, and the means.
    """
    labels, position = np.unique(np.asarray(sets), return_inverse=True)
    number = np.bincount(position, minlength=len(labels))
    sums = np.bincount(position, weights=np.asarray(changed, np.float64), minlength=len(labels))
    return labels, number, sums / np.maximum(number, 1)


def flips(predictions: np.ndarray, pairs: Pairs) -> np.ndarray:
    """[P] bool: whether the two images of a pair are predicted as different classes."""
    predictions = np.asarray(predictions)
    flipped: np.ndarray = predictions[pairs.first] != predictions[pairs.second]
    return flipped


def turns(events: np.ndarray, pairs: Pairs) -> np.ndarray:
    """[P] 1 where only the second image of a pair has the event, -1 where only the first does, else 0."""
    event = np.asarray(events, np.int64)
    change: np.ndarray = event[pairs.second] - event[pairs.first]
    return change


def set_codes(columns: Sequence[np.ndarray]) -> np.ndarray:
    """[N] int: images that are equal in every column are one set; -1 where a column is missing.

    Parameters
    ----------
    columns
        [N] values each, None or NaN where missing.
    """
    codes = np.zeros(len(columns[0]), np.int64)
    missing = np.zeros(len(columns[0]), bool)
    for column in columns:
        # NaN is the only value that differs from itself.
        absent = np.array([value is None or value != value for value in column])
        _, code = np.unique(np.where(absent, "", column).astype(str), return_inverse=True)
        # Numbered anew after each column, so that the product never exceeds N squared.
        _, codes = np.unique(codes * (code.max(initial=0) + 1) + code, return_inverse=True)
        missing |= absent
    return np.where(missing, -1, codes)


def marked(neutral: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """[N] bool: whether an image is more similar to the neutral prompt than to the prompt of any group.

    The share of such images is the markedness measure of Wolfe & Caliskan 2022: a group whose images are
    often most similar to plain "a person" is the default that the others are marked against.

    Parameters
    ----------
    neutral
        [N] cosines with the neutral prompt.
    groups
        [N, G] cosines with the group prompts.
    """
    above: np.ndarray = np.asarray(neutral) > np.asarray(groups).max(axis=1)
    return above
