"""`load_model`: bundled, paths, the hub's cache, and a model of the user's own."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from clipmodel.checkpoints.write import write_checkpoint
from clipmodel.errors import UserError
from clipmodel.loading import LoadedModel, load_model
from tests.clipmodel.loading.protocol import require_protocol
from tests.clipmodel.support.small_models import SIGMOID, VIT, checkpoint_of, random_clip, random_pixels
from tests.support.peers import peer_or_skip

EXAMPLE = Path(__file__).resolve().parents[3] / "examples/own_model.py"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "clip"
    write_checkpoint(checkpoint_of(random_clip(VIT)), path, to="transformers")
    return path


def test_the_same_weights_are_the_same_model_in_every_format(folder: Path, tmp_path: Path) -> None:
    checkpoint = checkpoint_of(random_clip(VIT))
    write_checkpoint(checkpoint, tmp_path / "m.pt", to="openai")
    write_checkpoint(checkpoint, tmp_path / "m.safetensors", to="open_clip")
    models = [load_model(path) for path in (folder, tmp_path / "m.pt", tmp_path / "m.safetensors")]
    assert [model.preprocess_id.rsplit(" as ")[-1] for model in models] == [
        "transformers",
        "openai",
        "open_clip",
    ]
    assert len({model.fingerprint for model in models}) == 1
    for model in models:
        require_protocol(model)


def test_saving_and_loading_keeps_model_and_bias(tmp_path: Path) -> None:
    checkpoint = checkpoint_of(random_clip(SIGMOID))
    model = LoadedModel("sigmoid", checkpoint.build(), checkpoint.tokenizer, checkpoint.preprocess)
    model.save(tmp_path / "m")
    back = load_model(tmp_path / "m")
    assert back.logit_bias == model.logit_bias == pytest.approx(-10.0)  # as it starts
    assert back.fingerprint == model.fingerprint
    assert torch.equal(back.encode_image(random_pixels(SIGMOID)), model.encode_image(random_pixels(SIGMOID)))


def test_precision_is_part_of_the_fingerprint(folder: Path) -> None:
    full, half = load_model(folder), load_model(folder, precision="bf16")
    require_protocol(half)
    assert half.fingerprint != full.fingerprint
    difference = half.encode_image(random_pixels(VIT)) - full.encode_image(random_pixels(VIT))
    assert 0 < difference.abs().max() < 3 * 2**-8


@pytest.mark.parametrize(
    ("spec", "options", "message"),
    [
        ("ViT-B/32", {}, r"unknown model 'ViT-B/32'"),
        ("tiny", {"precision": "int8"}, "unknown precision 'int8'"),
        ("tiny", {"device": "nonsense"}, "device 'nonsense' cannot be used"),
        ("hf:bad name!", {}, "hf:bad name!"),
        ("open_clip:ViT-B-32", {}, "expected open_clip:ARCHITECTURE/TAG"),
        ("open_clip:ViT-B-32/openai", {"activation": "gelu"}, "has its own activation"),
    ],
)
def test_what_cannot_be_loaded_is_said(spec: str, options: dict[str, Any], message: str) -> None:
    if spec.startswith("hf:"):
        peer_or_skip("huggingface_hub")
    with pytest.raises(UserError, match=message) as caught:
        load_model(spec, **options)
    assert caught.value.remedy


def test_the_known_names_are_listed() -> None:
    with pytest.raises(UserError) as caught:
        load_model("big")
    for known in ("tiny", "path", "hf:", "open_clip:", "local-dir:", "MODULE:FACTORY"):
        assert known in str(caught.value.remedy)


def test_the_example_of_an_own_model_runs(tmp_path: Path) -> None:
    example = runpy.run_path(str(EXAMPLE))
    model = example["ColourModel"]()
    require_protocol(model)
    red = model.preprocess(Image.new("RGB", (8, 8), "red"))[None]
    similarity = model.encode_image(red) @ model.encode_text(["something red", "something blue"]).T
    assert similarity[0, 0] > 0.99 > similarity[0, 1]
