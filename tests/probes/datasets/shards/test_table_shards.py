"""A table in parts reads as one file of the same rows, however the rows are dealt to the parts."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clipmodel.errors import UserError
from probes.datasets.formats.table_batches import TableBatches
from probes.datasets.shards.row_places import located
from probes.datasets.shards.table_shards import TableShards


def read(source: TableBatches | TableShards) -> tuple[list[str], list[list[object]], list[str]]:
    """Columns, values and repairs."""
    table = pd.concat([rows.reset_index(drop=True) for rows in source])
    values = table.astype(object).where(table.notna(), None).to_numpy().tolist()
    return source.columns, values, source.repairs


def write_parts(table: pd.DataFrame, folder: Path, *, ends: tuple[int, ...], suffix: str) -> Path:
    """Rows up to each end in a part of their own."""
    folder.mkdir()
    (folder / "_SUCCESS").touch()
    for number, (start, end) in enumerate(zip((0, *ends), (*ends, len(table)), strict=True)):
        file, own = folder / f"part-{number:05}{suffix}", table.iloc[start:end]
        if suffix == ".csv":  # pandas writes the days of a part with times if one of the part has some
            own.drop(columns="day").to_csv(file, index=False)
        else:
            own.to_parquet(file, index=False)
    return folder


TABLE = pd.DataFrame(
    {
        "word": ["a", None, " b", "c", "d", None],
        "number": [1.0, 2.0, np.nan, 4.0, 5.5, np.nan],
        "day": pd.to_datetime(
            ["2020-01-01", "2020-01-02", None, "2020-01-03", "2020-01-04 12:00", None], format="ISO8601"
        ),
        "score_x": [0.5, 0.25, 0.125, -0.0, np.nan, np.nan],
    }
)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize("ends", [(), (3,), (1, 2, 4), (0, 3, 3), (3, 6)])
def test_parts_read_as_the_one_file(suffix: str, ends: tuple[int, ...], tmp_path: Path) -> None:
    """Some parts have no rows, an empty row is dropped, and the time of day is in the last part only."""
    write_parts(TABLE, tmp_path / "one", ends=(), suffix=suffix)
    folder = write_parts(TABLE, tmp_path / "parts", ends=ends, suffix=suffix)
    whole = TableBatches(tmp_path / "one" / f"part-00000{suffix}", batch_rows=2, block_characters=9)
    assert read(TableShards(folder, batch_rows=2, block_characters=9)) == read(whole)


FIELDS = st.sampled_from(["", "x", "NA", " y", "1.0", "a,b", 'q"q', "u\nv", "é"])


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(st.tuples(FIELDS, FIELDS), max_size=4), min_size=1, max_size=4))
def test_rows_stand_where_the_part_says(tmp_path: Path, parts: list[list[tuple[str, str]]]) -> None:
    """Against each part read by itself, quoted line breaks and empty rows included."""
    for old in tmp_path.iterdir():
        old.unlink()
    expected: list[str] = []
    for number, rows in enumerate(parts):
        with (file := tmp_path / f"{number}.csv").open("w", newline="", encoding="utf-8") as opened:
            csv.writer(opened).writerows([("first", "second"), *rows])
        own = pd.concat([pd.DataFrame(), *TableBatches(file).batches()])
        expected += [f"{file}, line {label}" for label in own.index]
    source = TableShards(tmp_path, batch_rows=2)
    if not expected:
        with pytest.raises(UserError, match="the table has no rows"):
            list(source)
        return
    found = [located(tmp_path, rows.index, i) for rows in source for i in range(len(rows))]
    assert found == expected


def test_names_of_folders_are_columns(tmp_path: Path) -> None:
    """A row whose only value is the folder's is no empty row; a missing value of the folder is missing."""
    for name, text in {
        "race=White": "path,sex\na,F\n,\n",
        "race=__HIVE_DEFAULT_PARTITION__": "path,sex\nb,M\n,\n",
    }.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "p.csv").write_text(text)
    columns, values, repairs = read(TableShards(tmp_path))
    assert columns == ["path", "sex", "race"]
    assert values == [["a", "F", "White"], [None, None, "White"], ["b", "M", None]]
    assert repairs == ["Dropped: 1 empty row."]


