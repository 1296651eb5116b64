"""Shards of the store of embeddings: files of hashes and vectors, of which rows are read as they are needed.

A shard is an uncompressed .npz of `keys` [n, 32] uint8 and `embeddings` [n, D] float32. Its index is read,
and its checksums are verified, once; after that a chunk of rows is read from where it lies, so a run over
ten times the images holds no more of them in memory.
"""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
import time
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from clipmodel.errors import UserError

HASH_BYTES = 32
KEY = np.dtype(f"S{HASH_BYTES}")
UNFINISHED = ".writing-"
STALE_SECONDS = 24 * 3600
ZIP_HEADER_BYTES = 30


def keys_of(hashes: Sequence[str]) -> np.ndarray:
    """[N] raw SHA-256 sums from hexadecimal ones."""
    return np.frombuffer(bytes.fromhex("".join(hashes)), KEY)


def write_shard(folder: Path, name: str, keys: np.ndarray, embeddings: np.ndarray) -> None:
    """Write a shard under another name and rename it when it is whole; OSError where that fails.

    Two processes that write at once do not meet: each has a folder of its own until the renaming. What a
    killed one left behind is removed after a day.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob(f"{UNFINISHED}*"):
        if time.time() - left.stat().st_mtime > STALE_SECONDS:
            shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=UNFINISHED) as scratch:
        path = Path(scratch) / f"{name}.npz"
        with path.open("wb") as file:
            raw = keys.view(np.uint8).reshape(-1, HASH_BYTES)
            np.savez(file, keys=raw, embeddings=embeddings.astype(np.float32))
            file.flush()
            os.fsync(file.fileno())
        path.replace(folder / path.name)


@dataclass(frozen=True)
class Shard:
    """A whole shard.

    Attributes
    ----------
    path
        The file.
    keys
        [n] raw hashes.
    start
        Where the vectors begin, in bytes.
    """

    path: Path
    keys: np.ndarray
    start: int


def open_shard(path: Path, dim: int) -> Shard:
    """The index of a shard, all of which is read once: zip's own checksums tell a changed byte.

    Raises
    ------
    ValueError, OSError, KeyError, EOFError, zipfile.BadZipFile
        The file is damaged, or no shard of this dimension.
    """
    with np.load(path) as shard:
        keys, embeddings = shard["keys"], shard["embeddings"]
    if embeddings.shape != (len(keys), dim) or not np.isfinite(embeddings).all():
        raise ValueError(f"{path}: {len(keys)} keys for embeddings of shape {embeddings.shape}")
    if embeddings.dtype != np.float32 or keys.shape[1:] != (HASH_BYTES,):
        raise ValueError(f"{path}: keys of {keys.dtype} {keys.shape}, embeddings of {embeddings.dtype}")
    return Shard(path, np.ascontiguousarray(keys).view(KEY).ravel(), _start_of_vectors(path))


def _start_of_vectors(path: Path) -> int:
    with zipfile.ZipFile(path) as archive:
        member = archive.getinfo("embeddings.npy")
    if member.compress_type != zipfile.ZIP_STORED:
        raise ValueError(f"{path}: compressed")
    with path.open("rb") as file:
        file.seek(member.header_offset)
        header = file.read(ZIP_HEADER_BYTES)
        lengths = int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
        file.seek(member.header_offset + ZIP_HEADER_BYTES + lengths)
        np.lib.format.read_magic(file)
        np.lib.format.read_array_header_1_0(file)
        return file.tell()


@dataclass(frozen=True)
class StoredRows:
    """N vectors that lie in shards; a slice of them is read when it is asked for.

    Attributes
    ----------
    shards
        The shards that hold some of them.
    dim
        D.
    shard, place
        [N] where each vector lies.
    """

    shards: Sequence[Shard]
    dim: int
    shard: np.ndarray
    place: np.ndarray

    def __len__(self) -> int:
        return len(self.shard)

    def __getitem__(self, part: slice) -> np.ndarray:
        """[n, D] float32 the vectors of a slice.

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
            self._read_runs(self.shards[number], own, place, vectors)
        return vectors

    def _read_runs(
        self, shard: Shard, runs: Iterable[np.ndarray], place: np.ndarray, vectors: np.ndarray
    ) -> None:
        row_bytes = self.dim * vectors.itemsize
        try:
            with shard.path.open("rb") as file:
                for run in runs:
                    file.seek(shard.start + int(place[run[0]]) * row_bytes)
                    data = np.fromfile(file, np.float32, len(run) * self.dim)
                    vectors[run] = data.reshape(len(run), self.dim)
        except (OSError, ValueError) as error:
            raise UserError(
                f"{shard.path}: no longer there, or cut short", remedy="run the same command again"
            ) from error

    def take(self, rows: np.ndarray) -> StoredRows:
        """Some of the vectors, in the order of their positions [n]."""
        return replace(self, shard=self.shard[rows], place=self.place[rows])


def locate(shards: Sequence[Shard], keys: np.ndarray, *, dim: int) -> tuple[StoredRows, np.ndarray]:
    """Where the vectors of some hashes [N] lie, and whether [N] each was found; others point nowhere."""
    distinct, inverse = np.unique(keys, return_inverse=True)
    shard = np.full(len(distinct), -1, np.int32)
    place = np.zeros(len(distinct), np.int32)
    for number, own in enumerate(shards):
        at = np.searchsorted(distinct, own.keys).clip(max=max(len(distinct) - 1, 0))
        known = distinct[at] == own.keys if len(distinct) else np.zeros(len(own.keys), bool)
        shard[at[known]] = number
        place[at[known]] = np.flatnonzero(known)
    rows = StoredRows(shards, dim, shard[inverse], place[inverse])
    return rows, rows.shard >= 0
