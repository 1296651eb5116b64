"""Matching of a shard: counts that add up, and the matches on disk, so that captions are searched once.

Shapes: Q queries, N captions of a batch, M of them that contain a query, P pairs of a caption and a query.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np
import pyarrow as pa

from clipmodel.curation.caption_files import Batch, Shard
from clipmodel.curation.hashed_draws import SmallestDraws, draws, identities
from clipmodel.curation.matcher import Matcher, Matches

_SCHEMA = pa.schema([("row", pa.int32()), ("identity", pa.uint64()), ("queries", pa.list_(pa.int32()))])

Advance = Callable[[int, float], None]  # captions done since the last call, share of the shard done


@dataclass(frozen=True)
class MatchCounts:
    """What matching counted in one shard or several: they add up.

    Attributes
    ----------
    rows, missing, matched
        Captions, those without text, those that contain a query.
    contained
        int64 [Q]: captions that contain each query.
    """

    rows: int
    missing: int
    matched: int
    contained: np.ndarray

    def __add__(self, other: MatchCounts) -> MatchCounts:
        return MatchCounts(
            self.rows + other.rows,
            self.missing + other.missing,
            self.matched + other.matched,
            self.contained + other.contained,
        )


@dataclass(frozen=True)
class MatchedBatch:
    """The captions of one batch that contain a query.

    Attributes
    ----------
    rows
        int32 [M], positions in the batch.
    identities
        uint64 [M], as `draws.identities` gives them.
    matches
        Of these M captions.
    """

    rows: np.ndarray
    identities: np.ndarray
    matches: Matches

    def draws(self, salts: np.ndarray, pairs: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Draws of the pairs, or of some by a mask [P], from the queries' salts [Q]: uint64 [P]."""
        identity = np.repeat(self.identities, self.matches.lengths)[pairs]
        return draws(identity, salts[self.matches.queries[pairs]])


def match_shard(shard: Shard, matcher: Matcher, *, to: Path, advance: Advance) -> MatchCounts:
    """Match the captions of one shard, write the matches to a file, and count."""
    rows = missing = matched = 0
    contained = np.zeros(matcher.n_queries, dtype=np.int64)
    with _MatchWriter(to) as writer:
        for batch in shard.batches():
            found = _match_batch(batch, matcher)
            writer.write(found)
            rows += len(batch.captions)
            missing += sum(not caption or caption.isspace() for caption in batch.captions)
            matched += len(found.rows)
            contained += np.bincount(found.matches.queries, minlength=matcher.n_queries)
            advance(len(batch.captions), batch.read)
    return MatchCounts(rows, missing, matched, contained)


def read_matches(path: Path) -> Iterator[MatchedBatch]:
    """What `match_shard` wrote: a batch for each batch of the shard."""
    with pa.OSFile(str(path)) as file, pa.ipc.open_stream(file) as stream:
        for batch in stream:
            rows, identity, queries = (batch.column(name) for name in _SCHEMA.names)
            # Arrow's list offsets have 32 bits; those of `Matches` 64.
            matches = Matches(queries.offsets.to_numpy().astype(np.int64), queries.values.to_numpy())
            yield MatchedBatch(rows.to_numpy(), identity.to_numpy(), matches)


def smallest_draws(matches: Path, *, contained: np.ndarray, salts: np.ndarray, t: int) -> SmallestDraws:
    """The t smallest draws of each query in the matches of one shard.

    Parameters
    ----------
    matches
        What `match_shard` wrote.
    contained
        Counts of all shards [Q]: a query with at most t captions needs no limit, and gets none.
    salts
        uint64 [Q], from `query_salts`.
    t
        Draws to keep a query.
    """
    smallest = SmallestDraws(len(contained), t)
    frequent = contained > t
    for batch in read_matches(matches):
        limited = frequent[batch.matches.queries]
        smallest.add(batch.matches.queries[limited], batch.draws(salts, limited))
    return smallest


def _match_batch(batch: Batch, matcher: Matcher) -> MatchedBatch:
    texts = [caption or "" for caption in batch.captions]
    matches = matcher.match(texts)
    some = matches.lengths > 0
    rows = np.flatnonzero(some).astype(np.int32)
    keys = None if batch.keys is None else [batch.keys[row] for row in rows]
    return MatchedBatch(rows, identities([texts[row] for row in rows], keys), matches.take(some))


class _MatchWriter:
    def __init__(self, path: Path) -> None:
        # lz4, not zstd: the file is read once or twice and then deleted.
        options = pa.ipc.IpcWriteOptions(compression="lz4", use_threads=False)
        self._file = pa.OSFile(str(path), "wb")
        self._stream = pa.ipc.new_stream(self._file, _SCHEMA, options=options)

    def __enter__(self) -> _MatchWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # The stream first: its end mark is written into the file.
        self._stream.close()
        self._file.close()

    def write(self, batch: MatchedBatch) -> None:
        queries = pa.ListArray.from_arrays(batch.matches.offsets.astype(np.int32), batch.matches.queries)
        columns = [pa.array(batch.rows, pa.int32()), pa.array(batch.identities, pa.uint64()), queries]
        self._stream.write_batch(pa.RecordBatch.from_arrays(columns, schema=_SCHEMA))
