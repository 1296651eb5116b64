"""Embeddings that lie in shards, read a slice at a time.

Shapes: N rows that were asked for, D joint embedding.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from clipmodel.array_types import AnyIntegers, Singles
from clipmodel.errors import UserError
from probes.embeddings.shard_files import Shard


@dataclass(frozen=True)
class StoredRows:
    """N embeddings that lie in shards; a slice of them is read when it is asked for.

    Attributes
    ----------
    shards
        The shards that hold some of them.
    dim
        D.
    shard, place
        [N] where each embedding lies.
    """

    shards: Sequence[Shard]
    dim: int
    shard: AnyIntegers
    place: AnyIntegers

    def __len__(self) -> int:
        return len(self.shard)

    def __getitem__(self, part: slice) -> Singles:
        """[n, D] float32, the embeddings of a slice.

        Raises
        ------
        UserError
            A shard has gone since its index was read.
        """
        shard, place = self.shard[part], self.place[part]
        vectors = np.empty((len(shard), self.dim), np.float32)
        # Rows that follow each other in the file are read at once, wherever they go.
        order = np.lexsort((place, shard))
        breaks = np.flatnonzero((np.diff(shard[order]) != 0) | (np.diff(place[order]) != 1)) + 1
        runs = np.split(order, breaks) if len(order) else []
        for number, own in itertools.groupby(runs, lambda run: int(shard[run[0]])):
            _read_runs(self.shards[number], own, place, vectors)
        return vectors

    def take(self, rows: AnyIntegers) -> StoredRows:
        """Some of the embeddings, in the order of their positions [n]."""
        return replace(self, shard=self.shard[rows], place=self.place[rows])


def _read_runs(shard: Shard, runs: Iterable[AnyIntegers], place: AnyIntegers, vectors: Singles) -> None:
    try:
        for run in runs:
            vectors[run] = shard.read(int(place[run[0]]), len(run))
    except (OSError, ValueError) as error:
        raise UserError(
            f"{shard.path}: no longer there, or cut short", remedy="run the same command again"
        ) from error


def locate(
    shards: Sequence[Shard], keys: NDArray[np.bytes_], *, dim: int
) -> tuple[StoredRows, NDArray[np.bool_]]:
    """Where the embeddings of some hashes [N] lie, and whether [N] each was found; others point nowhere."""
    # Searched once per distinct hash: copies of an image share one.
    distinct, inverse = np.unique(keys, return_inverse=True)
    shard = np.full(len(distinct), -1, np.int32)
    # 32 bits suffice for rows of one shard, and halve what is held for millions of images.
    place = np.zeros(len(distinct), np.int32)
    for number, own in enumerate(shards):
        # The shard's keys are looked up among those asked for, so no index over the whole store is ever
        # built.
        at = np.searchsorted(distinct, own.keys).clip(max=max(len(distinct) - 1, 0))
        known = distinct[at] == own.keys if len(distinct) else np.zeros(len(own.keys), bool)
        shard[at[known]] = number
        place[at[known]] = np.flatnonzero(known)
    rows = StoredRows(shards, dim, shard[inverse], place[inverse])
    return rows, rows.shard >= 0
