"""A table in batches is the table that `read_table` reads whole: strings, lines, repairs, messages."""

from __future__ import annotations

import csv
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clipmodel.errors import UserError
from probes.datasets.annotation_tables import read_table, repairs
from probes.datasets.formats.table_batches import TableBatches

Read = tuple[list[str], list[list[object]], list[int], object, list[str]]


def whole(file: Path) -> Read | str:
    """The naive reference."""
    try:
        return _told(table := read_table(file), list(repairs(table)))
    except UserError as error:
        return str(error)


def in_batches(file: Path, *, rows: int = 2, characters: int = 7) -> Read | str:
    try:
        batches = TableBatches(file, batch_rows=rows, block_characters=characters)
        tables = list(batches)
    except UserError as error:
        return str(error)
    return _told(pd.concat(tables), batches.repairs)


def _told(table: pd.DataFrame, sentences: list[str]) -> Read:
    values = table.astype(object).where(table.notna(), None).to_numpy().tolist()
    return list(map(str, table)), values, table.index.tolist(), table.index.name, sentences


TEXTS = [
    "a,b\n1,2\n3,4\n5,6\n",
    "a,b\r\n1,2\r\n\r\n3,4",
    "\ufeffa;b\n1;2\n\n\n3;4\n",
    "sep=;\na;b\n1;2\n3;4\n",
    '"sep=|"\n\na|b\n1|2\n',
    'a,b\n"x\ny",2\n"p,q",4\n"say ""yes""",6\n',
    "a,b\n1,2,\n3,4,,\n",
    "a,b\n x,2\n3,4\xa0\n,\n5,6\n",
    ",a\n0,x\n1,y\n2,z\n",
    ",a\n0,x\n1,y\n3,z\n",
    ",a\nz,1\n",  # one row: a word is no running number
    ",a\n7,1\n",
    ",a\n1,x\n,y\n",
    "a,b\n",
    "",
    "\n\n",
    "a,a\n1,2\n",
    "a,b\n1\n",
    'a,b\n1,"2\n3,4\n',
    "one\nx\ny\n",
    ",,\n1,2,3\n",
]


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_file_reads_the_same(tmp_path: Path, text: str) -> None:
    (tmp_path / "t.csv").write_bytes(text.encode())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = whole(tmp_path / "t.csv")
    for rows, characters in ((1, 1), (2, 7), (1000, 1 << 20)):
        assert in_batches(tmp_path / "t.csv", rows=rows, characters=characters) == expected


@pytest.mark.parametrize(
    "content", [b"a,b\n1,\xe9\n", "a,b\n1,2\n".encode("utf-16"), "a,b\n".encode("utf-16-le")]
)
def test_text_of_another_encoding_is_refused_alike(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    assert "text" in str(expected := whole(tmp_path / "t.csv"))
    assert in_batches(tmp_path / "t.csv") == expected


FIELDS = st.sampled_from(["", "x", "NA", " y", "1.0", "a,b", 'q"q', "u\nv", "é"])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(FIELDS, FIELDS), min_size=1, max_size=9), st.booleans(), st.integers(1, 30))
def test_any_table_reads_the_same(
    tmp_path: Path, rows: list[tuple[str, str]], quoted: bool, size: int
) -> None:
    file = tmp_path / "t.csv"
    quoting = csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL
    with file.open("w", newline="", encoding="utf-8") as opened:
        csv.writer(opened, quoting=quoting).writerows([("first", "second"), *rows])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert in_batches(file, rows=2, characters=size) == whole(file)


def test_a_parquet_file_reads_the_same(tmp_path: Path) -> None:
    """Whole numbers with a gap are floats in pandas; days have no time, and times are kept if one has it."""
    table = pd.DataFrame(
        {
            "word": ["a", None, "b", "c", "d"],
            "number": pd.array([1, 2, None, 4, 5], dtype="Int64"),
            "share": np.array([0.1, 0.5, np.nan, 2, 3], np.float32),
            "truth": [True, None, False, True, True],
            "day": pd.to_datetime(["2020-01-01", "2020-01-02", None, "2020-01-03", "2020-01-04"]),
            "time": pd.to_datetime(["2020-01-01 00:00", "2020-01-02 00:00", None, "2020-01-03 12:00", None]),
            "kind": pd.Categorical(["p", "q", "p", None, "q"]),
            "list": [[1], [2], [3], [4], [5]],
        }
    )
    for name, frame in {
        "plain": table,
        "named": table.rename_axis("key"),
        "index": table.set_index("word"),
        "few": table.set_axis([3, 1, 4, 1, 5]),
    }.items():
        frame.to_parquet(file := tmp_path / f"{name}.parquet")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert in_batches(file) == whole(file), name


def test_floats_of_64_bits_may_stay_numbers(tmp_path: Path) -> None:
    pd.DataFrame({"score_a": [0.5, -0.0, None], "b": [1.0, 2.0, 3.0]}).to_parquet(tmp_path / "t.parquet")
    batches = TableBatches(tmp_path / "t.parquet", batch_rows=2, as_numbers=lambda name: name == "score_a")
    table = pd.concat(list(batches))
    assert table["b"].tolist() == ["1", "2", "3"]
    assert str(table["score_a"].tolist()) == "[0.5, 0.0, nan]"  # no -0.0, as in text


def test_a_damaged_parquet_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "t.parquet").write_bytes(b"PAR1" + bytes(20))
    assert in_batches(tmp_path / "t.parquet") == whole(tmp_path / "t.parquet")
