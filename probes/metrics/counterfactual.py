"""What changes when only one thing changes: flips within sets of counterfactual images, and markedness.

Bare arrays in, numbers out. A set of counterfactuals is one observation, however many images it holds: the
intervals are over sets.

Shapes: N images, P pairs, S sets, G groups.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from probes.metrics.proportions import wilson

RESAMPLES = 2_000


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


@dataclass(frozen=True, kw_only=True)
class Rate:
    """A rate over sets with its 95 % interval.

    Attributes
    ----------
    value, low, high
        The mean of the sets' own shares and its interval; NaN without a set.
    n_sets, n_pairs
        How many sets and pairs it rests on.
    method
        "bootstrap over sets", or "Wilson over sets" where every set is all or nothing.
    """

    value: float
    low: float
    high: float
    n_sets: int
    n_pairs: int
    method: str


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
    starts = np.flatnonzero(np.diff(sets[order], prepend=-1))
    found = [
        (one, other)
        for members in np.split(order, starts[1:])
        for one, other in combinations(members.tolist(), 2)
        if values[one] != values[other]
    ]
    first, second = np.array(found, int).reshape(-1, 2).T
    return Pairs(first=first, second=second, sets=np.asarray(sets)[first])


def flip_rate(
    changed: np.ndarray, sets: np.ndarray, *, signed: bool = False, resamples: int = RESAMPLES, seed: int = 0
) -> Rate:
    """The share of a set's pairs whose prediction changes, on average over sets.

    Parameters
    ----------
    changed
        [P] bool, or -1, 0, 1 for a change with a direction.
    sets
        [P] the set of each pair.
    signed
        Whether a change has a direction.
    resamples, seed
        Of the bootstrap, which draws whole sets.

    Notes
    -----
    Sets that are all or nothing are coin tosses: their interval is Wilson's, which the bootstrap would give a
    width of zero where no set flips. Signed changes of sets that are all alike get no interval.
    """
    labels, position = np.unique(np.asarray(sets), return_inverse=True)
    n = len(labels)
    if not n:
        return Rate(value=math.nan, low=math.nan, high=math.nan, n_sets=0, n_pairs=0, method="no set")
    changes = np.asarray(changed, np.float64)
    shares = np.bincount(position, weights=changes) / np.bincount(position)
    value = float(shares.mean())
    if not signed and np.isin(shares, (0, 1)).all():
        low, high = (float(end) for end in wilson(shares.sum(), n))
        method = "Wilson over sets"
    elif np.ptp(shares) == 0:
        low = high = math.nan
        method = "no interval: all sets alike"
    else:
        generator = np.random.default_rng(seed)
        drawn = shares[generator.integers(n, size=(resamples, n))].mean(axis=1)
        low, high = (float(end) for end in np.quantile(drawn, (0.025, 0.975)))
        method = "bootstrap over sets"
    return Rate(value=value, low=low, high=high, n_sets=n, n_pairs=len(changes), method=method)


def flips(predictions: np.ndarray, pairs: Pairs) -> np.ndarray:
    """[P] bool: whether the two images of a pair are predicted as different classes."""
    predictions = np.asarray(predictions)
    return predictions[pairs.first] != predictions[pairs.second]


def turns(events: np.ndarray, pairs: Pairs) -> np.ndarray:
    """[P] 1 where only the second image of a pair has the event, -1 where only the first does, else 0."""
    event = np.asarray(events, np.int64)
    return event[pairs.second] - event[pairs.first]


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
        absent = np.array([value is None or value != value for value in column])
        _, code = np.unique(np.where(absent, "", column).astype(str), return_inverse=True)
        _, codes = np.unique(codes * (code.max(initial=0) + 1) + code, return_inverse=True)
        missing |= absent
    return np.where(missing, -1, codes)


def marked(neutral: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """[N] bool: whether an image is closer to the neutral prompt than to the prompt of any group.

    The share of such images is the markedness measure of Wolfe & Caliskan 2022: a group whose images are
    often closest to plain "a person" is the default that the others are marked against.

    Parameters
    ----------
    neutral
        [N] cosines with the neutral prompt.
    groups
        [N, G] cosines with the group prompts.
    """
    return np.asarray(neutral) > np.asarray(groups).max(axis=1)
