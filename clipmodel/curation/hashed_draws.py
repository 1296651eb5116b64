"""Random draws that are hashes: every shard, machine and order of the data gives a pair the same one.

The draw of a pair is a 64-bit integer, uniform, from the seed, the query's text and the caption's identity.

Shapes: Q queries, N captions, P pairs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b

import numpy as np

HIGHEST = np.uint64(2**64 - 1)
_COMPACT_FROM = 1 << 20  # pairs waiting to be ranked, at least


def identities(captions: Sequence[str], keys: Sequence[str] | None) -> np.ndarray:
    """What a caption's draws depend on: its key and text, or its text alone, uint64 [N]."""
    # A zero byte keeps ("ab", "c") and ("a", "bc") apart; CSV and parquet text rarely holds one.
    texts = captions if keys is None else map("\0".join, zip(keys, captions, strict=True))
    return _hashes(texts)


def query_salts(queries: Sequence[str], seed: int) -> np.ndarray:
    """What a query and the seed add to a draw, uint64 [Q]."""
    return _hashes(f"{seed}\0{query}" for query in queries)


def draws(identity: np.ndarray, salt: np.ndarray) -> np.ndarray:
    """The draws of pairs, uint64 [P]: the finaliser of SplitMix64 (Steele et al. 2014) over both hashes.

    It is one to one, so a query's draws tie only where identities do.
    """
    x = identity ^ salt
    # uint64 products wrap around, which is what the finaliser wants.
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: np.ndarray = x ^ (x >> np.uint64(31))
    return mixed


class SmallestDraws:
    """The t smallest draws of each query, of all pairs seen; several merge in any order.

    Memory holds at most t draws a query, and as many again while pairs wait.
    """

    def __init__(self, n_queries: int, t: int) -> None:
        self.t = t
        self._queries = np.empty(0, dtype=np.int32)
        self._draws = np.empty(0, dtype=np.uint64)
        self._limit = np.full(n_queries, HIGHEST)  # a larger draw is not among the t smallest
        self._waiting: list[tuple[np.ndarray, np.ndarray]] = []
        self._n_waiting = 0

    def add(self, queries: np.ndarray, draws: np.ndarray) -> None:
        """Pairs by query, int32 [P], and draw, uint64 [P]."""
        # Limits only fall, so what is above one now can never be among the t smallest.
        near = draws <= self._limit[queries]
        self._waiting.append((queries[near], draws[near]))
        self._n_waiting += int(near.sum())
        # At least as many new pairs as kept ones: sorting costs a bounded share for each pair.
        if self._n_waiting > max(_COMPACT_FROM, len(self._queries)):
            self._compact()

    def merge(self, other: SmallestDraws) -> None:
        """Add what another one has seen."""
        other._compact()
        self.add(other._queries, other._draws)

    def limits(self) -> tuple[np.ndarray, np.ndarray]:
        """Each query's t-th smallest draw, uint64 [Q], and how many of the t are equal to it, int64 [Q].

        A query with fewer than t pairs has `HIGHEST` and t.
        """
        self._compact()
        equal = self._queries[self._draws == self._limit[self._queries]]
        room = np.bincount(equal, minlength=len(self._limit))
        return self._limit.copy(), np.where(self._limit == HIGHEST, self.t, room)

    def _compact(self) -> None:
        if not self._n_waiting:
            return
        queries = np.concatenate([self._queries, *(queries for queries, _ in self._waiting)])
        values = np.concatenate([self._draws, *(values for _, values in self._waiting)])
        # By query, then by draw: the place within a query is its rank.
        order = np.lexsort((values, queries))
        queries, values = queries[order], values[order]
        starts = np.flatnonzero(np.r_[True, queries[1:] != queries[:-1]])
        rank = np.arange(len(queries)) - np.repeat(starts, np.diff(np.r_[starts, len(queries)]))
        kept = rank < self.t
        last = rank == self.t - 1
        if not self._limit.flags.writeable:
            self._limit = self._limit.copy()  # what Ray hands over can only be read
        self._limit[queries[last]] = values[last]
        self._queries, self._draws = queries[kept], values[kept]
        self._waiting, self._n_waiting = [], 0


def _hashes(texts: Iterable[str]) -> np.ndarray:
    """The first eight bytes, the lowest first, of BLAKE2b of each: uint64."""
    # Little endian on every machine, so that draws agree between them.
    return np.frombuffer(b"".join([blake2b(text.encode(), digest_size=8).digest() for text in texts]), "<u8")
