"""Tables of paths: separators, quoting, several captions an image; folders of images."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from clipmodel.errors import UserError
from clipmodel.training.data.sources.caption_tables import Columns, TableRows
from clipmodel.training.data.sources.source import Sample, Skipped
from tests.clipmodel.training.support.caption_tables import all_of, rows_of


@pytest.mark.parametrize(
    ("text", "columns", "message"),
    [
        ("image,caption\n0.jpg,x\n", {"caption": "text"}, "no column 'text' .*its columns: image, caption"),
        ("a,b\n0.jpg,x\n", {}, "no column 'image'; its columns: a, b"),
        ("image,caption,title\n0,x,y\n", {}, "several columns may be the caption: caption, title"),
        ("image\n0.jpg\n", {}, "no separator of columns in 'image'"),
        ("", {}, "empty"),
        ("image,caption\n", {}, "no rows"),
    ],
)
def test_tables_that_cannot_be_used(folder: Path, text: str, columns: dict[str, str], message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        rows_of(folder, text, **columns)
    assert "table.csv" in caught.value.message


def test_text_in_another_encoding_is_named(folder: Path) -> None:
    (folder / "table.csv").write_bytes("image,caption\n0.jpg,caf\xe9\n".encode("latin-1"))
    with pytest.raises(UserError, match=r"table\.csv: unreadable .*UTF8"):
        TableRows([str(folder / "table.csv")], Columns())


def test_rows_of_another_length_are_counted_and_missing_files_skipped(folder: Path) -> None:
    rows = rows_of(folder, "image,caption\n0.jpg,a dog, running\n1.jpg,fine\nabsent.jpg,gone\n2.jpg,\n")
    (malformed,) = rows.unusable
    assert "row 2" in malformed.key and "3 instead of 2" in malformed.detail
    found = all_of(rows)
    assert isinstance(found[0], Sample)
    assert [item.reason for item in found if isinstance(item, Skipped)] == [
        "image file missing",
        "no caption",
    ]


def test_roots_absolute_paths_and_several_files(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("other")
    rows_of(folder, "image,caption\n0.jpg,here\n", name="a.csv")
    rows_of(other, f"image,caption\n{folder / '1.jpg'},there\n0.jpg,nowhere\n", name="b.csv")
    files = [str(folder / "a.csv"), str(other / "b.csv")]
    found = all_of(TableRows(files, Columns()))
    assert [type(item) for item in found] == [Sample, Sample, Skipped]
    found = all_of(TableRows(files[1:], Columns(image_root=str(folder))))
    assert [type(item) for item in found] == [Sample, Sample]


def test_parquet_of_paths(folder: Path) -> None:
    frame = pd.DataFrame({"path": ["0.jpg", "1.jpg"], "text": [["a", "b"], ["c"]]})
    frame.to_parquet(folder / "t.parquet")
    found = all_of(TableRows([str(folder / "t.parquet")], Columns()))
    assert [item.captions for item in found if isinstance(item, Sample)] == [("a", "b"), ("c",)]
