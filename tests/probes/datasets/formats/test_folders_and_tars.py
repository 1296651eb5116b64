"""Folders of images, and tar files in the manner of WebDataset."""

from __future__ import annotations

import io
import json
import os
import sys
import tarfile
from pathlib import Path

import pytest

from clipmodel.errors import UserError
from probes.datasets import UnreadableImageError, load_dataset
from probes.datasets.formats.folders_and_tars import load_image_folder, load_webdataset
from tests.probes.datasets.conftest import WriteImages, noise


def test_folders_are_labels_and_what_lies_in_none_is_counted(
    tmp_path: Path, write_images: WriteImages
) -> None:
    write_images("nurse/a.jpg", "nurse/more/b.JPG", "pilot/c.png", "top.gif", "pilot/notes.txt")
    data = load_image_folder(tmp_path)
    assert data.frame["image_id"].tolist() == ["nurse/a.jpg", "nurse/more/b.JPG", "pilot/c.png"]
    assert data.values("folder").tolist() == ["nurse", "nurse", "pilot"]
    assert data.values("folder_2").fillna("").tolist() == ["", "more", ""]
    assert data.dropped["reason"].tolist() == ["the image is in no folder of a class"]
    assert data.open_image(1).size == (8, 6)


def test_a_folder_without_folders_is_refused(tmp_path: Path, write_images: WriteImages) -> None:
    write_images("top.jpg")
    with pytest.raises(UserError, match="no image in a folder"):
        load_image_folder(tmp_path)


def tar(path: Path, members: dict[str, bytes], *, mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def sample(key: str, number: int, **labels: object) -> dict[str, bytes]:
    return {f"{key}.jpg": noise(number), f"{key}.json": json.dumps(labels).encode()}


def test_samples_are_read_where_they_lie(tmp_path: Path) -> None:
    members = sample("0", 1, gender="woman", age=31, known=True) | sample("d/1", 2, gender="man", box=[1, 2])
    file = tar(tmp_path / "a.tar", members | {"2.json": b'{"gender": "man"}', "0.txt": b"a caption"})
    data = load_dataset(f"webdataset:{file}")
    assert data.frame["image_id"].tolist() == ["0", "d/1"]
    assert data.attributes == ["gender", "age", "known"]
    assert data.values("age").fillna("").tolist() == ["31", ""]
    assert data.values("known").fillna("").tolist() == ["true", ""]
    assert [data.read_bytes(row) for row in range(2)] == [noise(1), noise(2)]
    assert data.dropped[["reason", "gender"]].to_numpy().tolist() == [["the sample has no image", "man"]]


def test_classes_and_what_is_not_read(tmp_path: Path) -> None:
    """A member .cls is a label; a list, a caption and a mask are noted; NaN and null are missing."""
    members = {"0.jpg": noise(1), "0.cls": b"3\n", "0.txt": b"words", "0.mask.png": b"x"}
    members |= {"0.json": b'{"age": NaN, "gender": null, "box": [1], "subject_id": "s1"}'}
    data = load_webdataset(tar(tmp_path / "a.tar", members))
    assert data.attributes == ["cls"]
    assert data.values("cls").tolist() == ["3"]
    assert data.clusters.tolist() == ["s1"]
    assert data.card.notes == ("Not read from the samples: .mask.png, .txt, box.",)


def test_shards_keep_their_keys_apart(tmp_path: Path) -> None:
    for number in range(2):
        tar(tmp_path / f"s{number}.tar", sample("0", number, gender="woman"))
    data = load_webdataset(tmp_path)
    assert data.frame["image_id"].tolist() == ["s0/0", "s1/0"]
    assert data.read_bytes(1) == noise(1)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"0.jpg": b"x"}, "no sample has an image and an attribute"),
        ({"0.json": b'{"gender": "man"}'}, "no sample has an image and an attribute"),
        ({"0.jpg": b"x", "0.json": b"{"}, "0.json is not JSON"),
        ({"0.jpg": b"x", "0.json": b"[1]"}, "0.json is no JSON object"),
        ({"0.jpg": b"x", "0.png": b"x", "0.json": b"{}"}, "'0' has two images"),
    ],
)
def test_wrong_samples_are_refused(tmp_path: Path, members: dict[str, bytes], message: str) -> None:
    with pytest.raises(UserError, match=message):
        load_webdataset(tar(tmp_path / "a.tar", members))


def test_a_damaged_compressed_or_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no \.tar file"):
        load_webdataset(tmp_path)
    packed = tar(tmp_path / "b.tar", sample("0", 1, gender="man"), mode="w:gz")
    with pytest.raises(UserError, match="damaged or compressed"):
        load_webdataset(packed)


@pytest.mark.skipif(os.name == "nt" or sys.platform == "darwin", reason="file names there are Unicode")
def test_a_file_name_that_is_no_text_is_an_image_all_the_same(
    tmp_path: Path, write_images: WriteImages
) -> None:
    write_images("man/a.jpg", "woman/b.jpg")
    (tmp_path / "man" / os.fsdecode(b"\xff.jpg")).write_bytes((tmp_path / "man/a.jpg").read_bytes())
    os.mkfifo(tmp_path / "man" / "pipe.jpg")
    data = load_image_folder(tmp_path)
    assert data.frame["image_id"].tolist() == ["man/a.jpg", "man/pipe.jpg", "man/\\xff.jpg", "woman/b.jpg"]
    assert len(data.sha256) == 64 and data.open_image(2).size == (8, 6)
    with pytest.raises(UnreadableImageError, match="no such file"):
        data.read_bytes(1)


def test_images_of_a_format_that_is_not_read_are_noted(tmp_path: Path, write_images: WriteImages) -> None:
    write_images("man/a.jpg")
    (tmp_path / "man" / "phone.heic").touch()
    assert load_image_folder(tmp_path).card.notes == (
        "Images of formats that are not read: 1 of .heic; convert them to JPEG or PNG.",
    )
