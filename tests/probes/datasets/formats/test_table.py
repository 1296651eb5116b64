"""A user's own table: read as it is written, refused where it is wrong."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from clipmodel.errors import UserError
from probes.datasets import UnreadableImageError, load_dataset
from probes.datasets.demographic_dataset import decode
from probes.datasets.formats.table import TableDataset
from tests.probes.conftest import png


def write(folder: Path, text: str, name: str = "people.csv") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_detected(tmp_path: Path, separator: str) -> None:
    lines = [["path", "gender", "age band"], ["a.png", "woman", "3-9"], ["b.png", "", "10-19"]]
    data = TableDataset(write(tmp_path, "\n".join(separator.join(line) for line in lines)))
    assert data.attributes == ["gender", "age band"]
    assert data.values("gender").isna().tolist() == [False, True]
    assert data.levels("age band") == ["3-9", "10-19"]


def test_a_byte_order_mark_and_the_word_none_are_harmless(tmp_path: Path) -> None:
    data = TableDataset(write(tmp_path, "\ufeffpath,beard\na.png,None\nb.png,NA\n"))
    assert data.values("beard").tolist() == ["None", "NA"]


def test_a_parquet_table_reads_numbers_as_words(tmp_path: Path) -> None:
    table = pd.DataFrame({"file": ["a.png", "b.png"], "type": [1, 6], "score": [0.5, None]})
    table.to_parquet(tmp_path / "t.parquet")
    data = load_dataset(f"table:{tmp_path / 't.parquet'}")
    assert data.values("type").tolist() == ["1", "6"]
    assert data.values("score").isna().tolist() == [False, True]


def test_clusters_and_visibility_are_no_attributes(tmp_path: Path) -> None:
    text = "path,subject_id,gender,visible_gender\na.png,s1,woman,true\nb.png,s1,man,no\n"
    data = TableDataset(write(tmp_path, text))
    assert data.attributes == ["gender"]
    assert data.clusters.tolist() == ["s1", "s1"]
    assert data.values("gender").isna().tolist() == [False, True]


def test_without_a_cluster_each_image_is_its_own(tmp_path: Path) -> None:
    data = TableDataset(write(tmp_path, "path,gender\na.png,woman\nb.png,man\n"))
    assert data.clusters.tolist() == ["a.png", "b.png"]


def test_images_are_counted_when_read_not_when_loaded(tmp_path: Path) -> None:
    (tmp_path / "good.png").write_bytes(png((1, 2, 3)))
    (tmp_path / "cut.png").write_bytes(png((1, 2, 3))[:40])
    (tmp_path / "folder.png").mkdir()
    text = "path,gender\ngood.png,w\ncut.png,w\nfolder.png,w\nno.png,w\nhttps://x.org/a.png,w\n"
    data = TableDataset(write(tmp_path, text))
    assert data.open_image(0).getpixel((0, 0)) == (1, 2, 3)
    for number, reason in ((1, "cannot be decoded"), (2, "no such file"), (3, "no such file"), (4, "URL")):
        with pytest.raises(UnreadableImageError, match=reason):
            data.open_image(number)


def test_transparent_pixels_are_laid_on_white(tmp_path: Path) -> None:
    Image.new("RGBA", (2, 2), (255, 0, 0, 0)).save(tmp_path / "clear.png")
    assert decode((tmp_path / "clear.png").read_bytes()).getpixel((0, 0)) == (255, 255, 255)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,gender\na.png,woman\n", "no column of image paths among: name, gender"),
        ("path\na.png\n", "no attribute column beside 'path'"),
        ("path,gender\n", "no rows"),
        ("path,gender\n../a.png,woman\n", "line 2: '../a.png' is outside"),
        ("path,gender\nok.png,woman\n/etc/passwd,woman\n", "line 3: '/etc/passwd' is outside"),
        ("path,gender\na.png,woman\na.png,man\n", "line 3: the image is there twice"),
        ("path,gender\n,woman\n", "line 2: the path is empty"),
        ("path,gender\n\na.png,woman,extra,more\n", "line 3: 4 fields, the header (line 1) has 2"),
        ("path,age,age\na.png,1,2\n", "the column 'age' is there twice"),
        ("path,gender,visible_gender\na.png,woman,perhaps\n", "line 2: visible_gender is 'perhaps'"),
    ],
)
def test_a_wrong_table_is_refused_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        TableDataset(write(tmp_path, text))
    assert message in caught.value.message
    assert caught.value.remedy


def test_damage_of_copies_is_repaired_with_a_warning_and_noted(tmp_path: Path) -> None:
    """A row twice, two bands turned into dates beside one that was not, and the slashes of Windows."""
    text = "path,age,born\nx\\a.png,9-Mar,9-Mar\nx\\b.png,Oct-19,1-Jan\nx\\a.png,9-Mar,9-Mar\nc.png,20-29,\n"
    with pytest.warns(UserWarning) as caught:
        data = TableDataset(write(tmp_path, text))
    assert data.frame["image_id"].tolist() == ["x/a.png", "x/b.png", "c.png"]
    assert data.values("age").tolist() == ["3-9", "10-19", "20-29"]
    assert data.values("born").fillna("").tolist() == ["9-Mar", "1-Jan", ""]
    assert [note.split(" ", 1)[0] for note in data.card.notes] == ["Dropped:", "The", "2"]
    assert len(caught) == 3


def test_groups_that_differ_in_capitals_are_kept_apart_and_noted(tmp_path: Path) -> None:
    data = TableDataset(write(tmp_path, "path,gender\na.png,Male\nb.png,male\nc.png,Female\n"))
    assert data.levels("gender") == ["Female", "Male", "male"]
    assert data.card.notes == (
        "Groups of gender that differ in capitals only are kept apart: Male and male.",
    )


def test_an_image_without_a_person_is_a_cluster_of_its_own(tmp_path: Path) -> None:
    data = TableDataset(write(tmp_path, "path,subject_id,gender\na.png,,w\nb.png,,w\nc.png,s,w\n"))
    assert data.clusters.tolist() == ["a.png", "b.png", "s"]


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    (tmp_path / "secret.png").write_bytes(png((0, 0, 0)))
    (inside / "link.png").symlink_to(tmp_path / "secret.png")
    with pytest.raises(UserError, match="outside the folder"):
        TableDataset(write(inside, "path,gender\nlink.png,woman\n"))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.parquet", b"PAR1 but not really", "not a parquet file"),
        ("t.csv", b"path,gender\n\xff\xfe,x\n", "not UTF-8"),
        ("t.xlsx", b"PK", "not a table by its name"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=message):
        TableDataset(tmp_path / name)


@pytest.mark.parametrize(
    ("spec", "remedy"),
    [
        ("emojy", "did you mean 'emoji'?"),
        ("tabel:people.csv", "did you mean 'table'?"),
        ("table", "table:PATH"),
        ("table:absent.csv", "check the path"),
        ("emoji:somewhere", "'emoji'"),
    ],
)
def test_an_unknown_data_set_gets_a_suggestion(spec: str, remedy: str) -> None:
    with pytest.raises(UserError) as caught:
        load_dataset(spec)
    assert remedy in str(caught.value)


@pytest.mark.parametrize("kind", ["table", "predictions"])
@pytest.mark.parametrize("written", ["csv", "parquet"])
def test_a_nul_byte_in_a_path_is_refused_with_its_place(tmp_path: Path, kind: str, written: str) -> None:
    table = pd.DataFrame({"path": ["a.png", "b\0.png"], "race": ["A", "B"], "prediction": ["m", "f"]})
    file = tmp_path / f"p.{written}"
    table.to_csv(file, index=False) if written == "csv" else table.to_parquet(file)
    place = "line 3" if written == "csv" else "row 2"
    with pytest.raises(UserError, match=f"{place}: the path holds a NUL byte"):
        load_dataset(f"{kind}:{file}")


@pytest.mark.parametrize("kind", ["table", "predictions"])
def test_persons_that_look_the_same_are_one(tmp_path: Path, kind: str) -> None:
    """A blank, a zero-width space or another Unicode form behind a name makes no other person."""
    persons = ["Zo\u00eb", "Zoe\u0308", "Zo\u00eb ", "Zo\u00eb\u200b", "Max"]
    table = pd.DataFrame(
        {"path": [*"abcde"], "race": [*"ABABA"], "prediction": [*"mfmfm"], "person_id": persons}
    )
    table.to_parquet(file := tmp_path / "p.parquet")
    data = load_dataset(f"{kind}:{file}")
    assert data.clusters.tolist() == ["Zo\u00eb"] * 4 + ["Max"]
    assert any("3 labels of person_id" in note for note in data.card.notes)
