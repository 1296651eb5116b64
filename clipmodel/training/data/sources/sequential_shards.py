"""Shards read from front to back by lanes, shuffled in blocks, with a position that can be gone back to.

In each pass the shards are put in another order and laid end to end; every lane takes an equal stretch of
that line. Where a stretch ends inside a shard, the samples of that shard are dealt out by their number, so
lanes get equal shares also when there are fewer shards than lanes. A lane reads a block of samples, gives
them in random order, and reads the next: a position is where the block began and how many of it were given.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Protocol

import numpy as np

from clipmodel.errors import UserError
from clipmodel.training.data.sources.source import Item, Lane, Position, Sample, Skipped

EMPTY_PASSES = 64  # after so many without a sample the lane will not find one
_ORDER, _DEAL, _BLOCK = 11, 12, 13  # what is drawn, beside the seed
GOLDEN = (math.sqrt(5) - 1) / 2  # its multiples, modulo 1, fill every stretch evenly
Place = tuple[int, int, int]  # pass, piece of the lane's stretch, sample in the shard


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
        Samples a lane reads at a time and shuffles; 1 keeps the order of the shard.
    """

    def __init__(self, shards: Sequence[str], *, reader: Reader, block: int) -> None:
        self._names, self._reader, self._block = list(shards), reader, block
        self.name = self._names[0] if len(shards) == 1 else f"{self._names[0]} and {len(shards) - 1} more"
        self.shards = len(self._names)
        self.size: int | None = None
        self.unusable: list[Skipped] = []
        self.start: Position = (0, 0, 0, 0, 0)

    def stream(self, lane: Lane, position: Position) -> Iterator[tuple[Item, Position]]:
        epoch, piece, index, number, given = position
        begin = end = (epoch, piece, index)
        items = self._read(lane, begin)
        held: tuple[Item, Place] | None = (
            None  # the first one of the next pass, which a block does not mix in
        )
        while True:
            samples: list[Sample | None] = []
            while len(samples) < self._length(lane, number):
                item, after = held or next(items)
                held = (item, after) if samples and after[0] != end[0] else None
                if held:
                    break
                end = after
                if isinstance(item, Sample):
                    samples.append(item)
                else:
                    yield item, (*begin, number, given)
            order = np.random.default_rng((lane.seed, _BLOCK, lane.number, number)).permutation(len(samples))
            for done, chosen in enumerate(order[given:], start=given + 1):
                sample, samples[chosen] = samples[chosen], None  # memory back as the block is given
                assert sample is not None
                yield sample, ((*end, number + 1, 0) if done == len(order) else (*begin, number, done))
            begin, number, given = end, number + 1, 0

    def _length(self, lane: Lane, number: int) -> int:
        """Of a block. The first ones differ by lane, lest all lanes wait for their next block at once."""
        return self._block if number else max(1, self._block * (lane.number + 1) // lane.of)

    def _read(self, lane: Lane, place: Place) -> Iterator[tuple[Item, Place]]:
        """The lane's items in the order of the shards, with the place after each."""
        epoch, piece, index = place
        last_found = epoch
        while True:
            stretch = self._stretch(lane, epoch)
            for number in range(piece, len(stretch)):
                shard, low, high = stretch[number]
                shift = np.random.default_rng((lane.seed, _DEAL, epoch, shard)).random()

                def mine(i: int, low: int = low, high: int = high, shift: float = shift) -> bool:
                    return low <= int(lane.of * ((i * GOLDEN + shift) % 1.0)) < high

                for i, item in self._reader.samples(self._names[shard], first=index, keep=mine):
                    if isinstance(item, Sample):
                        last_found = epoch
                    yield item, (epoch, number, i + 1)
                index = 0
            epoch, piece = epoch + 1, 0
            if epoch - last_found > EMPTY_PASSES:
                raise UserError(
                    f"{self.name}: lane {lane.number} of {lane.of} found no sample in {EMPTY_PASSES} passes",
                    remedy="check the data; with few samples lower data.loading.lanes or workers",
                )

    def _stretch(self, lane: Lane, epoch: int) -> list[tuple[int, int, int]]:
        """Shard and share of it, from low to below high of `lane.of` parts, for each piece of the lane's."""
        # In units in which a shard is as long as there are lanes and a stretch as long as there are shards.
        order = np.random.default_rng((lane.seed, _ORDER, epoch)).permutation(len(self._names))
        first, last = lane.number * len(self._names), (lane.number + 1) * len(self._names)
        pieces = range(first // lane.of, (last - 1) // lane.of + 1)
        return [
            (int(order[k]), max(first - k * lane.of, 0), min(last - k * lane.of, lane.of)) for k in pieces
        ]

    def passes(self, position: Position, lanes: int) -> float:
        epoch, piece = position[:2]
        return epoch + piece / max(1.0, len(self._names) / lanes)

    def first_items(self) -> Iterator[Item]:
        for shard in islice(self._names, 8):
            for _, item in self._reader.samples(shard, first=0, keep=lambda i: True):
                yield item
