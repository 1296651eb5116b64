"""Files of another kind than their name says are called by what they are."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from clipmodel.errors import UserError
from probes.datasets.annotation_tables import read_table
from probes.datasets.formats.embeddings import load_embeddings
from probes.datasets.formats.other_kinds import foreign_content

TEXT = "path,gender\na.jpg,man\n"


def parquet() -> bytes:
    buffer = io.BytesIO()
    pd.DataFrame({"path": ["a.jpg"], "gender": ["man"]}).to_parquet(buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (gzip.compress(TEXT.encode(), mtime=0), "compressed by gzip"),
        (b"PK\x03\x04rest", "a zip archive; spreadsheets"),
        (b"\xd0\xcf\x11\xe0rest", "a spreadsheet of an old kind"),
        (b"<!DOCTYPE html><html>sign in", "a web page, not the file"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS"),
        (parquet(), "a parquet file"),
        (TEXT.encode("utf-16"), "line 1: UTF-16 text"),
        (TEXT.encode("utf-16-le"), "line 1: UTF-16 text"),
        (TEXT.encode("utf-32"), "line 1: UTF-32 text"),
        ("path,gender\na.jpg,Mädchen\n".encode("latin-1"), "line 2: not UTF-8 text"),
    ],
    # Bytes in the name of a test would differ between the processes that share the tests.
    ids=["gzip", "zip", "xls", "html", "lfs", "parquet", "utf-16", "utf-16-le", "utf-32", "latin-1"],
)
def test_a_csv_file_that_is_none_is_called_by_what_it_is(tmp_path: Path, content: bytes, what: str) -> None:
    file = tmp_path / "people.csv"
    file.write_bytes(content)
    with pytest.raises(UserError, match=rf"people\.csv.*{what}") as caught:
        read_table(file)
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("people.xlsx", "a spreadsheet"),
        ("people.csv.gz", "a compressed file"),
        ("people.feather", "an Arrow"),
        ("people.jsonl", "a JSON file"),
        ("people.pkl", "a pickle of Python"),
        ("people.docx", "not a table by its name"),
    ],
)
def test_a_name_of_another_kind_is_refused_with_what_to_write(tmp_path: Path, name: str, what: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(UserError, match=what) as caught:
        read_table(tmp_path / name)
    assert ".csv" in str(caught.value.remedy)


def test_a_folder_is_no_table(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="a folder, not a table"):
        read_table(tmp_path)


def test_tables_and_archives_are_not_foreign_where_they_belong(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(TEXT)
    (tmp_path / "b.parquet").write_bytes(parquet())
    assert foreign_content(tmp_path / "a.csv") is None
    assert foreign_content(tmp_path / "b.parquet", beyond=(b"PAR1",)) is None
    assert len(read_table(tmp_path / "b.parquet")) == 1


def test_a_single_array_is_no_archive_of_embeddings(tmp_path: Path) -> None:
    np.save(tmp_path / "e.npy", np.ones((3, 2)))
    (tmp_path / "e.npy").rename(tmp_path / "e.npz")
    with pytest.raises(UserError, match="a single array of numpy") as caught:
        load_embeddings(tmp_path / "e.npz")
    assert "savez" in str(caught.value.remedy)


@pytest.mark.parametrize(
    ("gender", "what"),
    [
        (np.array([["man"], ["man"], ["woman"]]), r"'gender' has the shape \(3, 1\)"),
        (np.zeros(3, [("a", "i4")]), "'gender' holds records"),
        (np.array(["man", "man", "woman"], object), "an array holds Python objects"),
    ],
)
def test_attributes_of_another_form_are_named(tmp_path: Path, gender: np.ndarray, what: str) -> None:
    file = tmp_path / "e.npz"
    vectors = np.eye(3, 4, dtype=np.float32)
    np.savez(file, image=vectors, text=vectors[:1], text_name=np.array(["a man"]), gender=gender)
    with pytest.raises(UserError, match=what):
        load_embeddings(file)
