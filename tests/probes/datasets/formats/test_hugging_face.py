"""Data sets of Hugging Face's package that lie on the disk."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from clipmodel.errors import UserError
from probes.datasets import UnreadableImageError, load_dataset
from probes.datasets.formats.hugging_face import load_hugging_face
from tests.probes.datasets.conftest import WriteImages, noise

datasets = pytest.importorskip("datasets", reason="the package datasets is an extra")


def made(n: int = 3, **columns: Any) -> Any:
    """n rows: an image, a class label of which the last is unknown, an age, a list."""
    values = {
        "picture": [{"bytes": noise(i), "path": None} for i in range(n)],
        "gender": [*([1, 0] * n)[: n - 1], -1],
        "age": list(range(30, 30 + n)),
        "box": [[1, 2]] * n,
    } | columns
    features = {
        "picture": datasets.Image(),
        "gender": datasets.ClassLabel(names=["man", "woman"]),
        "age": datasets.Value("int64"),
        "box": datasets.Sequence(datasets.Value("int64")),
    }
    kept = {name: features[name] for name in values if name in features}
    return datasets.Dataset.from_dict(values, features=datasets.Features(kept))


def test_a_saved_data_set_is_read(tmp_path: Path) -> None:
    made().save_to_disk(str(tmp_path / "d"))
    data = load_dataset(f"hugging_face:{tmp_path / 'd'}")
    assert data.attributes == ["gender", "age"]
    assert data.values("gender").fillna("").tolist() == ["woman", "man", ""]
    assert data.values("age").tolist() == ["30", "31", "32"]
    assert [data.read_bytes(row) for row in range(3)] == [noise(0), noise(1), noise(2)]
    assert data.card.notes == ("Columns that are no attributes: box.",)


def test_splits_are_an_attribute(tmp_path: Path) -> None:
    both = datasets.DatasetDict({"train": made(2), "test": made(1)})
    both.save_to_disk(str(tmp_path / "d"))
    data = load_hugging_face(tmp_path / "d")
    assert data.values("split").tolist() == ["train", "train", "test"]
    assert data.read_bytes(2) == noise(0)


def test_data_files_are_read_without_a_script(
    tmp_path: Path, write_images: WriteImages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "cache"))
    write_images("d/woman/1.jpg", "d/man/2.jpg")
    data = load_hugging_face(tmp_path / "d")
    assert sorted(data.values("label")) == ["man", "woman"]
    assert data.open_image(0).size == (8, 6)


def test_missing_images_and_those_outside_are_unreadable(
    tmp_path: Path, write_images: WriteImages, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A parquet file as the hub has them, but with paths in the place of the images."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "cache"))
    write_images("secret.jpg", "d/inside.jpg")
    secret, inside = (tmp_path / "secret.jpg", tmp_path / "d" / "inside.jpg")
    images = [{"bytes": None, "path": str(secret)}, {"bytes": None, "path": str(inside)}, None]
    pq.write_table(made(3, picture=images).data.table, tmp_path / "d" / "train.parquet")
    data = load_hugging_face(tmp_path / "d")
    with pytest.raises(UnreadableImageError, match="outside the folder"):
        data.read_bytes(0)
    assert data.read_bytes(1) == inside.read_bytes()
    with pytest.raises(UnreadableImageError, match="no image"):
        data.read_bytes(2)


def test_what_cannot_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    datasets.Dataset.from_dict({"a": [1]}).save_to_disk(str(tmp_path / "a"))
    with pytest.raises(UserError, match="no column of images among: a"):
        load_hugging_face(tmp_path / "a")
    (tmp_path / "a" / "load.py").write_text("")
    with pytest.raises(UserError, match=r"load.py would be run"):
        load_hugging_face(tmp_path / "a")
    (tmp_path / "b").mkdir()
    with pytest.raises(UserError, match="b: "):
        load_hugging_face(tmp_path / "b")
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(UserError, match="need the package datasets"):
        load_hugging_face(tmp_path / "b")
