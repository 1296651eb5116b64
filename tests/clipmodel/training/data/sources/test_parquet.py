"""Parquet shards: what is a sample, what is skipped and why."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from clipmodel.errors import UserError
from clipmodel.training.data.sources.parquet import ParquetReader
from clipmodel.training.data.sources.source import Item, Sample, Skipped
from clipmodel.training.data.sources.tar import TarReader
from tests.clipmodel.training.support.made_shards import jpeg

Reader = TarReader | ParquetReader


def _read(reader: Reader, shard: Path, *, first: int = 0) -> list[tuple[int, Item]]:
    return list(reader.samples(str(shard), first=first, keep=lambda i: True))


def _captions(items: list[tuple[int, Item]]) -> list[tuple[str, ...]]:
    return [item.captions for _, item in items if isinstance(item, Sample)]


def _reasons(items: list[tuple[int, Item]]) -> list[str]:
    return [item.reason for _, item in items if isinstance(item, Skipped)]


@pytest.fixture()
def table(tmp_path: Path) -> Path:
    frame = pd.DataFrame(
        {"jpg": [jpeg(n) for n in range(10)], "caption": [f"number {n}" for n in range(10)], "url": "x"}
    )
    frame.loc[3, "caption"] = None
    frame.loc[4, "jpg"] = b""
    path = tmp_path / "a.parquet"
    pq.write_table(pa.Table.from_pandas(frame), path, row_group_size=3)
    return path


def test_parquet_rows_and_those_without(table: Path) -> None:
    found = _read(ParquetReader(), table)
    assert [i for i, _ in found] == list(range(10))
    assert _reasons(found) == ["no caption", "no image"]
    assert _captions(found)[-1] == ("number 9",)
    later = _read(ParquetReader(), table, first=7)
    assert [i for i, _ in later] == [7, 8, 9]
    assert _captions(later)[0] == ("number 7",)


def test_parquet_as_the_datasets_library_writes_it(tmp_path: Path) -> None:
    rows = [{"image": {"bytes": jpeg(n), "path": None}, "captions": [f"a {n}", f"b {n}"]} for n in range(2)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    assert _captions(_read(ParquetReader(), tmp_path / "a.parquet")) == [("a 0", "b 0"), ("a 1", "b 1")]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"caption": "captoin"}, "no column 'captoin'.*its columns: jpg, caption, url"),
        ({"image": "url"}, "column 'url' holds large_string, expected encoded images"),
    ],
)
def test_columns_that_are_not_there(table: Path, options: dict[str, str], message: str) -> None:
    reader = ParquetReader(**options)
    with pytest.raises(UserError, match=message):
        reader.columns(str(table))
    assert _reasons(_read(reader, table)) == ["shard broken off or damaged"]


def test_a_truncated_parquet_is_a_broken_shard(table: Path) -> None:
    table.write_bytes(table.read_bytes()[:-50])
    assert _reasons(_read(ParquetReader(), table)) == ["shard broken off or damaged"]
    with pytest.raises(UserError, match=r"a\.parquet: unreadable"):
        ParquetReader().columns(str(table))
