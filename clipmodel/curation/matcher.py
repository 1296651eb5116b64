"""Which queries a caption contains, by an Aho-Corasick automaton over all of them.

Shapes: Q queries, N captions, P pairs of a caption and a query that it contains.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import ahocorasick_rs
import numpy as np

from clipmodel.curation.query_text import plain_lines, plain_words

_AT_ONCE = 512  # captions searched in one call, whose overhead is that of three captions
_END = ord("\n")  # of a line, in no query


@dataclass(frozen=True)
class Matches:
    """Queries of consecutive captions: those of caption i are `queries[offsets[i]:offsets[i + 1]]`.

    Attributes
    ----------
    offsets
        int64 [N + 1].
    queries
        int32 [P], ascending within a caption, each once.
    """

    offsets: np.ndarray
    queries: np.ndarray

    @classmethod
    def of(cls, lengths: np.ndarray, queries: np.ndarray) -> Matches:
        """From the number of queries of each caption [N] instead of offsets."""
        return cls(np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths, dtype=np.int64)]), queries)

    @property
    def lengths(self) -> np.ndarray:
        """Queries of each caption [N]."""
        return np.diff(self.offsets)

    @property
    def rows(self) -> np.ndarray:
        """The caption of each pair [P]."""
        return np.repeat(np.arange(len(self.offsets) - 1), self.lengths)

    def take(self, captions: np.ndarray) -> Matches:
        """The matches of some captions only, by a mask [N]."""
        lengths = self.lengths
        return Matches.of(lengths[captions], self.queries[np.repeat(captions, lengths)])


class Matcher:
    """Finds queries in captions, as whole words, overlapping ones too.

    Parameters
    ----------
    queries
        In the form of `plain_words`; matches name them by position.

    Raises
    ------
    ValueError
        A query is not in that form.
    """

    def __init__(self, queries: Sequence[str]) -> None:
        # A space on both sides makes matches end at words; neighbouring matches share it, so they overlap.
        patterns = [b" %b " % query.encode() for query in queries]
        if b"  " in patterns or plain_lines(queries) != b"\n".join(patterns):
            rough = next(query for query in queries if not query or plain_words(query) != query)
            raise ValueError(f"query {rough!r} is not cleaned; {plain_words(rough)!r} would be")
        self.n_queries = len(queries)
        self._automaton = ahocorasick_rs.BytesAhoCorasick(
            patterns,
            # "Standard" is the only kind that finds overlapping matches.
            matchkind=ahocorasick_rs.MatchKind.Standard,
            # A DFA is faster still, but takes many times the memory for long query lists.
            implementation=ahocorasick_rs.Implementation.ContiguousNFA,
        )

    def match(self, captions: Sequence[str]) -> Matches:
        """The queries each caption contains, cleaned first."""
        parts = [self._match_some(captions[i : i + _AT_ONCE]) for i in range(0, len(captions), _AT_ONCE)]
        lengths = [length for length, _ in parts]
        queries = [found for _, found in parts]
        return Matches.of(
            np.concatenate([*lengths, np.empty(0, np.int64)]),
            np.concatenate([*queries, np.empty(0, np.int32)]),
        )

    def _match_some(self, captions: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        text = plain_lines(captions)
        found = self._automaton.find_matches_as_indexes(text, overlapping=True)
        triples = np.fromiter(chain.from_iterable(found), dtype=np.int64, count=3 * len(found)).reshape(-1, 3)
        # All captions are one text, so the automaton is entered once; the caption of a match is that of the
        # next line end.
        ends = np.flatnonzero(np.frombuffer(text, np.uint8) == _END)
        rows = np.searchsorted(ends, triples[:, 1])
        # A query that occurs twice in a caption is one pair.
        # One integer for each pair of caption and query, which sorts faster than two columns.
        pairs = np.sort(rows * self.n_queries + triples[:, 0])
        rows, queries = np.divmod(pairs[_is_new(pairs)], self.n_queries)
        return np.bincount(rows, minlength=len(captions)), queries.astype(np.int32)


def _is_new(ascending: np.ndarray) -> np.ndarray:
    """Where a value is the first of its kind."""
    new = np.ones(len(ascending), dtype=bool)
    np.not_equal(ascending[1:], ascending[:-1], out=new[1:])
    return new
