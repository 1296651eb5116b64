"""A model is loaded once: a later run reads what the store remembers of it, until its files change."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from clipmodel.errors import UserError
from clipmodel.loading import BUNDLED, EmbeddingModel, LoadedModel, load_model
from probes.embeddings.remembered_models import RememberedModel, load_or_remember
from probes.embeddings.store import EmbeddingStore


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return shutil.copytree(BUNDLED["tiny"], tmp_path / "model")


def loader(folder: Path, calls: list[Path]) -> Callable[[], EmbeddingModel]:
    def load() -> EmbeddingModel:
        calls.append(folder)
        return load_model(folder)

    return load


def test_the_second_time_nothing_is_loaded(folder: Path, tmp_path: Path) -> None:
    store, calls = EmbeddingStore(tmp_path / "store"), []
    first = load_or_remember(store, "mine", folder, loader(folder, calls), told={})
    second = load_or_remember(store, "mine", folder, loader(folder, calls), told={})
    assert isinstance(first, LoadedModel)
    assert isinstance(second, RememberedModel)
    for name in ("embed_dim", "fingerprint", "preprocess_id", "logit_scale", "logit_bias", "any_mode"):
        assert getattr(second, name) == getattr(first, name)
    assert len(calls) == 1
    # It is loaded when it embeds something, and gives the model's own bits.
    assert torch.equal(second.encode_text(["a judge"]), first.encode_text(["a judge"]))
    assert len(calls) == 2


def test_other_weights_or_arguments_are_another_model(folder: Path, tmp_path: Path) -> None:
    store, calls = EmbeddingStore(tmp_path / "store"), []
    load_or_remember(store, "mine", folder, loader(folder, calls), told={})
    load_or_remember(store, "mine", folder, loader(folder, calls), told={"activation": "gelu"})
    assert len(calls) == 2
    data = bytearray((folder / "model.safetensors").read_bytes())
    data[-1] ^= 1
    (folder / "model.safetensors").write_bytes(data)
    changed = load_or_remember(store, "mine", folder, loader(folder, calls), told={})
    assert len(calls) == 3
    assert isinstance(changed, LoadedModel)


def test_files_that_change_while_it_runs_are_refused(folder: Path, tmp_path: Path) -> None:
    store = EmbeddingStore(tmp_path / "store")
    load_or_remember(store, "mine", folder, loader(folder, []), told={})
    remembered = load_or_remember(store, "mine", folder, loader(folder, []), told={})
    data = bytearray((folder / "model.safetensors").read_bytes())
    data[-1] ^= 1
    (folder / "model.safetensors").write_bytes(data)
    with pytest.raises(UserError, match="files of the model mine changed"):
        remembered.encode_text(["a judge"])


def test_a_damaged_note_is_made_again(folder: Path, tmp_path: Path) -> None:
    store, calls = EmbeddingStore(tmp_path / "store"), []
    load_or_remember(store, "mine", folder, loader(folder, calls), told={})
    (note,) = (store.root / "models").iterdir()
    for text in ("{", "[]", json.dumps({"fingerprint": 3})):
        note.write_text(text)
        assert isinstance(
            load_or_remember(store, "mine", folder, loader(folder, calls), told={}), LoadedModel
        )
    assert len(calls) == 4
    assert json.loads(note.read_text())["embed_dim"] == 128


def test_a_store_that_cannot_be_written_costs_time_only(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store, calls = EmbeddingStore(tmp_path / "file"), []
    for _ in range(2):
        load_or_remember(store, "mine", folder, loader(folder, calls), told={})
    assert len(calls) == 2


def test_clearing_the_store_forgets_models_too(folder: Path, tmp_path: Path) -> None:
    store, calls = EmbeddingStore(tmp_path / "store"), []
    load_or_remember(store, "mine", folder, loader(folder, calls), told={})
    assert store.files(only_old=True) == []  # a note has no version before the store's
    assert store.remove(store.files()) == 1
    load_or_remember(store, "mine", folder, loader(folder, calls), told={})
    assert len(calls) == 2
