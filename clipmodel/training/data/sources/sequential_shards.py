"""Shards read from front to back by substreams, shuffled in blocks, with a position that can be returned to.

In each pass the shards are put in another order and laid end to end; every substream takes an equal segment
of that line. If a segment ends inside a shard, the samples of that shard are divided by their number, so
substreams get equal shares also with fewer shards than substreams. A substream reads a block of samples,
yields them in random order, and reads the next: a position is where the block began and how many of it were
yielded.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Protocol

import numpy as np

from clipmodel.errors import UserError
from clipmodel.training.data.sources.source import Item, Position, Sample, Skipped, Substream

EMPTY_PASSES = 64  # after so many without a sample the substream will not find one
_ORDER, _DEAL, _BLOCK = 11, 12, 13  # what is drawn, beside the seed
GOLDEN = (math.sqrt(5) - 1) / 2  # its multiples, modulo 1, fill every segment evenly
Cursor = tuple[int, int, int]  # pass, part of the substream's segment, sample in the shard


class Reader(Protocol):
    def samples(
        self, shard: str, *, first: int, keep: Callable[[int], bool]
    ) -> Iterator[tuple[int, Item]]: ...


class ShardSource:
    """Pairs in shards.

    Parameters
    ----------
    shards
        Names of files, URLs or `pipe:` commands.
    reader
        Of their format.
    block
        Samples a substream reads at a time and shuffles; 1 keeps the order of the shard.
    """

    def __init__(self, shards: Sequence[str], *, reader: Reader, block: int) -> None:
        self._names, self._reader, self._block = list(shards), reader, block
        self.name = self._names[0] if len(shards) == 1 else f"{self._names[0]} and {len(shards) - 1} more"
        self.shards = len(self._names)
        self.size: int | None = None
        self.unusable: list[Skipped] = []
        self.start: Position = (0, 0, 0, 0, 0)

    def stream(self, substream: Substream, position: Position) -> Iterator[tuple[Item, Position]]:
        epoch, part, index, number, given = position
        begin = end = (epoch, part, index)
        items = self._read(substream, begin)
        # The first item of the next pass, which a block does not mix in.
        held: tuple[Item, Cursor] | None = None
        while True:
            samples: list[Sample | None] = []
            while len(samples) < self._length(substream, number):
                item, after = held or next(items)
                held = (item, after) if samples and after[0] != end[0] else None
                if held:
                    break
                end = after
                if isinstance(item, Sample):
                    samples.append(item)
                else:
                    yield item, (*begin, number, given)
            # Seeded by substream and block: a resumed run shuffles the block again as it was.
            order = np.random.default_rng((substream.seed, _BLOCK, substream.number, number)).permutation(
                len(samples)
            )
            for done, chosen in enumerate(order[given:], start=given + 1):
                sample, samples[chosen] = samples[chosen], None  # memory back as the block is given
                assert sample is not None
                yield sample, ((*end, number + 1, 0) if done == len(order) else (*begin, number, done))
            begin, number, given = end, number + 1, 0

    def _length(self, substream: Substream, number: int) -> int:
        """Samples of a block. First blocks differ by substream, so that not all wait for the next at once."""
        return self._block if number else max(1, self._block * (substream.number + 1) // substream.of)

    def _read(self, substream: Substream, place: Cursor) -> Iterator[tuple[Item, Cursor]]:
        """The substream's items in the order of the shards, with the place after each."""
        epoch, part, index = place
        last_found = epoch
        while True:
            segment = self._segment(substream, epoch)
            for number in range(part, len(segment)):
                shard, low, high = segment[number]
                shift = np.random.default_rng((substream.seed, _DEAL, epoch, shard)).random()

                # A sample of a shard that two substreams share belongs to one of them by its number alone, so
                # none has to know how long the shard is. Multiples of the golden ratio, modulo 1, spread
                # evenly however few there are.
                def mine(i: int, low: int = low, high: int = high, shift: float = shift) -> bool:
                    return low <= int(substream.of * ((i * GOLDEN + shift) % 1.0)) < high

                for i, item in self._reader.samples(self._names[shard], first=index, keep=mine):
                    if isinstance(item, Sample):
                        last_found = epoch
                    yield item, (epoch, number, i + 1)
                index = 0
            epoch, part = epoch + 1, 0
            if epoch - last_found > EMPTY_PASSES:
                raise UserError(
                    f"{self.name}: substream {substream.number} of {substream.of} found no sample in "
                    f"{EMPTY_PASSES} passes",
                    remedy="check the data; with few samples lower data.loading.substreams or workers",
                )

    def _segment(self, substream: Substream, epoch: int) -> list[tuple[int, int, int]]:
        """Shard and share of it, from low to below high of `substream.of`, for each part of the segment."""
        # In units in which a shard is as long as there are substreams, and a segment as there are shards.
        order = np.random.default_rng((substream.seed, _ORDER, epoch)).permutation(len(self._names))
        first, last = substream.number * len(self._names), (substream.number + 1) * len(self._names)
        parts = range(first // substream.of, (last - 1) // substream.of + 1)
        return [
            (int(order[k]), max(first - k * substream.of, 0), min(last - k * substream.of, substream.of))
            for k in parts
        ]

    def passes(self, position: Position, substreams: int) -> float:
        epoch, part = position[:2]
        return epoch + part / max(1.0, len(self._names) / substreams)

    def first_items(self) -> Iterator[Item]:
        # Eight shards: if those give nothing usable, the source is wrong rather than damaged.
        for shard in islice(self._names, 8):
            for _, item in self._reader.samples(shard, first=0, keep=lambda i: True):
                yield item
