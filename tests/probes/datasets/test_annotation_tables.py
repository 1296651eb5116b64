"""Tables as they come: what is repaired with a warning, and what is refused with its line."""

from __future__ import annotations

import time
import warnings
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clipmodel.errors import UserError
from probes.datasets.annotation_tables import first_of, place, read_table, repairs
from probes.datasets.file_dataset import read_annotations, with_columns


def write(folder: Path, content: str | bytes, name: str = "t.csv") -> Path:
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return folder / name


def quietly(file: Path) -> pd.DataFrame:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return read_table(file)


@pytest.mark.parametrize(
    "content",
    [
        "path,gender\na,w\nb,m\n",
        "path,gender\r\na,w\r\nb,m\r\n",  # Windows
        "path,gender\ra,w\rb,m\r",  # an old Macintosh
        "\ufeffpath,gender\na,w\nb,m",  # a byte order mark, no last line end
        "path\tgender\t\na\tw\t\nb\tm\t\n",  # a separator after the last field
        "path;gender;\na;w\nb;m;;\n",  # now and then
        ",path,gender\n0,a,w\n1,b,m\n",  # running numbers, as pandas writes them
        "path,gender\n\na,w\n\n\nb,m\n\n",
        '"path","gender"\n"a","w"\n"b","m"\n',
        "path , gender\na,w\nb,m\n",
        "sep=;\npath;gender\na;w\nb;m\n",  # for a spreadsheet
        '"sep=\t"\r\npath\tgender\r\na\tw\r\nb\tm\r\n',
    ],
)
def test_forms_of_one_table_read_alike(tmp_path: Path, content: str) -> None:
    table = quietly(write(tmp_path, content))
    assert table.to_dict("list") == {"path": ["a", "b"], "gender": ["w", "m"]}


def test_blanks_around_a_field_are_removed_with_a_warning(tmp_path: Path) -> None:
    """Two values have blanks, and one field holds nothing else: "w " would be a group of its own."""
    with pytest.warns(UserWarning, match="Blanks around 3 fields"):
        table = read_table(write(tmp_path, "path,gender\na,w \nb, w\nc,  \nd,two words\n"))
    assert table["gender"].fillna("").tolist() == ["w", "w", "", "two words"]
    assert repairs(table) == ("Blanks around 3 fields were removed.",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('path,note\na,"one\nb,two\n', "line 2: unexpected end of data"),
        ("path,gender\n\na,w\nb\n", r"line 4: 1 fields, the header \(line 1\) has 2"),
        ('path,note\n"a\nb",x\nc,x,y\n', r"line 4: 3 fields, the header \(line 1\) has 2"),
        (",path\n7,a\n3,b\n", "column 1 has no name"),
        (",path\nz,a\n", "column 1 has no name"),  # one row: no steps that could be none of running numbers
        ("", "no rows"),
        ("path,gender\n", "no rows"),
        (b"path,gender\na,w\n\xff,x\n", "line 3: not UTF-8 text"),
        ("path,gender\na,w\n".encode("utf-16"), "line 1: UTF-16 text"),
        ("version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a pointer of Git LFS"),
        ("a.jpg,man,man\nb.jpg,man,man\n", "the column 'man' is there twice"),  # no header
    ],
)
def test_what_a_repair_would_guess_is_refused(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        quietly(write(tmp_path, content))


def test_places_are_lines_of_a_text_and_rows_of_a_parquet_file(tmp_path: Path) -> None:
    text = quietly(write(tmp_path, 'path,gender\n\n"a\nb",w\nc,m\n'))
    assert place(text["gender"] == "m") == "line 5"
    pd.DataFrame({"path": ["a", "b"]}, index=[7, 9]).to_parquet(tmp_path / "t.parquet")
    assert place(quietly(tmp_path / "t.parquet")["path"] == "b") == "row 2"


def test_rows_that_repeat_in_full_are_dropped_and_others_stay(tmp_path: Path) -> None:
    file = write(tmp_path, "file,gender\na,w\nb,m\na,w\na,m\n")
    with pytest.warns(UserWarning, match="1 row that repeats another one in full"):
        table = read_annotations(file, ["file"], key="file")
    assert table["gender"].tolist() == ["w", "m", "m"]


def test_a_header_in_other_capitals_is_the_same(tmp_path: Path) -> None:
    table = pd.DataFrame({"Image ID": ["a"], "GENDER": ["w"], "other": ["x"]})
    found = with_columns(tmp_path / "t.csv", table, ["image_id", "gender"])
    assert found.columns.tolist() == ["image_id", "gender", "other"]


WORD = st.text(st.characters(blacklist_categories=["Cs", "Cc"], blacklist_characters="\xa0"), max_size=6)
FIELD = WORD.map(str.strip)


@settings(deadline=None, max_examples=60)
@given(
    rows=st.lists(st.lists(FIELD, min_size=3, max_size=3).filter(any), min_size=1, max_size=8),
    line_end=st.sampled_from(["\n", "\r\n"]),
    separator=st.sampled_from([",", ";", "\t"]),
    mark=st.booleans(),
)
def test_whatever_a_program_writes_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], line_end: str, separator: str, mark: bool
) -> None:
    """pandas quotes where it must; separators, quotation marks and emoji inside fields survive."""
    table = pd.DataFrame(rows, columns=["path", "first", "second"])
    file = tmp_path_factory.mktemp("table") / "t.csv"
    encoding = "utf-8-sig" if mark else "utf-8"
    table.to_csv(file, index=False, sep=separator, lineterminator=line_end, encoding=encoding)
    again = quietly(file)
    assert again.fillna("").to_numpy().tolist() == rows