def test_pyarrow_writes_folders_that_are_read(tmp_path: Path) -> None:
    table = pa.table({"path": list("abcd"), "race": ["East Asian", "White", "a/b=c", None]})
    pq.write_to_dataset(table, tmp_path / "d", partition_cols=["race"])
    _, values, _ = read(TableShards(tmp_path / "d"))
    assert sorted(map(str, values)) == sorted(
        str([p, r]) for p, r in zip(*table.to_pydict().values(), strict=True)
    )


def test_columns_may_stand_in_another_order_and_types_of_a_family_are_one(tmp_path: Path) -> None:
    """pandas writes whole numbers as floats in a part that lacks one, and words without a value as nulls."""
    parts = [
        pa.table({"person": pa.array([1, 2], pa.int64()), "word": pa.array(["x", "y"])}),
        pa.table({"word": pa.nulls(2), "person": pa.array([3.0, None])}),
        pa.table({"person": pa.array([4], pa.int16()), "word": pa.array(["z"]).dictionary_encode()}),
    ]
    for number, part in enumerate(parts):
        pq.write_table(part, tmp_path / f"{number}.parquet")
    _, values, _ = read(TableShards(tmp_path))
    assert values == [["1", "x"], ["2", "y"], ["3", None], ["4", "z"]]  # and an empty row was dropped


@pytest.mark.parametrize(
    ("second", "message"),
    [
        ({"word": ["x"]}, r"b.parquet: no column 'n', which .*a.parquet has, among: word"),
        ({"word": ["x"], "n": [1], "m": [1]}, r"b.parquet: a column 'm', which .*a.parquet has not"),
        (
            {"word": ["x"], "n": ["1"]},
            r"b.parquet: the column 'n' holds text, in .*a.parquet it holds numbers",
        ),
        ({"word": ["x"], "n": [True]}, r"b.parquet: the column 'n' holds truth values"),
    ],
)
def test_a_part_with_other_columns_is_refused(
    second: dict[str, list[object]], message: str, tmp_path: Path
) -> None:
    pd.DataFrame({"word": ["w"], "n": [1]}).to_parquet(tmp_path / "a.parquet")
    pd.DataFrame(second).to_parquet(tmp_path / "b.parquet")
    with pytest.raises(UserError, match=message):
        TableShards(tmp_path)


def test_a_damaged_or_empty_part_is_named(tmp_path: Path) -> None:
    pd.DataFrame({"word": ["w"]}).to_parquet(tmp_path / "a.parquet")
    (tmp_path / "b.parquet").write_bytes((tmp_path / "a.parquet").read_bytes()[:-20])
    with pytest.raises(UserError, match=r"b.parquet: not a parquet file, or damaged"):
        TableShards(tmp_path)
    (tmp_path / "b.parquet").write_bytes(b"")
    with pytest.raises(UserError, match=r"b.parquet: the file is empty"):
        TableShards(tmp_path)


def test_a_column_of_the_files_says_what_their_folders_say(tmp_path: Path) -> None:
    """Polars writes it into both; 1.0 of a folder is the 1 of a file."""
    for name, text in {
        "age=1.0": "age,path\n1,a\n",
        "age=__HIVE_DEFAULT_PARTITION__": "age,path\n,b\n",
    }.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "p.csv").write_text(text)
    columns, values, _ = read(TableShards(tmp_path))
    assert columns == ["age", "path"]
    assert values == [["1", "a"], [None, "b"]]
    (tmp_path / "age=1.0" / "p.csv").write_text("age,path\n1,a\n,c\n")
    with pytest.raises(UserError, match=r"p.csv, line 3: age is empty, in a folder of age 1"):
        read(TableShards(tmp_path))
