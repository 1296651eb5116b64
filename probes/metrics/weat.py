"""Association tests on embeddings: WEAT and iEAT, SC-WEAT. Bare arrays in, effects and p-values out.

Effects are differences in units of a standard deviation, so they compare over models whose cosines have other
ranges. p-values come from permutations and count the arrangement observed among them, so none is 0.

`probes.metrics.c_asc` has the same for a whole table of words and groups.

Shapes: X, Y targets, A, B attributes, D embedding.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from probes.metrics.clusters import ClusteredGroups, numbered

MOST_EXACT_SPLITS = 10_000
CHUNK_CELLS = 4_000_000  # permuted values held at a time
ROUNDING = 1e-6  # statistics this close, in units of their spread, are ties that rounding tore apart


@dataclass(frozen=True, kw_only=True)
class Effect:
    """One association, its p-value and how that was found.

    Attributes
    ----------
    value
        The effect size; NaN where all cosines are equal.
    p
        The permutation p-value.
    n_splits
        How many arrangements were looked at, the observed one included.
    exact
        Whether these are all there are.
    """

    value: float
    p: float
    n_splits: int
    exact: bool


def differential_association(targets: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """s(w, A, B): how much closer each target is to the first attributes than to the second.

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


def weat(
    x: np.ndarray,
    y: np.ndarray,
    a: np.ndarray,
    b: np.ndarray,
    *,
    permutations: int = 9_999,
    seed: int = 0,
    clusters: np.ndarray | None = None,
) -> Effect:
    """Word-embedding association test; on images, iEAT.

    d = (mean of s over X - mean of s over Y) / standard deviation of s over X and Y (ddof 1), and the
    one-sided p over the splits of X and Y into parts of their sizes that separate at least as far (Caliskan
    et al. 2017; for images Steed & Caliskan 2021). All splits where there are at most 10,000, otherwise
    random ones.

    Parameters
    ----------
    x, y, a, b
        [X, D] and [Y, D] targets, [A, D] and [B, D] attributes.
    permutations, seed
        Random splits where there are too many, and their seed.
    clusters
        [X + Y] what targets of one person or drawing share, first those of X; splits then keep clusters
        whole, see `probes.metrics.clusters`. Targets are independent if left out.

    Raises
    ------
    ValueError
        A set is empty, or X and Y have fewer than three members together.
    """
    if min(map(len, (x, y, a, b))) == 0 or len(x) + len(y) < 3:
        raise ValueError("WEAT needs members in every set, and three targets")
    return two_groups(
        differential_association(x, a, b),
        differential_association(y, a, b),
        permutations=permutations,
        seed=seed,
        clusters=clusters,
    )


def sc_weat(
    word: np.ndarray, a: np.ndarray, b: np.ndarray, *, permutations: int = 9_999, seed: int = 0
) -> Effect:
    """Single-category WEAT: one target, two sets of attributes.

    d = (mean cos(w, A) - mean cos(w, B)) / standard deviation of all cosines (ddof 1), with the one-sided p
    over the splits of A and B (Caliskan et al. 2017, WEFAT, under the name of Wolfe & Caliskan 2022).

    Parameters
    ----------
    word
        [D] the target.
    a, b
        [A, D] and [B, D].
    """
    w = _unit(np.asarray(word)[None])[0]
    return two_groups(_unit(a) @ w, _unit(b) @ w, permutations=permutations, seed=seed)


def two_groups(
    first: np.ndarray,
    second: np.ndarray,
    *,
    permutations: int,
    seed: int,
    clusters: np.ndarray | None = None,
) -> Effect:
    """The standardised difference of two groups of numbers and its one-sided permutation p.

    Parameters
    ----------
    first, second
        [X] and [Y] numbers, of which the first are expected to be larger.
    permutations, seed
        Random splits where there are more than 10,000, and their seed.
    clusters
        [X + Y] as for `weat`.
    """
    values = np.concatenate([first, second]).astype(np.float64)
    spread = values.std(ddof=1)
    # Cosines that differ by rounding alone are equal.
    if not spread > ROUNDING * max(1.0, float(np.abs(values).max())):
        return Effect(value=math.nan, p=math.nan, n_splits=0, exact=False)
    size = len(first)
    difference = values[:size].mean() - values[size:].mean()
    if clusters is None:
        n_splits = math.comb(len(values), size)
        exact = n_splits <= MOST_EXACT_SPLITS
        # The sizes are fixed, so the difference of means rises with the sum over the first part.
        least = values[:size].sum() - ROUNDING * spread * len(values)
        if exact:
            splits = np.array(list(combinations(range(len(values)), size)))
            chance = values[splits].sum(axis=1)
        else:
            generator = np.random.default_rng(seed)
            chance = np.concatenate(list(_random_sums(values, size, permutations, generator)))
    else:
        least = difference - ROUNDING * spread
        groups = ClusteredGroups(groups=np.repeat([0, 1], [size, len(second)]), clusters=numbered(clusters))
        chance, exact = _cluster_differences(values, groups, permutations, seed)
    # Among all splits is the one observed; among random ones it counts besides.
    hits, looked_at = int((chance >= least).sum()) + (not exact), len(chance) + (not exact)
    return Effect(value=float(difference / spread), p=hits / looked_at, n_splits=looked_at, exact=exact)


def _cluster_differences(
    values: np.ndarray, groups: ClusteredGroups, permutations: int, seed: int
) -> tuple[np.ndarray, bool]:
    """Differences of means where clusters are dealt to the groups as a whole, and whether these are all."""
    n_clusters, n_first = len(groups.of_cluster), int((groups.of_cluster == 0).sum())
    exact = bool(groups.whole.all()) and math.comb(n_clusters, n_first) <= MOST_EXACT_SPLITS
    if exact:
        splits = np.array(list(combinations(range(n_clusters), n_first)))
        sums = np.bincount(groups.clusters, weights=values)[splits].sum(axis=1)
        sizes = np.bincount(groups.clusters)[splits].sum(axis=1)
    else:
        generator = np.random.default_rng(seed)
        first = (groups.permuted(generator) == 0 for _ in range(permutations))
        sums, sizes = np.array([(values[own].sum(), own.sum()) for own in first]).T
    return sums / sizes - (values.sum() - sums) / (len(values) - sizes), exact


def _random_sums(
    values: np.ndarray, size: int, permutations: int, generator: np.random.Generator
) -> Iterator[np.ndarray]:
    at_once = max(1, CHUNK_CELLS // len(values))
    for start in range(0, permutations, at_once):
        rows = np.tile(values, (min(at_once, permutations - start), 1))
        yield generator.permuted(rows, axis=1)[:, :size].sum(axis=1)


def _unit(vectors: np.ndarray) -> np.ndarray:
    vectors = np.asarray(vectors, np.float64)
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
