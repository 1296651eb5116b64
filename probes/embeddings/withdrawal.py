"""Images withdrawn from a folder of embeddings: their embedding, hash, id and labels go.

The row stays, empty, so that every other row keeps its number: it counts as an image that cannot be read.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from clipmodel.errors import UserError
from probes.datasets.demographic_dataset import ID
from probes.embeddings.folder import (
    ANNOTATIONS_FILE,
    JOB_FILE,
    FolderDataset,
    Job,
    PartManifest,
    image_ids,
    part_path,
    read_part_manifest,
)
from probes.embeddings.shard_files import HASH_BYTES, KEY, index_of, shard_bytes, write_bytes

WITHDRAWN = "withdrawn"
MODE = 0o644


def forget_in_folder(folder: Path, names: Sequence[str], hashes: Collection[str] = ()) -> int:
    """Withdraw images by their ids or content hashes; the number withdrawn.

    Raises
    ------
    UserError
        An id is not there, or the folder is not finished or cannot be written.
    """
    dataset = FolderDataset(folder)
    rows = _rows_of(folder, names)
    if hashes:
        wanted = {bytes.fromhex(one) for one in hashes}
        readable = dataset.embedded(np.arange(len(dataset)))
        keys = (key for block in readable.vectors.content_keys() for key in block)  # type: ignore[union-attr]
        rows |= {int(row) for row, key in zip(readable.rows, keys, strict=True) if key.tobytes() in wanted}
    if not rows:
        return 0
    try:
        # Parts before annotations and job: after a kill in between, repeating the command finds the ids still
        # there.
        for number in sorted({row // dataset.job.part_images for row in rows}):
            _withdraw(folder, dataset.job, number, rows)
        annotations = _blanked(folder / ANNOTATIONS_FILE, sorted(rows))
        job = replace(dataset.job, annotations_sha256=hashlib.sha256(annotations).hexdigest())
        write_bytes(folder / ANNOTATIONS_FILE, annotations, mode=MODE)
        write_bytes(folder / JOB_FILE, job.to_json().encode(), mode=MODE)
    except OSError as error:
        raise UserError(
            f"{folder}: cannot be written ({error.strerror})", remedy="run the same command again"
        ) from error
    return len(rows)


def _rows_of(folder: Path, names: Sequence[str]) -> set[int]:
    known = {name: row for row, name in enumerate(image_ids(folder))} if names else {}
    if unknown := [name for name in names if name not in known]:
        raise UserError(
            f"{folder}: no image is called {unknown[0]!r}", remedy="give ids as in its annotations"
        )
    return {known[name] for name in names}


def _withdraw(folder: Path, job: Job, number: int, rows: set[int]) -> None:
    """Write a part and its manifest without the embeddings and hashes of some rows."""
    path, manifest = part_path(folder, number), read_part_manifest(folder, number)
    shard = index_of(path)
    assert shard is not None
    assert manifest is not None
    own = job.rows(number)
    lost = manifest.unreadable | {row: WITHDRAWN for row in own if row in rows}
    vectors, keys = shard.read(0, len(own)), shard.keys.copy()
    gone = [row - own.start for row in lost]
    # Null in the file hides a value from readers; the bytes below it must go as well.
    vectors[gone] = 0
    keys[gone] = np.zeros(1, f"V{HASH_BYTES}").view(KEY)[0]
    data = shard_bytes(
        keys, vectors, reasons=[lost.get(row) for row in own],
        metadata={"first_row": str(own.start), "model": job.model["fingerprint"]},
    )  # fmt: skip
    made = PartManifest(
        sha256=hashlib.sha256(data).hexdigest(), n_bytes=len(data), unreadable=dict(sorted(lost.items()))
    )
    write_bytes(path, data, mode=MODE)
    text = json.dumps(asdict(made), indent=1, ensure_ascii=False) + "\n"
    write_bytes(path.with_suffix(".json"), text.encode(), mode=MODE)


def _blanked(file: Path, rows: list[int]) -> bytes:
    """The annotations with every value of some rows missing, and the ids replaced by their row."""
    table = pq.read_table(file)
    gone = np.zeros(len(table), bool)
    gone[rows] = True
    columns = {}
    for name in table.column_names:
        column = table.column(name)
        if name == ID:
            instead = pa.array([f"withdrawn image {row}" for row in range(len(table))])
            columns[name] = pc.if_else(pa.array(gone), instead, column)
        elif pa.types.is_boolean(column.type):
            columns[name] = pc.if_else(pa.array(gone), False, column)
        else:
            plain = column.cast(pa.string())
            blank = pc.if_else(pa.array(gone), pa.scalar(None, pa.string()), plain)
            columns[name] = blank.dictionary_encode() if pa.types.is_dictionary(column.type) else blank
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink, row_group_size=1 << 20)
    return bytes(sink.getvalue())
