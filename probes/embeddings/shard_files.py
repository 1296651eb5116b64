"""Shards: Arrow files of keys and embeddings, of which a slice is read from where it lies.

A shard is an uncompressed Arrow IPC file of one record batch with the columns `key` (the 32 bytes of a
SHA-256 sum) and `embedding` (a list of D numbers of 32 or 16 bits). It can be memory-mapped, and read by
pyarrow, Polars (`polars.scan_ipc`) or DuckDB (through `pyarrow.dataset`). A shard of the store is named by
the checksum of its bytes, so damage is told before anything in it is interpreted.

Shapes: n rows of a shard, D joint embedding.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from clipmodel.atomic_files import sync_folder, take_lock

HASH_BYTES = 32
KEY = np.dtype(f"S{HASH_BYTES}")
FORMAT = b"clip-audit embeddings 1"
UNFINISHED = ".writing-"
SHARD_NAME = re.compile(r"([0-9a-f]{32})(-\d+)?\.arrow")
# 128 bits in a file name: enough against accidental equality, and short enough for every file system.
CHECKSUM_DIGITS = 32
BLOCK_BYTES = 1 << 20
STALE_SECONDS, UNLOCKED_SECONDS = 24 * 3600, 2
PRECISIONS = {"float32": pa.float32(), "float16": pa.float16()}


class DamagedShardError(ValueError):
    """The bytes of a shard are not those that were written."""


def keys_of(hashes: Sequence[str]) -> NDArray[np.bytes_]:
    """[N] raw SHA-256 sums from hexadecimal ones."""
    # As fixed-width bytes, NumPy sorts and searches hashes without a Python object each.
    return np.frombuffer(bytes.fromhex("".join(hashes)), KEY)


def shard_bytes(
    keys: NDArray[np.bytes_],
    embeddings: NDArray[np.floating[Any]],
    *,
    reasons: Sequence[str | None] | None = None,
    metadata: Mapping[str, str] | None = None,
) -> bytes:
    """A shard as the bytes of its file; equal content gives equal bytes.

    Parameters
    ----------
    keys
        [n] raw hashes.
    embeddings
        [n, D] float32 or float16.
    reasons
        [n] why there is no embedding, None where there is one. With it, the file has a column `reason`, and
        key and embedding are null where a reason is given.
    metadata
        Written into the schema.
    """
    missing = None if reasons is None else np.array([reason is not None for reason in reasons], bool)
    dim = embeddings.shape[1]
    numbers = pa.array(np.ascontiguousarray(embeddings).ravel(), PRECISIONS[embeddings.dtype.name])
    # NumPy drops the zero bytes at the end of a value, so the keys go over as one buffer.
    columns = {
        "key": pa.Array.from_buffers(
            pa.binary(HASH_BYTES),
            len(keys),
            [_validity(missing), pa.py_buffer(np.ascontiguousarray(keys).tobytes())],
        ),
        "embedding": pa.FixedSizeListArray.from_arrays(
            numbers, dim, mask=None if missing is None else pa.array(missing)
        ),
    }
    if reasons is not None:
        columns["reason"] = pa.array(reasons, pa.string())
    schema = pa.schema(
        [(name, column.type) for name, column in columns.items()],
        metadata={"format": FORMAT, **(metadata or {})},
    )
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, schema) as writer:
        writer.write_batch(pa.record_batch(list(columns.values()), schema=schema))
    return bytes(sink.getvalue())


def _validity(missing: NDArray[np.bool_] | None) -> Any:
    # Arrow's validity bitmap: 1 for present, least significant bit first.
    return None if missing is None else pa.py_buffer(np.packbits(~missing, bitorder="little").tobytes())


def write_bytes(path: Path, data: bytes, *, mode: int) -> None:
    """Write a file under another name and rename it when it is on the disk; OSError if that fails.

    The draft is locked until it has its name, so that `remove_abandoned_drafts` of another process leaves it.
    """
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=UNFINISHED)
    try:
        with os.fdopen(descriptor, "wb") as file:
            take_lock(file)
            file.write(data)
            file.flush()
            # Without it, a power cut after the rename can leave a file of the right name and no content.
            os.fsync(file.fileno())
            Path(draft).chmod(mode)
            if os.name == "nt":
                file.close()  # Windows renames no open file, and has no such locks
            Path(draft).replace(path)
    except BaseException:
        with suppress(OSError):  # the disk may be gone; what counts is the error that led here
            Path(draft).unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def remove_abandoned_drafts(folder: Path) -> None:
    """Remove what killed processes left of writing files into a folder.

    A draft that its writer still has locked stays, as does one of a moment ago, which may not be locked yet.
    Where files cannot be locked, as on some network disks, drafts of the last day stay.
    """
    for draft in folder.glob(f"{UNFINISHED}*"):
        with suppress(OSError):  # another run may be faster, or the draft another user's
            age = time.time() - draft.stat().st_mtime
            if age > STALE_SECONDS:
                draft.unlink()
            elif age > UNLOCKED_SECONDS:
                with draft.open("rb+") as file:
                    if take_lock(file):
                        draft.unlink()


def add_shard(
    folder: Path, keys: NDArray[np.bytes_], embeddings: NDArray[np.floating[Any]], *, mode: int = 0o600
) -> Path:
    """Write a shard of the store into a folder that exists, named by its checksum; OSError if that fails.

    A file of that name that cannot be read is somebody else's and stays: the shard gets a number.
    """
    data = shard_bytes(keys, embeddings)
    digest = hashlib.sha256(data).hexdigest()[:CHECKSUM_DIGITS]
    for number in count():
        path = folder / (f"{digest}-{number}.arrow" if number else f"{digest}.arrow")
        # The name is the checksum of the content, so a file of that name has it: writing again repairs a file
        # that was damaged since it was verified.
        if not path.exists() or _readable(path):
            write_bytes(path, data, mode=mode)
            return path
    raise AssertionError("numbers do not end")


def _readable(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            file.read(1)
    except OSError:
        return False
    return True


@dataclass(frozen=True)
class Shard:
    """A sound shard.

    Attributes
    ----------
    path
        The file.
    keys
        [n] raw hashes; 32 zero bytes for a row without an embedding.
    dim
        D.
    dtype
        Of the stored numbers, float32 or float16.
    start
        Where the embeddings begin, in bytes.
    """

    path: Path
    keys: NDArray[np.bytes_]
    dim: int
    dtype: np.dtype[Any]
    start: int

    def read(self, first: int, n: int) -> NDArray[np.floating[Any]]:
        """[n, D] rows from `first` on, as they are stored; OSError or ValueError if they are gone."""
        with self.path.open("rb") as file:
            file.seek(self.start + first * self.dim * self.dtype.itemsize)
            return np.fromfile(file, self.dtype, n * self.dim).reshape(n, self.dim)


def checksum(path: Path) -> str:
    """SHA-256 of a file in hexadecimal; OSError if it cannot be read."""
    digest = hashlib.sha256()
    # Unbuffered: blocks are large already, and a buffer would copy them once more.
    with path.open("rb", buffering=0) as file:
        while block := file.read(BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def open_shard(path: Path) -> Shard | None:
    """The index of a shard of the store; None for a file of another format.

    Raises
    ------
    OSError
        The file cannot be read.
    DamagedShardError
        It can be read, and its checksum is not the one in its name.
    """
    name = SHARD_NAME.fullmatch(path.name)
    if name is None:
        return None
    if not checksum(path).startswith(name[1]):
        raise DamagedShardError(f"{path}: its checksum is not the one in its name")
    return index_of(path)


def index_of(path: Path) -> Shard | None:
    """The index of a file whose checksum was verified; None if it is no shard of this version."""
    with pa.memory_map(str(path)) as whole:
        # The offset of the numbers within the file, so that slices are read by plain reads: in a mapping, a
        # file that is truncated meanwhile ends the process instead of raising an error.
        base = whole.read_buffer(1).address
        try:
            reader = pa.ipc.open_file(whole)
            metadata = reader.schema.metadata or {}
            # A single batch, or rows would not lie at one distance from each other.
            if metadata.get(b"format") != FORMAT or reader.num_record_batches != 1:
                return None
            batch = reader.get_batch(0)
        except pa.ArrowInvalid:
            return None
        vectors = batch.column("embedding")
        keys = batch.column("key").buffers()[1]
        numbers = vectors.values.buffers()[1]
        return Shard(
            path=path,
            # Copied out, because the mapping ends with this block; cut, because Arrow pads buffers to 64
            # bytes.
            keys=np.frombuffer(keys.to_pybytes()[: batch.num_rows * HASH_BYTES], KEY),
            dim=vectors.type.list_size,
            dtype=np.dtype(vectors.type.value_type.to_pandas_dtype()),
            start=numbers.address - base,
        )
