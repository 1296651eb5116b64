"""What every source of pairs gives: substreams, endless, each with a position to resume from.

A source is divided into substreams. A substream is read by one loader worker, in an order that follows from
the seed and the substream's number alone, so neither the number of workers nor that of processes changes what
a batch holds. Within one pass over the data each sample belongs to exactly one substream.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

Position = tuple[int, ...]  # whole numbers, so that a checkpoint can hold it


@dataclass(frozen=True)
class Sample:
    """One image and its captions, of which one is drawn on each visit."""

    key: str  # names it in the log and in errors
    image: bytes  # encoded
    captions: tuple[str, ...]


@dataclass(frozen=True)
class Skipped:
    """A sample that cannot be used, or a whole shard (or the rest of one)."""

    key: str
    reason: str  # one of a few, to be counted
    detail: str = ""
    is_shard: bool = False


Item = Sample | Skipped


@dataclass(frozen=True, kw_only=True)
class Substream:
    number: int
    of: int  # substreams there are
    seed: int


class Source(Protocol):
    """Samples by substream."""

    name: str  # for messages
    size: int | None  # samples, None where that is not known without reading everything
    shards: int  # 0 where samples can be read one by one
    unusable: list[Skipped]  # found when it was opened, and no part of any substream
    start: Position

    def stream(self, substream: Substream, position: Position) -> Iterator[tuple[Item, Position]]:
        """The substream's items from a position on, each with the position after it; never ends."""
        ...

    def passes(self, position: Position, substreams: int) -> float:
        """Passes over the data that a substream at this position has done."""
        ...

    def first_items(self) -> Iterator[Item]:
        """Some items in their stored order, to see whether the source can be used at all."""
        ...
