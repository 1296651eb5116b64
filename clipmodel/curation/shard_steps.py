"""The steps of curation on one shard, and on all shards one after another.

A step reads a shard and files of the draft folder, writes a file of its own there, and may be done again: a
worker that died left nothing that counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np

from clipmodel.curation.balancing import Balancer, Limits
from clipmodel.curation.caption_files import Shard
from clipmodel.curation.hashed_draws import SmallestDraws, query_salts
from clipmodel.curation.match_files import Advance, MatchCounts, match_shard, read_matches, smallest_draws
from clipmodel.curation.matcher import Matcher
from clipmodel.curation.selection import Selected, select_shard

__all__ = ["ShardSteps", "ShardWork", "matches_file"]


class ShardWork(Protocol):
    """Who does the steps of single shards; results come in the order of the shards."""

    @property
    def seed(self) -> int:
        """Of the draws."""

    def match(self, advances: Iterable[Advance]) -> Iterator[MatchCounts]:
        """Match every shard; `advances` are told how far each is."""

    def smallest(self, contained: np.ndarray, t: int) -> Iterator[SmallestDraws]:
        """The t smallest draws of each query in every shard, from counts of all shards [Q]."""

    def select(self, limits: Limits, advances: Iterable[Advance]) -> Iterator[Iterable[Selected]]:
        """The kept captions of every shard, batch by batch."""


@dataclass(frozen=True, kw_only=True)
class ShardSteps:
    """The steps, done by this process.

    Attributes
    ----------
    shards, texts
        What is matched against which queries.
    draft
        The folder of the files in between.
    seed
        Of the draws.
    """

    shards: tuple[Shard, ...]
    texts: tuple[str, ...]
    draft: Path
    seed: int

    @cached_property
    def matcher(self) -> Matcher:
        """Of the queries; made once a process, in seconds."""
        return Matcher(self.texts)

    @cached_property
    def salts(self) -> np.ndarray:
        """uint64 [Q], of the draws of each query."""
        return query_salts(self.texts, self.seed)

    def match_one(self, number: int, advance: Advance) -> MatchCounts:
        """Match one shard, write the matches and count."""
        return match_shard(
            self.shards[number], self.matcher, to=matches_file(self.draft, number), advance=advance
        )

    def smallest_of_one(self, number: int, contained: np.ndarray, t: int) -> SmallestDraws:
        """The t smallest draws of each query among the matches of one shard."""
        return smallest_draws(matches_file(self.draft, number), contained=contained, salts=self.salts, t=t)

    def ties_of_one(self, number: int, limits: Limits) -> dict[int, int]:
        """Query -> pairs in the matches of one shard that lie at its limit, for which there is a room."""
        ties: Counter[int] = Counter()
        for batch in read_matches(matches_file(self.draft, number)):
            queries = batch.matches.queries
            at_limit = batch.draws(self.salts) == limits.draw[queries]
            ties.update(queries[at_limit].tolist())
        return dict(ties)

    def select_one(self, number: int, balancer: Balancer, advance: Advance) -> Iterator[Selected]:
        """The kept captions of one shard."""
        return select_shard(
            self.shards[number], matches_file(self.draft, number), balancer=balancer, salts=self.salts,
            advance=advance,
        )  # fmt: skip

    def match(self, advances: Iterable[Advance]) -> Iterator[MatchCounts]:
        """Match every shard in turn."""
        for number, advance in zip(range(len(self.shards)), advances, strict=True):
            yield self.match_one(number, advance)

    def smallest(self, contained: np.ndarray, t: int) -> Iterator[SmallestDraws]:
        """The smallest draws of every shard in turn."""
        for number in range(len(self.shards)):
            yield self.smallest_of_one(number, contained, t)

    def select(self, limits: Limits, advances: Iterable[Advance]) -> Iterator[Iterable[Selected]]:
        """The kept captions of every shard in turn."""
        balancer = Balancer(limits)
        for number, advance in zip(range(len(self.shards)), advances, strict=True):
            yield self.select_one(number, balancer, advance)


def matches_file(draft: Path, number: int) -> Path:
    """Where the matches of a shard lie until all is selected."""
    return draft / f"{number}.matches"
