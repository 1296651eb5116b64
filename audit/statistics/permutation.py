"""Joint permutation: group labels shuffled over images, once for all ways of asking.

Under no disparity an image could have had any group's label. Shuffling the labels, and keeping each image's
answers to all prompts together, shows how large the largest of many dependent gaps is by chance.

N images, S specifications, G groups, B replicates.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

# Numbers drawn at a time: half a gigabyte.
_CHUNK = 60_000_000


def joint_counts(events: ArrayLike, groups: ArrayLike) -> tuple[Counts, Counts]:
    """Events [G, S] and images [G] of each group.

    Parameters
    ----------
    events
        [N, S] of 0 and 1.
    groups
        [N] codes from 0; -1 is no group.
    """
    happened, code = np.asarray(events), np.asarray(groups)
    inside = code >= 0
    size = int(code.max(initial=-1)) + 1
    count = np.zeros((size, happened.shape[1]), dtype=np.int64)
    np.add.at(count, code[inside], happened[inside].astype(np.int64))
    return count, np.bincount(code[inside], minlength=size)


def permuted_counts(events: ArrayLike, groups: ArrayLike, *, replicates: int, seed: int) -> Counts:
    """Events [B, G, S] of each group with the labels shuffled; the arguments are those of `joint_counts`.

    Images with the same answers are alike, so tables of answers x groups with the margins of the data are
    drawn (Patefield 1981): the law of shuffling, at the price of the distinct answers.
    """
    happened, code = np.asarray(events), np.asarray(groups)
    happened, code = happened[code >= 0], code[code >= 0]
    patterns, number = np.unique(happened.astype(np.int64), axis=0, return_counts=True)
    law = stats.random_table(number, np.bincount(code), seed=np.random.default_rng(seed))
    step = max(1, _CHUNK // (len(patterns) * (int(code.max()) + 1)))
    parts = []
    for start in range(0, replicates, step):
        tables = law.rvs(size=min(step, replicates - start)).reshape(-1, *law_shape(number, code))
        parts.append(np.einsum("bkg,ks->bgs", tables, patterns, optimize=True))
    return np.rint(np.concatenate(parts)).astype(np.int64)


def law_shape(number: Counts, code: Counts) -> tuple[int, int]:
    return len(number), int(code.max()) + 1


def rest_z(count: ArrayLike, n: ArrayLike) -> Floats:
    """Score statistic of each group against the rest: [..., G, S] and [G] to [..., G, S].

    0 where the event happened never or always; NaN where a group or the rest has no images.
    """
    x, size = np.asarray(count, dtype=float), np.asarray(n, dtype=float)[:, None]
    total, events = size.sum(axis=0), x.sum(axis=-2, keepdims=True)
    rest = np.where(total - size > 0, total - size, np.nan)
    size = np.where(size > 0, size, np.nan)
    pooled = events / total
    with np.errstate(invalid="ignore", divide="ignore"):
        difference = x / size - (events - x) / rest
        z = difference / np.sqrt(pooled * (1 - pooled) * (1 / size + 1 / rest))
    return np.where((pooled == 0) | (pooled == 1), difference * 0, z)
