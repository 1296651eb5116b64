"""Retrieval between images and texts: recall at k, in both directions.

A query is found at k if any of what belongs to it is among the k candidates of the highest similarity
(Radford et al. 2021, table 13). An image may have several texts and a text several images.

Candidates of equal similarity are in random order, and the recall is its expectation over it: a model that
embeds everything alike gets what guessing gets, not what the order of the file would give it.

Shapes: N images, C texts, D joint embedding, P pairs that belong together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from scipy.special import gammaln
from torch import Tensor

DIRECTIONS = ("image to text", "text to image")


def retrieval(
    images: Tensor,
    texts: Tensor,
    pairs: Tensor,
    *,
    ks: Sequence[int] = (1, 5, 10),
    chunk: int = 1024,
) -> pd.DataFrame:
    """Recall at each k, image to text and text to image.

    Parameters
    ----------
    images, texts
        Unit-norm embeddings [N, D] and [C, D].
    pairs
        Integers [P, 2]: image and text that belong together; naming a pair twice changes nothing.
    ks
        Numbers of candidates looked at.
    chunk
        Queries at a time: memory is for chunk x candidates similarities, whatever N and C are.

    Returns
    -------
    pandas.DataFrame
        direction, k, queries, candidates, recall. Queries to which nothing belongs are left out; without any
        query the recall is NaN.

    Raises
    ------
    ValueError
        Shapes do not fit, or a pair names an image or text that is not there.
    """
    rows = []
    for direction, outcome in query_outcomes(images, texts, pairs, ks=ks, chunk=chunk).items():
        for k, found in zip(ks, outcome.found, strict=True):
            recall = float(found.mean()) if len(found) else float("nan")
            rows.append((direction, k, len(found), outcome.candidates, recall))
    return pd.DataFrame(rows, columns=["direction", "k", "queries", "candidates", "recall"])


@dataclass(frozen=True, kw_only=True)
class QueryOutcomes:
    """What each query of one direction found.

    Attributes
    ----------
    queries
        [Q] the images or texts that were asked: those to which something belongs.
    found
        [K, Q] for each k the probability that the query is found, under a random order of ties.
    rank
        [Q] the expected place of the best that belongs to it, from 1.
    candidates
        How many there are.
    """

    queries: np.ndarray
    found: np.ndarray
    rank: np.ndarray
    candidates: int


def query_outcomes(
    images: Tensor, texts: Tensor, pairs: Tensor, *, ks: Sequence[int] = (1, 5, 10), chunk: int = 1024
) -> dict[str, QueryOutcomes]:
    """For each of `DIRECTIONS` what every query found; parameters and errors as for `retrieval`."""
    _check(images, texts, pairs, ks=ks)
    outcomes = {}
    for direction, queries, candidates, own in (
        (DIRECTIONS[0], images, texts, pairs),
        (DIRECTIONS[1], texts, images, pairs.flip(1)),
    ):
        above, tied, mine = _counts(queries, candidates, own, chunk=chunk)
        outcomes[direction] = QueryOutcomes(
            queries=torch.unique(own[:, 0]).numpy(),
            found=np.stack([found_at(k, above, tied, mine) for k in ks]),
            # The first of `mine` among tied + mine places in random order.
            rank=above + (tied + mine + 1) / (mine + 1),
            candidates=len(candidates),
        )
    return outcomes


def outcomes_of_arrays(
    images: NDArray[np.float32], texts: NDArray[np.float32], pairs: NDArray[np.int64], *, ks: Sequence[int]
) -> dict[str, QueryOutcomes]:
    """`query_outcomes` for callers that do not know torch."""
    arrays = (torch.from_numpy(np.ascontiguousarray(array)) for array in (images, texts, pairs))
    return query_outcomes(*arrays, ks=ks)


def found_at(k: int, above: np.ndarray, tied: np.ndarray, own: np.ndarray) -> np.ndarray:
    """The probability that a query is found at k, under a random order of ties.

    Parameters
    ----------
    k
        Candidates looked at.
    above
        For each query, candidates more similar than the best that belongs to it.
    tied
        Candidates just as similar that do not belong to it.
    own
        Candidates just as similar that do, itself included: at least 1.
    """
    left = np.clip(k - above, 0, tied + own)  # places among the tied
    # None of its own among `left` draws without replacement: C(tied, left) / C(tied + own, left).
    possible = (left > 0) & (left <= tied)
    draws = np.where(possible, left, 0)
    # By logarithms: the binomial coefficients of thousands of candidates overflow a float.
    missed = np.exp(_log_choose(tied, draws) - _log_choose(tied + own, draws))
    return np.where(left == 0, 0.0, np.where(possible, 1 - missed, 1.0))


def _log_choose(n: np.ndarray, k: np.ndarray) -> np.ndarray:
    logarithm: np.ndarray = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
    return logarithm


def _counts(
    queries: Tensor, candidates: Tensor, pairs: Tensor, *, chunk: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """above, tied and own of `found_at`, for the queries to which something belongs."""
    # Sorted once, so that the pairs of a chunk of queries are one slice.
    pairs = pairs[torch.argsort(pairs[:, 0], stable=True)]
    found = []
    for start in range(0, len(queries), chunk):
        part = queries[start : start + chunk]
        bounds = torch.tensor([start, start + len(part)])
        first, last = torch.searchsorted(pairs[:, 0].contiguous(), bounds).tolist()
        belongs = torch.zeros(len(part), len(candidates), dtype=torch.bool)
        belongs[pairs[first:last, 0] - start, pairs[first:last, 1]] = True
        asked = belongs.any(dim=1)
        similarity, belongs = (part @ candidates.T)[asked], belongs[asked]
        # The best of its own decides whether a query is found at k; the others of its own cannot do better.
        best = similarity.masked_fill(~belongs, -torch.inf).amax(dim=1, keepdim=True)
        equal = similarity == best
        counts = [similarity > best, equal & ~belongs, equal & belongs]
        found.append(torch.stack([count.sum(dim=1) for count in counts]))
    above, tied, own = torch.cat(found, dim=1).numpy() if found else np.zeros((3, 0), dtype=int)
    return above, tied, own


def _check(images: Tensor, texts: Tensor, pairs: Tensor, *, ks: Sequence[int]) -> None:
    if images.ndim != 2 or texts.ndim != 2 or images.shape[1] != texts.shape[1]:
        raise ValueError(
            f"images {tuple(images.shape)} and texts {tuple(texts.shape)} must be [N, D], [C, D]"
        )
    if pairs.ndim != 2 or pairs.shape[1] != 2 or pairs.is_floating_point():
        raise ValueError(f"pairs must be integers [P, 2], got {pairs.dtype} {tuple(pairs.shape)}")
    sizes = torch.tensor([len(images), len(texts)])
    if len(pairs) and not ((pairs >= 0) & (pairs < sizes)).all():
        raise ValueError("a pair names an image or a text that is not there")
    if any(k < 1 for k in ks):
        raise ValueError(f"k must be at least 1, got {min(ks)}")
