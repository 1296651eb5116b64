"""Shards: one format that other programs read, told from damage by a checksum."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.dataset
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probes.embeddings import shard_files
from probes.embeddings.shard_files import (
    DamagedShardError,
    add_shard,
    index_of,
    keys_of,
    open_shard,
    shard_bytes,
    write_bytes,
)

VECTORS = np.array([[1, 2, 3], [4, 5, 6]], np.float32)
# The second key ends in a zero byte, which NumPy's fixed strings drop when a value is taken out.
HASHES = ["ab" * 32, "cd" * 31 + "00"]


def stored(folder: Path, dtype: type = np.float32) -> Path:
    return add_shard(folder, keys_of(HASHES), VECTORS.astype(dtype))


def test_a_shard_is_named_by_its_checksum_and_private(tmp_path: Path) -> None:
    path = stored(tmp_path)
    assert path.name == f"{hashlib.sha256(path.read_bytes()).hexdigest()[:32]}.arrow"
    assert path.stat().st_mode & 0o777 == 0o600
    assert stored(tmp_path) == path
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_rows_come_back_as_they_were_stored(tmp_path: Path, dtype: type) -> None:
    shard = open_shard(stored(tmp_path, dtype))
    assert shard is not None
    assert (shard.dim, shard.dtype) == (3, np.dtype(dtype))
    assert shard.keys.tobytes().hex() == "".join(HASHES)
    np.testing.assert_array_equal(shard.read(0, 2), VECTORS)
    np.testing.assert_array_equal(shard.read(1, 1), VECTORS[1:])


def test_the_embeddings_lie_in_the_file_as_they_are(tmp_path: Path) -> None:
    """Memory-mapped without any library: D numbers a row, one row after another."""
    path = stored(tmp_path)
    shard = open_shard(path)
    assert shard is not None
    mapped = np.memmap(path, np.float32, "r", offset=shard.start, shape=(2, 3))
    np.testing.assert_array_equal(mapped, VECTORS)


def test_duckdb_and_polars_read_a_folder_of_shards(tmp_path: Path) -> None:
    duckdb, polars = pytest.importorskip("duckdb"), pytest.importorskip("polars")
    stored(tmp_path)
    frame = polars.scan_ipc(tmp_path / "*.arrow").collect()
    assert frame["embedding"].to_list() == VECTORS.tolist()
    assert [key.hex() for key in frame["key"]] == HASHES
    shards = pa.dataset.dataset(tmp_path, format="ipc")
    query = "SELECT hex(key), list_sum(embedding::FLOAT[]) FROM shards ORDER BY 1"
    connection = duckdb.connect()
    connection.register("shards", shards)
    # 1 + 2 + 3 and 4 + 5 + 6
    assert connection.sql(query).fetchall() == [(HASHES[0].upper(), 6.0), (HASHES[1].upper(), 15.0)]


def test_rows_without_an_embedding_are_null_with_a_reason(tmp_path: Path) -> None:
    data = shard_bytes(keys_of(HASHES), VECTORS, reasons=[None, "no file"], metadata={"first_row": "7"})
    table = pa.ipc.open_file(data).read_all()
    assert table.column("reason").to_pylist() == [None, "no file"]
    assert table.column("embedding").to_pylist() == [[1, 2, 3], None]
    assert table.column("key").to_pylist() == [bytes.fromhex(HASHES[0]), None]
    assert table.schema.metadata[b"first_row"] == b"7"


@settings(max_examples=60, deadline=None)
@given(position=st.integers(0, 10_000), change=st.integers(1, 255), cut=st.booleans())
def test_any_change_of_a_byte_is_damage(
    tmp_path_factory: pytest.TempPathFactory, position: int, change: int, cut: bool
) -> None:
    path = stored(tmp_path_factory.mktemp("shard"))
    data = bytearray(path.read_bytes())
    at = position % len(data)
    if cut:
        del data[at:]
    else:
        data[at] ^= change
    path.write_bytes(data)
    with pytest.raises(DamagedShardError):
        open_shard(path)


def test_files_of_another_format_are_no_shards_and_no_error(tmp_path: Path) -> None:
    foreign = tmp_path / "notes.arrow"
    foreign.write_bytes(b"anything")
    assert open_shard(foreign) is None
    for content in (b"", b"not an Arrow file", b"ARROW1\0\0"):
        path = tmp_path / f"{hashlib.sha256(content).hexdigest()[:32]}.arrow"
        path.write_bytes(content)
        assert open_shard(path) is None
    sink = pa.BufferOutputStream()
    table = pa.table({"key": [b"x"], "embedding": [[1.0]]})
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    (tmp_path / "other.arrow").write_bytes(bytes(sink.getvalue()))
    assert index_of(tmp_path / "other.arrow") is None


def test_a_file_that_cannot_be_read_keeps_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = stored(tmp_path)
    monkeypatch.setattr(shard_files, "_readable", lambda other: other != path)
    assert stored(tmp_path).name == f"{path.stem}-1.arrow"
    assert open_shard(tmp_path / f"{path.stem}-1.arrow") is not None


def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x").write_bytes(b"before")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shard_files.os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_bytes(tmp_path / "x", b"after", mode=0o600)
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("x", b"before")]
