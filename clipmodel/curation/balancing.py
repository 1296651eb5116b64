"""At most t captions a query: which pairs of a caption and a query are assigned.

Both rules give each query a limit, and a pair is assigned where its draw is below it. A caption is kept where
a pair of it is assigned. The cap is one of assigned pairs: a frequent query also occurs in captions that were
kept for others, so kept captions that contain it can be many more.

Shapes: Q queries, P pairs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from clipmodel.curation.hashed_draws import HIGHEST, SmallestDraws
from clipmodel.errors import UserError

Rule = Literal["probabilistic", "exact"]
RULES: tuple[Rule, ...] = ("probabilistic", "exact")


@dataclass(frozen=True)
class Limits:
    """Where the draws of each query's pairs stop.

    Attributes
    ----------
    draw
        uint64 [Q]: pairs with smaller draws are assigned.
    room
        int64 [Q]: how many with exactly this draw are.
    """

    draw: np.ndarray
    room: np.ndarray


def check_cap(t: int) -> None:
    """Refuse a cap below 1."""
    if t < 1:
        raise UserError(f"at most {t} captions a query would keep none", remedy="a cap t of at least 1")


def probabilistic_limits(counts: np.ndarray, t: int) -> Limits:
    """Independent draws with probability t / max(count, t): t pairs a query in expectation (Xu et al. 2024).

    No cap: a query's assigned pairs are binomial, with a standard deviation of up to sqrt(t).

    Parameters
    ----------
    counts
        Captions that contain each query [Q].
    t
        Captions a query should get.
    """
    check_cap(t)
    rare = counts <= t
    # A rare query keeps all of its pairs: below the highest draw always, at it by its room of t.
    draw = np.full(len(counts), HIGHEST)
    # Draws are uniform over 64 bits, so a probability is the share of the range below a limit.
    draw[~rare] = (t / counts[~rare] * 2.0**64).astype(np.uint64)
    return Limits(draw, np.where(rare, t, 0))


def exact_limits(smallest: SmallestDraws) -> Limits:
    """The t pairs with the smallest draws, all of them where there are fewer."""
    check_cap(smallest.t)
    return Limits(*smallest.limits())


class Balancer:
    """Assigns pairs by their limits.

    Where no two rows have the same key and caption, what is assigned depends on nothing seen before. Rows
    that have share their draws, and where the limit falls among them those that come first are taken.
    """

    def __init__(self, limits: Limits) -> None:
        self._limit = limits.draw
        # Copied: `assign` counts it down.
        self._room = limits.room.copy()

    def assign(self, queries: np.ndarray, draws: np.ndarray) -> np.ndarray:
        """Which pairs are assigned, bool [P], from their queries, int32 [P], and draws, uint64 [P]."""
        limit = self._limit[queries]
        assigned: np.ndarray = draws < limit
        # Ties at the limit are rare, rows with equal keys and captions alone, so a loop over them costs
        # nothing.
        for pair in np.flatnonzero(draws == limit):
            query = queries[pair]
            assigned[pair] = self._room[query] > 0
            self._room[query] -= 1
        return assigned
