"""Files of captions: the same rows from every kind, and files that cannot be used."""

from __future__ import annotations

import gzip
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from clipmodel.curation import Shard, Texts, caption_files, find_shards
from clipmodel.errors import UserError

# Separators, quotes and line ends within values; a value that looks like a number, others like missing ones.
ROWS = pd.DataFrame(
    {
        "caption": ['a "dog", sitting', "two\nlines", "null", "NaN", "12", "Zürich 猫"],
        "id": ["1", "2", "3", "4", "5", "6"],
        "size": [1, 2, 3, 4, 5, 6],
    }
)
CAPTIONS = ROWS["caption"].tolist()


def written(folder: Path, name: str) -> Path:
    path = folder / name
    if ".parquet" in name:
        ROWS.to_parquet(path)
    elif ".txt" in name:
        text = "\r\n".join(CAPTIONS).replace("two\nlines", "two lines").encode()
        path.write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    else:
        ROWS.to_csv(path, index=False, sep="\t" if ".tsv" in name else ",")
    return path


def read(path: Path, **names: str) -> tuple[list[str | None], list[str] | None]:
    (shard,) = find_shards([path], **names)
    batches = list(shard.batches())
    keys = None if batches[0].keys is None else [key for batch in batches for key in batch.keys or ()]
    return [caption for batch in batches for caption in batch.captions], keys


@pytest.mark.parametrize("rows", [1, 4, 100])
@pytest.mark.parametrize("name", ["a.parquet", "a.csv", "a.tsv", "a.csv.gz"])
def test_tables_give_captions_and_keys(
    tmp_path: Path, name: str, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caption_files, "ROWS", rows)
    assert read(written(tmp_path, name), key="id") == (CAPTIONS, ROWS["id"].tolist())
    (shard,) = find_shards([tmp_path], key="id")
    batches = list(shard.batches())
    assert [batch.first_row for batch in batches] == list(range(0, len(ROWS), rows))
    assert batches[-1].read == 1
    assert all(0 < batch.read <= 1 for batch in batches)


@pytest.mark.parametrize("name", ["a.txt", "a.txt.gz"])
@pytest.mark.parametrize("buffer", [1, 5, 1000])
def test_text_gives_a_caption_a_line(
    tmp_path: Path, name: str, buffer: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caption_files, "_BUFFER_BYTES", buffer)
    captions, keys = read(written(tmp_path, name), key="id")
    assert captions == [caption.replace("\n", " ") for caption in CAPTIONS]
    assert keys is None


def test_a_whole_number_can_be_a_key(tmp_path: Path) -> None:
    for name in ("a.parquet", "a.csv"):
        assert read(written(tmp_path, name), key="size")[1] == ["1", "2", "3", "4", "5", "6"]


def test_the_kind_can_be_said(tmp_path: Path) -> None:
    path = written(tmp_path, "captions.csv").rename(tmp_path / "captions.txt")
    assert read(path, format="csv")[0] == CAPTIONS


def test_a_folder_gives_its_files_in_order_and_leaves_others_alone(tmp_path: Path) -> None:
    for name in ("b.csv", "a.parquet", "notes.pdf"):
        written(tmp_path, name)
    assert [shard.path.name for shard in find_shards([tmp_path])] == ["a.parquet", "b.csv"]


def test_missing_captions_stay_in_their_rows_and_out_of_texts(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pd.DataFrame({"caption": ["a", None, "", "b"]}).to_parquet(path)
    (shard,) = found = find_shards([path])
    assert next(shard.batches()).captions == ["a", None, "", "b"]
    texts = Texts(found)
    assert list(texts) == list(texts) == ["a", "b"]


@pytest.mark.parametrize("name", ["a.parquet", "a.csv", "a.txt"])
def test_an_empty_file_is_an_empty_shard(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    assert list(find_shards([tmp_path / name])[0].batches()) == []


def test_a_table_without_rows_is_an_empty_shard(tmp_path: Path) -> None:
    ROWS.head(0).to_parquet(tmp_path / "a.parquet")
    (tmp_path / "b.csv").write_text("caption,id\n", encoding="utf-8")
    pq.write_table(pa.table({"caption": pa.array([], pa.string())}), tmp_path / "c.parquet")
    for shard in find_shards([tmp_path]):
        assert [batch.captions for batch in shard.batches()] in ([], [[]])


@pytest.mark.parametrize("name", ["a.parquet", "a.csv"])
@pytest.mark.parametrize("names", [{"caption": "text"}, {"key": "text"}])
def test_a_missing_column_is_named_with_those_there_are(
    tmp_path: Path, name: str, names: dict[str, str]
) -> None:
    with pytest.raises(UserError, match=rf"{name}: no column 'text'; its columns: caption, id, size"):
        find_shards([written(tmp_path, name)], **names)


def test_a_wrong_separator_shows_in_the_columns(tmp_path: Path) -> None:
    path = written(tmp_path, "a.tsv").rename(tmp_path / "a.csv")
    with pytest.raises(UserError, match="no column 'caption'; its columns: caption\tid\tsize"):
        find_shards([path])


def test_a_column_that_holds_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="column 'size' holds int64, expected text"):
        find_shards([written(tmp_path, "a.parquet")], caption="size")


def test_a_row_without_a_key_is_named(tmp_path: Path) -> None:
    pd.DataFrame({"caption": ["a", "b"], "id": ["1", None]}).to_parquet(tmp_path / "a.parquet")
    (shard,) = find_shards([tmp_path], key="id")
    with pytest.raises(UserError, match=r"a\.parquet, row 2: no 'id'"):
        list(shard.batches())


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.parquet", b"PAR1 and no more"), ("a.csv.gz", b"not packed")],
)
def test_a_damaged_file_is_refused_at_once(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=f"{name}: unreadable"):
        find_shards([tmp_path])


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.csv", b"caption,id\na,1\nb,2,3\n"), ("a.csv", b"caption\n\xff\n"), ("a.txt", b"a\n\xff\n")],
)
def test_a_damaged_row_is_refused_when_read(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    shard = Shard(path=tmp_path / name, format="csv" if name == "a.csv" else "text")
    with pytest.raises(UserError, match=f"{name}: unreadable"):
        list(shard.batches())


def test_paths_that_give_no_shards(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nowhere: no such file or folder"):
        find_shards([tmp_path / "nowhere"])
    with pytest.raises(UserError, match="no files of captions"):
        find_shards([tmp_path])
    (tmp_path / "a.json").touch()
    with pytest.raises(UserError, match=r"a\.json: a kind of file not known"):
        find_shards([tmp_path / "a.json"])
