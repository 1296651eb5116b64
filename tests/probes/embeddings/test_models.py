from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from clipmodel.errors import UserError
from clipmodel.loading import load_model
from probes.datasets.formats.embeddings import load_embeddings
from probes.datasets.formats.table import TableDataset
from probes.embeddings.folder import FolderDataset
from probes.embeddings.models import model_for
from probes.embeddings.parts import make_part, prepare
from probes.embeddings.store import EmbeddingStore


def test_images_need_a_model_and_the_bundled_one_is_the_default(images: TableDataset) -> None:
    assert model_for(images, None).fingerprint == load_model("tiny").fingerprint
    with pytest.raises(UserError):
        model_for(images, "no-such-model")


def test_a_file_of_embeddings_answers_itself(tmp_path: Path) -> None:
    vectors = np.eye(2, dtype=np.float32)
    np.savez(
        tmp_path / "e.npz", image=vectors, gender=["w", "m"], text=vectors, text_name=np.array(["a", "b"])
    )
    model = model_for(load_embeddings(tmp_path / "e.npz"), None)
    assert model.encode_text(["b"]).tolist() == [[0, 1]]


def test_a_folder_names_its_model_and_refuses_another(
    images: TableDataset, folder: Path, tmp_path: Path
) -> None:
    tiny = load_model("tiny")
    job = prepare(tmp_path / "tiny", images, tiny)
    make_part(tmp_path / "tiny", job, 0, dataset=images, model=tiny)
    assert model_for(FolderDataset(tmp_path / "tiny"), None).fingerprint == tiny.fingerprint
    with pytest.raises(UserError):  # made by another one
        model_for(FolderDataset(folder), "tiny")


@pytest.mark.parametrize("name", ["", " "])
def test_an_empty_name_is_no_model(images: TableDataset, tmp_path: Path, name: str) -> None:
    """`--model "$MODEL"` with a variable that is not set would audit the bundled model in silence."""
    for store in (None, EmbeddingStore(tmp_path)):
        with pytest.raises(UserError, match="the name of the model is empty"):
            model_for(images, name, store=store)
