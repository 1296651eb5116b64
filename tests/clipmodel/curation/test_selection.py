"""What is kept of a shard, and the file it is written to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from clipmodel.curation import Matcher, Shard, caption_files, selection
from clipmodel.curation.balancing import Balancer, Limits
from clipmodel.curation.hashed_draws import HIGHEST
from clipmodel.curation.match_files import match_shard
from clipmodel.curation.selection import KeptWriter, select_shard

QUERIES = ["a", "b", "c"]
FRAME = pd.DataFrame({"caption": ["a b", "x", "B c", "c", "b"]})
# Nothing of "a" and "c" is assigned, all of "b" is.
LIMITS = Limits(np.array([0, HIGHEST, 0], dtype=np.uint64), np.array([0, 9, 0]))


def kept(shard: Shard, tmp_path: Path) -> pd.DataFrame:
    match_shard(shard, Matcher(QUERIES), to=tmp_path / "m", advance=lambda *_: None)
    with KeptWriter(tmp_path / "kept.parquet", QUERIES) as writer:
        for part in select_shard(
            shard,
            tmp_path / "m",
            balancer=Balancer(LIMITS),
            salts=np.zeros(3, dtype=np.uint64),
            advance=lambda *_: None,
        ):
            writer.write(part)
    return pd.read_parquet(tmp_path / "kept.parquet")


def rows(frame: pd.DataFrame) -> list[tuple[str, str, list[str], list[str]]]:
    columns = (frame[name] for name in ("key", "caption", "matched", "assigned"))
    return [(key, text, list(m), list(a)) for key, text, m, a in zip(*columns, strict=True)]


def test_kept_captions_have_their_queries(
    tmp_path: Path, as_shards: Callable[[pd.DataFrame, int], list[Shard]]
) -> None:
    (shard,) = as_shards(FRAME, 1)
    assert rows(kept(shard, tmp_path)) == [
        ("000.parquet:0", "a b", ["a", "b"], ["b"]),
        ("000.parquet:2", "B c", ["b", "c"], ["b"]),
        ("000.parquet:4", "b", ["b"], ["b"]),
    ]


def test_batches_and_row_groups_change_nothing(
    tmp_path: Path, as_shards: Callable[[pd.DataFrame, int], list[Shard]], monkeypatch
) -> None:
    (shard,) = as_shards(FRAME, 1)
    whole = rows(kept(shard, tmp_path))
    monkeypatch.setattr(caption_files, "ROWS", 1)
    monkeypatch.setattr(selection, "_ROW_GROUP", 2)
    assert rows(kept(shard, tmp_path)) == whole
    # Two captions fill a row group, the third is what is left at the end.
    assert pq.ParquetFile(tmp_path / "kept.parquet").num_row_groups == 2


def test_nothing_kept_is_a_file_without_rows(tmp_path: Path) -> None:
    with KeptWriter(tmp_path / "kept.parquet", QUERIES):
        pass
    assert pd.read_parquet(tmp_path / "kept.parquet").columns.tolist() == [
        "key",
        "caption",
        "matched",
        "assigned",
    ]
