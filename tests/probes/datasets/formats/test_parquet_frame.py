"""Parquet files: the index that pandas keeps, lists, columns of one name, and what claims to be large."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from clipmodel.errors import UserError
from probes.datasets.formats.parquet_frame import parquet_frame


def written(folder: Path, table: pd.DataFrame | pa.Table) -> Path:
    file = folder / "t.parquet"
    if isinstance(table, pa.Table):
        pq.write_table(table, file)
    else:
        table.to_parquet(file)
    return file


def test_a_named_index_is_a_column_and_a_nameless_one_is_none(tmp_path: Path) -> None:
    table = pd.DataFrame({"gender": ["w", "m"]}, index=pd.Index(["a.jpg", "b.jpg"], name="path"))
    found, notes = parquet_frame(written(tmp_path, table))
    assert found.to_dict("list") == {"path": ["a.jpg", "b.jpg"], "gender": ["w", "m"]} and notes == ()
    found, _ = parquet_frame(written(tmp_path, table.rename_axis(None)))
    assert list(found) == ["gender"] and found.index.tolist() == [0, 1]


def test_categories_that_no_row_has_are_no_values(tmp_path: Path) -> None:
    race = pd.Categorical(["A", "B"], categories=["Z", "B", "A"], ordered=True)
    found, _ = parquet_frame(written(tmp_path, pd.DataFrame({"race": race})))
    assert found["race"].astype(str).unique().tolist() == ["A", "B"]


def test_lists_and_records_are_left_out_and_told(tmp_path: Path) -> None:
    table = pd.DataFrame({"gender": ["w"], "box": [[1, 2]], "meta": [{"a": 1}], "embedding": [[0.5]]})
    found, notes = parquet_frame(written(tmp_path, table), nested=["embedding"])
    assert list(found) == ["gender", "embedding"]
    assert notes == ("Columns of lists or records are not read: box, meta.",)


def test_columns_of_one_name_are_no_damage(tmp_path: Path) -> None:
    words = pa.array(["a"])
    with pytest.raises(UserError, match="the column 'race' is there twice"):
        parquet_frame(written(tmp_path, pa.table([words, words], names=["race", "race"])))


def test_names_of_several_levels_are_refused_with_what_joins_them(tmp_path: Path) -> None:
    table = pd.DataFrame({("path", "file"): ["a.jpg"], ("race", 1): ["x"]})
    with pytest.raises(UserError, match="names of 2 levels, expected one") as refused:
        parquet_frame(written(tmp_path, table))
    assert refused.value.remedy is not None and "join the levels" in refused.value.remedy
    # What the remedy says works.
    table.columns = ["_".join(map(str, c)) for c in table.columns]
    assert list(parquet_frame(written(tmp_path, table))[0]) == ["path_file", "race_1"]


def test_damage_is_told_with_its_reason(tmp_path: Path) -> None:
    file = written(tmp_path, pd.DataFrame({"a": ["b"]}))
    file.write_bytes(file.read_bytes()[:-4])
    with pytest.raises(UserError, match=r"t\.parquet: not a parquet file, or damaged \(.*[Mm]agic"):
        parquet_frame(file)


def test_a_small_file_of_a_hundred_million_values_is_refused_before_it_is_read(tmp_path: Path) -> None:
    """One value, repeated, takes a few bytes: 1e8 x 8 bytes would be 0.8 GB."""
    ones = pa.DictionaryArray.from_arrays(pa.array([0] * 1_000_000, pa.int8()), pa.array(["x"]))
    with pq.ParquetWriter(tmp_path / "t.parquet", pa.schema([("a", ones.type)])) as writer:
        for _ in range(100):
            writer.write_table(pa.table({"a": ones}))
    assert (tmp_path / "t.parquet").stat().st_size < 1_000_000
    with pytest.raises(UserError, match=r"100,000,000 values in .* refused as an attack"):
        parquet_frame(tmp_path / "t.parquet")
