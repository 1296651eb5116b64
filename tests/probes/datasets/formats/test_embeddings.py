"""Embeddings from a file: what is read, and which arrays do not fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from clipmodel.errors import UserError
from probes.datasets import UnreadableImageError, load_dataset
from probes.datasets.formats.embeddings import EmbeddedDataset, load_embeddings

ARRAYS: dict[str, Any] = {
    "image": np.array([[1, 0], [0, 2], [0, 0], [np.nan, 1]], np.float32),
    "path": np.array(["a.png", "b.png", "c.png", "d.png"]),
    "gender": np.array(["man", "woman", "woman", ""]),
    "age": np.array([3, 70, 5, 6]),
    "text": np.array([[3, 0], [0, 1]], np.float32),
    "text_name": np.array(["man", "woman"]),
    "logit_scale": np.float32(50),
}


def write(folder: Path, **changed: Any) -> Path:
    arrays = {name: array for name, array in (ARRAYS | changed).items() if array is not None}
    np.savez(folder / "e.npz", **arrays)
    return folder / "e.npz"


def test_an_npz_file_is_read(tmp_path: Path) -> None:
    """Row c has no direction and row d a NaN: both are dropped and counted; the others get unit length."""
    data = load_embeddings(write(tmp_path))
    assert data.attributes == ["gender", "age"]
    assert data.frame["image_id"].tolist() == ["a.png", "b.png"]
    assert data.embeddings.tolist() == [[1, 0], [0, 1]]
    assert data.texts.rows == {"man": 0, "woman": 1}
    assert data.texts.vectors.tolist() == [[1, 0], [0, 1]]
    assert (data.texts.scale, data.texts.bias, data.texts.model) == (50, None, "e")
    assert data.dropped["reason"].tolist() == ["the embedding is zero or not finite"] * 2
    assert data.dropped["age"].tolist() == ["5", "6"]
    assert data.dropped["gender"].isna().tolist() == [False, True]
    assert "normalised" in data.card.notes[0]


def test_several_text_arrays_join_and_equal_texts_may_repeat(tmp_path: Path) -> None:
    more = {"man_text": np.array([[3, 0], [1, 1]], np.float32), "man_name": np.array(["man", "guy"])}
    data = load_embeddings(write(tmp_path, logit_scale=None, logit_bias=np.float64(-5), **more))
    assert list(data.texts.rows) == ["man", "woman", "guy"]
    assert data.texts.vectors[2] == pytest.approx([0.5**0.5, 0.5**0.5])
    assert (data.texts.scale, data.texts.bias) == (100, -5)


def test_a_text_with_two_embeddings_is_not_used(tmp_path: Path) -> None:
    more = {"more_text": np.array([[1, 1], [2, 1]], np.float32), "more_name": np.array(["man", "guy"])}
    data = load_embeddings(write(tmp_path, **more))
    assert list(data.texts.rows) == ["woman", "guy"]
    assert data.texts.ambiguous == ("man",)
    assert "several embeddings in the file are not used: 1, such as man" in data.card.notes[-1]


def test_without_paths_rows_are_numbered(tmp_path: Path) -> None:
    data = load_dataset(f"embeddings:{write(tmp_path, path=None)}")
    assert data.frame["image_id"].tolist() == ["row 1", "row 2"]
    with pytest.raises(UnreadableImageError, match="no images"):
        data.open_image(0)


def test_the_hash_sees_the_embeddings(tmp_path: Path) -> None:
    before = load_embeddings(write(tmp_path)).sha256
    assert load_embeddings(write(tmp_path)).sha256 == before
    assert load_embeddings(write(tmp_path, image=ARRAYS["image"][:, ::-1])).sha256 != before


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"image": None}, "no array"),
        ({"text": None, "text_name": None}, "no text embeddings"),
        ({"text_name": None}, "2 embeddings in 'text' without their texts"),
        ({"text_name": np.array(["man"])}, "2 embeddings in 'text' without their texts"),
        ({"text_name": np.array(["man", "man"])}, "no text embeddings"),
        ({"text": np.ones((2, 3), np.float32)}, "3 dimensions in 'text', the images have 2"),
        ({"text": np.zeros((2, 2), np.float32), "text_name": np.array(["x", "y"])}, "zero or not finite"),
        ({"gender": np.array(["man"])}, r"the array 'gender' has the shape \(1,\)"),
        ({"gender": None, "age": None}, "no attribute"),
        ({"path": np.array(["a.png", "a.png", "c", "d"])}, "'a.png' is there twice"),
        ({"gender": np.array(["man", None, {}, 1], dtype=object)}, "holding objects"),
        ({"text_name": np.array("man")}, "2 embeddings in 'text' without their texts"),
        ({"logit_scale": np.array(np.nan)}, "logit_scale is nan, no finite number"),
        ({"logit_scale": np.array([1.0, 2.0])}, "no finite number"),
        ({"logit_scale": np.array("many")}, "logit_scale is many"),
        ({"logit_scale": np.array(-4.6)}, "logit_scale is -4.6, not above zero"),
        ({"logit_bias": np.array(np.inf)}, "logit_bias is inf"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(tmp_path: Path, changed: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        load_embeddings(write(tmp_path, **changed))


def table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "embedding": [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]],
            "text": [None, "", "man", "woman"],
            "gender": ["man", "woman", None, None],
        }
    )


def test_a_scale_of_shape_one_is_accepted(tmp_path: Path) -> None:
    assert load_embeddings(write(tmp_path, logit_scale=np.array([50.0]))).texts.scale == 50


def test_a_parquet_file_is_read(tmp_path: Path) -> None:
    arrow = pa.Table.from_pandas(table())
    arrow = arrow.replace_schema_metadata({**arrow.schema.metadata, b"logit_scale": b"20", b"model": b"RN50"})
    pq.write_table(arrow, tmp_path / "e.parquet")
    data = load_embeddings(tmp_path / "e.parquet")
    assert isinstance(data, EmbeddedDataset)
    assert data.values("gender").tolist() == ["man", "woman"]
    assert data.texts.rows == {"man": 0, "woman": 1}
    assert (data.texts.scale, data.texts.model) == (20, "RN50")
    assert data.card.notes == ()


def test_a_wrong_parquet_file_is_refused(tmp_path: Path) -> None:
    table().drop(columns="text").to_parquet(tmp_path / "e.parquet")
    with pytest.raises(UserError, match="no column 'text'"):
        load_embeddings(tmp_path / "e.parquet")
    table().assign(embedding=[[1.0], [1.0, 2.0], [1.0], [1.0]]).to_parquet(tmp_path / "e.parquet")
    with pytest.raises(UserError, match="several lengths"):
        load_embeddings(tmp_path / "e.parquet")
    for wrong in ([1.0] * 4, ["[1, 2]"] * 4, [[[1.0, 2.0]]] * 4):
        table().assign(embedding=wrong).to_parquet(tmp_path / "e.parquet")
        with pytest.raises(UserError, match="an embedding is no list of numbers"):
            load_embeddings(tmp_path / "e.parquet")


@pytest.mark.parametrize("kind", ["complex64", "bool", "U5"])
def test_arrays_that_are_no_real_numbers_are_refused(tmp_path: Path, kind: str) -> None:
    """Of complex numbers half would be lost, with no more than a warning of NumPy's."""
    image = np.eye(2, dtype=np.float32).astype(kind)
    with pytest.raises(UserError, match=r"the array 'image' holds .* no real numbers"):
        load_embeddings(write(tmp_path, image=image))


