"""Sources whose samples can be read one by one: each pass is a permutation of all of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np

from clipmodel.training.data.sources.locations import READ_ERRORS, read_bytes
from clipmodel.training.data.sources.source import Item, Position, Sample, Skipped, Substream

# The streams of random numbers of this package are kept apart by such numbers.
_ORDER = 21  # what is drawn, beside the seed
MISSING = "image file missing"
UNREADABLE = "image file unreadable"


class Rows(Protocol):
    name: str
    unusable: list[Skipped]

    def __len__(self) -> int: ...

    def read(self, row: int) -> Item: ...


class RowSource:
    """Rows dealt out to substreams in the order of each pass, one after the other."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self.name, self.unusable = rows.name, rows.unusable
        self.size: int | None = len(rows)
        self.shards = 0
        self.start: Position = (0,)
        self._order: tuple[tuple[int, int], np.ndarray] | None = None  # of one seed and pass

    def stream(self, substream: Substream, position: Position) -> Iterator[tuple[Item, Position]]:
        (given,) = position
        while True:
            # Substreams take turns: together they read each permutation exactly once.
            epoch, i = divmod(given * substream.of + substream.number, len(self._rows))
            given += 1
            yield self._rows.read(int(self._permutation(substream.seed, epoch)[i])), (given,)

    def _permutation(self, seed: int, epoch: int) -> np.ndarray:
        if self._order is None or self._order[0] != (seed, epoch):
            order = np.random.default_rng((seed, _ORDER, epoch)).permutation(len(self._rows))
            self._order = ((seed, epoch), order)
        return self._order[1]

    def passes(self, position: Position, substreams: int) -> float:
        return position[0] * substreams / len(self._rows)

    def first_items(self) -> Iterator[Item]:
        return (self._rows.read(row) for row in range(len(self._rows)))


def read_sample(path: str, captions: tuple[str, ...]) -> Item:
    """The sample of an image's file."""
    try:
        return Sample(path, read_bytes(path), captions)
    except FileNotFoundError:
        return Skipped(path, MISSING)
    except READ_ERRORS as error:
        return Skipped(path, UNREADABLE, str(error))
