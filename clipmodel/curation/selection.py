"""Selection from a shard, by matches written before, and the file of captions that are kept.

Shapes: Q queries, K captions of a batch that are kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from clipmodel.curation.balancing import Balancer
from clipmodel.curation.caption_files import Batch, Shard
from clipmodel.curation.match_files import Advance, read_matches
from clipmodel.curation.matcher import Matches

SCHEMA = pa.schema(
    [
        ("key", pa.string()),
        ("caption", pa.string()),
        ("matched", pa.list_(pa.string())),
        ("assigned", pa.list_(pa.string())),
    ]
)
_POSITIONS = pa.schema(
    [
        ("key", pa.string()),
        ("caption", pa.string()),
        ("matched", pa.list_(pa.int32())),
        ("assigned", pa.list_(pa.int32())),
    ]
)
_ROW_GROUP = 32_768  # captions


@dataclass(frozen=True)
class Selected:
    """Captions that are kept, the queries they contain, and those they are kept for.

    Attributes
    ----------
    keys, captions
        K each. Without a key column the key is the file's name and the row, from 0.
    matched, assigned
        Of these K captions.
    """

    keys: list[str]
    captions: list[str]
    matched: Matches
    assigned: Matches


def select_shard(
    shard: Shard, matches: Path, *, balancer: Balancer, salts: np.ndarray, advance: Advance
) -> Iterator[Selected]:
    """The captions of one shard that are kept, batch by batch.

    Parameters
    ----------
    shard, matches
        The captions and what `match_shard` wrote of them.
    balancer
        With the limits that follow from all shards.
    salts
        uint64 [Q], from `query_salts`.
    advance
        Told what is done.
    """
    # Read again in the same batches, so that rows and matches line up.
    for batch, found in zip(shard.batches(), read_matches(matches), strict=True):
        queries = found.matches.queries
        assigned = balancer.assign(queries, found.draws(salts))
        n_assigned = np.bincount(found.matches.rows[assigned], minlength=len(found.rows))
        kept = n_assigned > 0
        rows = found.rows[kept].tolist()
        yield Selected(
            keys=[_key(shard, batch, row) for row in rows],
            captions=[batch.captions[row] or "" for row in rows],
            matched=found.matches.take(kept),
            assigned=Matches.of(n_assigned[kept], queries[assigned]),
        )
        advance(len(batch.captions), batch.read)


def write_selected(path: Path, parts: Iterable[Selected]) -> None:
    """Write the kept captions of one shard for another process, a batch for each batch of the shard."""
    # Positions of queries and not their texts: a frequent query is in every second caption.
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, _POSITIONS) as stream:
        for part in parts:
            lists = [
                pa.ListArray.from_arrays(each.offsets.astype(np.int32), pa.array(each.queries, pa.int32()))
                for each in (part.matched, part.assigned)
            ]
            columns = [pa.array(part.keys, pa.string()), pa.array(part.captions, pa.string()), *lists]
            stream.write_batch(pa.RecordBatch.from_arrays(columns, schema=_POSITIONS))


def read_selected(path: Path) -> Iterator[Selected]:
    """The batches that `write_selected` wrote."""
    with pa.OSFile(str(path)) as file, pa.ipc.open_stream(file) as stream:
        for batch in stream:
            matched, assigned = (
                Matches(lists.offsets.to_numpy().astype(np.int64), lists.values.to_numpy())
                for lists in (batch.column(2), batch.column(3))
            )
            yield Selected(batch.column(0).to_pylist(), batch.column(1).to_pylist(), matched, assigned)


class KeptWriter:
    """Writes kept captions as parquet, in row groups of a good size however few a batch keeps.

    Parameters
    ----------
    path
        The file.
    queries
        Texts of the queries, by position.
    """

    def __init__(self, path: Path, queries: Sequence[str]) -> None:
        self._queries = pa.array(queries, pa.string())
        self._file = pq.ParquetWriter(path, SCHEMA, compression="zstd")
        self._waiting: list[pa.Table] = []

    def __enter__(self) -> KeptWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._flush()
        self._file.close()

    def write(self, selected: Selected) -> None:
        """Add the kept captions of one batch."""
        lists = [self._texts(selected.matched), self._texts(selected.assigned)]
        self._waiting.append(pa.table([selected.keys, selected.captions, *lists], schema=SCHEMA))
        if sum(table.num_rows for table in self._waiting) >= _ROW_GROUP:
            self._flush()

    def _texts(self, matches: Matches) -> pa.ListArray:
        # pa.list_ has offsets of 32 bits, enough for the queries of one batch.
        return pa.ListArray.from_arrays(
            matches.offsets.astype(np.int32), self._queries.take(pa.array(matches.queries))
        )

    def _flush(self) -> None:
        if self._waiting:
            # Less than a group waits when a batch comes, and batches are smaller: it all fits into one group.
            self._file.write_table(pa.concat_tables(self._waiting), row_group_size=2 * _ROW_GROUP)
        self._waiting = []


def _key(shard: Shard, batch: Batch, row: int) -> str:
    return f"{shard.path.name}:{batch.first_row + row}" if batch.keys is None else batch.keys[row]