def test_the_order_of_bytes_does_not_matter(tmp_path: Path) -> None:
    usual = load_embeddings(write(tmp_path)).embeddings
    image = np.asfortranarray(ARRAYS["image"].astype(">f4"))
    np.testing.assert_array_equal(load_embeddings(write(tmp_path, image=image)).embeddings, usual)


def test_a_row_without_an_embedding_is_dropped_and_counted(tmp_path: Path) -> None:
    table().assign(embedding=[None, [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]]).to_parquet(tmp_path / "e.parquet")
    data = load_embeddings(tmp_path / "e.parquet")
    assert data.values("gender").tolist() == ["woman"]
    assert data.dropped["gender"].tolist() == ["man"]


def test_embeddings_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    table().assign(embedding=[["a", "b"]] * 4).to_parquet(tmp_path / "e.parquet")
    with pytest.raises(UserError, match="no list of numbers"):
        load_embeddings(tmp_path / "e.parquet")


@pytest.mark.parametrize(("name", "message"), [("e.npz", "not an .npz"), ("e.parquet", "not a parquet")])
def test_a_damaged_file_is_refused(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / name).write_bytes(b"nothing of the kind")
    with pytest.raises(UserError, match=message):
        load_embeddings(tmp_path / name)


def test_a_missing_or_other_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no file at"):
        load_embeddings(tmp_path / "absent.npz")
    (tmp_path / "e.csv").write_text("a,b\n")
    with pytest.raises(UserError, match="not embeddings by its name"):
        load_embeddings(tmp_path / "e.csv")
