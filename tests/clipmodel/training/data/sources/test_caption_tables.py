"""Tables of paths: separators, quoting, several captions a picture; folders of pictures."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from clipmodel.errors import UserError
from clipmodel.training.data.sources.caption_tables import Columns, TableRows
from clipmodel.training.data.sources.folders import FolderRows
from clipmodel.training.data.sources.random_access import Rows
from clipmodel.training.data.sources.source import Item, Sample, Skipped
from tests.clipmodel.training.support.made_shards import jpeg

CAPTIONS = ['two dogs , one "spotted" ,\nat play', "a girl; on a swing", "a girl swings"]


@pytest.fixture()
def folder(tmp_path: Path) -> Path:
    for n in range(3):
        (tmp_path / f"{n}.jpg").write_bytes(jpeg(n))
    return tmp_path


def _rows(folder: Path, text: str, name: str = "table.csv", **columns: str) -> TableRows:
    (folder / name).write_text(text, encoding="utf-8")
    return TableRows([str(folder / name)], Columns(**columns))


def _all(rows: Rows) -> list[Item]:
    return [rows.read(i) for i in range(len(rows))]


@pytest.mark.parametrize("separator", [",", "\t", ";", "|"])
@pytest.mark.parametrize("name", ["table.csv", "table.tsv", "captions.txt"])
def test_separator_is_found_whatever_the_name(folder: Path, separator: str, name: str) -> None:
    frame = pd.DataFrame({"image": ["0.jpg", "1.jpg", "1.jpg"], "caption": CAPTIONS})
    frame.to_csv(folder / name, sep=separator, index=False)
    found = _all(TableRows([str(folder / name)], Columns()))
    assert [item.captions for item in found if isinstance(item, Sample)] == [
        (CAPTIONS[0],),
        (CAPTIONS[1], CAPTIONS[2]),
    ]
    assert [item.image for item in found if isinstance(item, Sample)] == [jpeg(0), jpeg(1)]


def test_an_ambiguous_separator_is_asked_for(folder: Path) -> None:
    text = "a,b;c\n0.jpg,x;y\n"
    with pytest.raises(UserError, match="by comma: a, b;c; by semicolon: a,b, c") as caught:
        _rows(folder, text)
    assert "data.separator" in str(caught.value)
    rows = _rows(folder, "a;x,caption\n0.jpg;two\n", image="a", caption="x,caption", separator=";")
    assert [item.captions for item in _all(rows) if isinstance(item, Sample)] == [("two",)]


def test_the_columns_decide_between_separators(folder: Path) -> None:
    rows = _rows(folder, "filepath;title;a,b\n0.jpg;a cat;x,y\n1.jpg;a dog;x,y\n")
    assert [item.captions for item in _all(rows) if isinstance(item, Sample)] == [("a cat",), ("a dog",)]


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
        _rows(folder, text, **columns)
    assert "table.csv" in caught.value.message


def test_text_in_another_encoding_is_named(folder: Path) -> None:
    (folder / "table.csv").write_bytes("image,caption\n0.jpg,caf\xe9\n".encode("latin-1"))
    with pytest.raises(UserError, match=r"table\.csv: unreadable .*UTF8"):
        TableRows([str(folder / "table.csv")], Columns())


def test_rows_of_another_length_are_counted_and_missing_files_skipped(folder: Path) -> None:
    rows = _rows(folder, "image,caption\n0.jpg,a dog, running\n1.jpg,fine\nabsent.jpg,gone\n2.jpg,\n")
    (malformed,) = rows.unusable
    assert "row 2" in malformed.key and "3 instead of 2" in malformed.detail
    found = _all(rows)
    assert isinstance(found[0], Sample)
    assert [item.reason for item in found if isinstance(item, Skipped)] == [
        "picture file missing",
        "no caption",
    ]


def test_roots_absolute_paths_and_several_files(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("other")
    _rows(folder, "image,caption\n0.jpg,here\n", name="a.csv")
    _rows(other, f"image,caption\n{folder / '1.jpg'},there\n0.jpg,nowhere\n", name="b.csv")
    files = [str(folder / "a.csv"), str(other / "b.csv")]
    found = _all(TableRows(files, Columns()))
    assert [type(item) for item in found] == [Sample, Sample, Skipped]
    found = _all(TableRows(files[1:], Columns(image_root=str(folder))))
    assert [type(item) for item in found] == [Sample, Sample]


def test_parquet_of_paths(folder: Path) -> None:
    frame = pd.DataFrame({"path": ["0.jpg", "1.jpg"], "text": [["a", "b"], ["c"]]})
    frame.to_parquet(folder / "t.parquet")
    found = _all(TableRows([str(folder / "t.parquet")], Columns()))
    assert [item.captions for item in found if isinstance(item, Sample)] == [("a", "b"), ("c",)]


def test_folders_with_captions_beside(folder: Path) -> None:
    (folder / "0.txt").write_text("a text\n")
    (folder / "1.json").write_text(json.dumps({"caption": ["one", "two"], "alt": "three"}))
    (folder / "deeper").mkdir()
    (folder / "deeper" / "x.PNG").write_bytes(b"no picture yet")
    (folder / "deeper" / "x.json").write_text("{")
    found = _all(FolderRows(str(folder)))
    assert [type(item) for item in found] == [Sample, Sample, Skipped, Skipped]
    assert [item.captions for item in found if isinstance(item, Sample)] == [("a text\n",), ("one", "two")]
    assert {item.reason for item in found[2:] if isinstance(item, Skipped)} == {"no caption"}
    (keyed,) = [
        item.captions for item in _all(FolderRows(str(folder), caption="alt")) if isinstance(item, Sample)
    ][1:]
    assert keyed == ("three",)


def test_a_folder_without_pictures(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no pictures"):
        FolderRows(str(tmp_path))