@settings(deadline=None, max_examples=60)
@given(fields=st.lists(st.text("ab", min_size=1, max_size=2), min_size=1, max_size=5), cut=st.integers(0, 4))
def test_no_row_is_lost_or_filled_up_in_silence(
    tmp_path_factory: pytest.TempPathFactory, fields: list[str], cut: int
) -> None:
    """A row of another length than the header is either refused, or the same number of fields."""
    file = tmp_path_factory.mktemp("table") / "t.csv"
    header = ",".join("xyzuv"[: cut + 1])
    file.write_text(f"{header}\n{','.join('c' * (cut + 1))}\n{','.join(fields)}\n")
    if len(fields) == cut + 1:
        assert len(quietly(file)) == 2
    else:
        with pytest.raises(UserError, match="line 3"):
            quietly(file)


def test_hundreds_of_thousands_of_rows_take_seconds(tmp_path: Path) -> None:
    """FairFace's 86,744 rows; measured 0.3 s of CPU time, so that only another order of growth fails here."""
    rows = "\n".join(f"train/{i}.jpg,20-29,Male,White,True" for i in range(86_744))
    file = write(tmp_path, f"file,age,gender,race,service_test\n{rows}\n")
    start = time.process_time()
    assert len(quietly(file)) == 86_744
    assert time.process_time() - start < 5


def test_words_of_a_parquet_file_that_are_no_utf8_are_refused(tmp_path: Path) -> None:
    words = pa.array([b"man", b"\xcf\xff", b"woman"], pa.binary())
    # Arrow does not check what it is told to take for text: a damaged file is such a one.
    text = pa.Array.from_buffers(pa.string(), len(words), words.buffers())
    pq.write_table(pa.table({"path": ["a", "b", "c"], "gender": text}), tmp_path / "t.parquet")
    with pytest.raises(UserError, match=r"t\.parquet: the column 'gender' holds bytes that are no UTF-8"):
        read_table(tmp_path / "t.parquet")


def test_rows_without_anything_are_dropped_and_told(tmp_path: Path) -> None:
    """Spreadsheets leave them below a table; in CSV, and in parquet as rows of nulls."""
    with pytest.warns(UserWarning, match="Dropped: 2 empty rows"):
        table = read_table(write(tmp_path, "path,gender\na,w\n,\nb,m\n , \n"))
    assert table["path"].tolist() == ["a", "b"] and table.index.tolist() == [2, 4]
    pd.DataFrame({"path": ["a", None], "gender": ["w", None]}).to_parquet(tmp_path / "t.parquet")
    with pytest.warns(UserWarning, match="Dropped: 1 empty row"):
        assert len(read_table(tmp_path / "t.parquet")) == 1


def test_a_column_is_found_in_other_capitals_and_with_blanks() -> None:
    """A column "Person ID" that is not taken for one makes every interval too narrow, in silence."""
    table = pd.DataFrame(columns=["Image Path", "Person ID", "path_length"])
    assert first_of(["path", "image_path"], table) == "Image Path"
    assert first_of(["person_id"], table) == "Person ID"
    assert first_of(["id"], table) is None
    assert first_of(["path"], pd.DataFrame(columns=["Path", "path"])) == "path"  # the exact one first
