"""Folders of sentence-transformers: a CLIP within, or the reason why there is none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from clipmodel.checkpoints.write import write_checkpoint
from clipmodel.errors import UserError
from clipmodel.loading import load_model
from clipmodel.loading.sentence_transformers import clip_folder
from tests.clipmodel.support.small_models import VIT, checkpoint_of, random_clip, random_pixels


def _module(index: int, path: str, kind: str) -> dict[str, object]:
    return {"idx": index, "name": str(index), "path": path, "type": f"sentence_transformers.models.{kind}"}


def _modules(folder: Path, *modules: dict[str, object]) -> Path:
    (folder / "modules.json").write_text(json.dumps(modules))
    return folder


def test_the_clip_in_a_folder_is_the_model(tmp_path: Path) -> None:
    clip = random_clip(VIT)
    write_checkpoint(checkpoint_of(clip), tmp_path / "0_CLIPModel", to="transformers")
    _modules(tmp_path, _module(0, "0_CLIPModel", "CLIPModel"), _module(1, "1", "Normalize"))
    model = load_model(tmp_path)
    pixels = random_pixels(VIT)
    with torch.inference_mode():
        assert (model.encode_image(pixels) - clip.encode_image(pixels)).abs().max() < 1e-6


def test_newer_folders_hold_the_model_at_their_root(tmp_path: Path) -> None:
    write_checkpoint(checkpoint_of(random_clip(VIT)), tmp_path, to="transformers")
    _modules(tmp_path, _module(0, "", "Transformer"))
    assert load_model(tmp_path).embed_dim == 24


def test_other_folders_are_left_as_they_are(tmp_path: Path) -> None:
    assert clip_folder(tmp_path) == tmp_path


def test_a_text_model_says_what_it_lacks(tmp_path: Path) -> None:
    _modules(tmp_path, _module(0, "", "Transformer"), _module(1, "1", "Pooling"), _module(2, "2", "Dense"))
    with pytest.raises(UserError, match=r"\(Transformer, Pooling, Dense\): it lacks an image tower"):
        load_model(tmp_path)


def test_steps_after_the_towers_are_not_passed_over(tmp_path: Path) -> None:
    _modules(tmp_path, _module(0, "0", "CLIPModel"), _module(1, "1", "Dense"))
    with pytest.raises(UserError, match="Dense after the towers"):
        load_model(tmp_path)


@pytest.mark.parametrize("content", ["{}", "[]", "[1]", "[" * 100_000])
def test_damaged_lists_are_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / "modules.json").write_text(content)
    with pytest.raises(UserError, match=r"modules\.json"):
        load_model(tmp_path)


def test_a_path_outside_the_folder_is_refused(tmp_path: Path) -> None:
    _modules(tmp_path, _module(0, "../elsewhere", "CLIPModel"))
    with pytest.raises(UserError, match="outside the folder"):
        load_model(tmp_path)
