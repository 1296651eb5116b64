"""Checkpoints written in every format, and read back."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from clipmodel.checkpoints import Format
from clipmodel.checkpoints.checkpoint import Checkpoint
from clipmodel.checkpoints.read import read_checkpoint
from clipmodel.checkpoints.write import convert_checkpoint, write_checkpoint
from clipmodel.config import ViTConfig
from clipmodel.errors import UserError
from clipmodel.inputs.preprocess import Preprocess
from clipmodel.inputs.tokenizer import BPETokenizer
from tests.clipmodel.support.small_models import KINDS, SIGMOID, STEM, VIT, checkpoint_of, random_clip
from tests.support.peers import peer_or_skip

FILES: dict[str, tuple[Format, str]] = {
    "native": ("native", "model"),
    "openai": ("openai", "model.pt"),
    "open_clip.pt": ("open_clip", "model.pt"),
    "open_clip.bin": ("open_clip", "model.bin"),
    "open_clip.safetensors": ("open_clip", "model.safetensors"),
    "transformers": ("transformers", "model"),
}


def _same(one: Checkpoint, other: Checkpoint) -> bool:
    return (
        one.config == other.config
        # The pipeline is that of the format a model was read from.
        and dataclasses.replace(one.preprocess, pipeline=other.preprocess.pipeline) == other.preprocess
        and one.tokenizer.fingerprint == other.tokenizer.fingerprint
        and one.weights.keys() == other.weights.keys()
        and all(torch.equal(one.weights[name], tensor) for name, tensor in other.weights.items())
    )


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("kind", ["vit", "resnet", "sigmoid", "wide"])
def test_a_round_trip_changes_nothing(kind: str, file: str, tmp_path: Path) -> None:
    checkpoint = checkpoint_of(random_clip(KINDS[kind]))
    to, name = FILES[file]
    if (to, kind) in {("openai", "sigmoid"), ("transformers", "resnet"), ("transformers", "sigmoid")}:
        with pytest.raises(UserError, match="no place for"):
            write_checkpoint(checkpoint, tmp_path / name, to=to)
        return
    write_checkpoint(checkpoint, tmp_path / name, to=to)
    back = read_checkpoint(tmp_path / name)
    assert back.format == to
    assert _same(back, checkpoint)


def test_half_precision_is_kept(tmp_path: Path) -> None:
    clip = random_clip(VIT)
    clip.set_precision("fp16")
    write_checkpoint(checkpoint_of(clip), tmp_path / "half", to="transformers")
    weights = read_checkpoint(tmp_path / "half").weights
    assert weights["visual.conv1.weight"].dtype == torch.float16
    assert weights["text.token_embedding.weight"].dtype == torch.float32


def test_a_stem_other_heads_or_another_vocabulary_have_no_place_in_other_formats(tmp_path: Path) -> None:
    stem = checkpoint_of(random_clip(STEM))
    for to, name in (("openai", "m.pt"), ("open_clip", "m.pt"), ("transformers", "m")):
        with pytest.raises(UserError, match="a convolutional stem"):
            write_checkpoint(stem, tmp_path / name, to=to)
    vision = VIT.vision
    assert isinstance(vision, ViTConfig)
    heads = dataclasses.replace(VIT, vision=dataclasses.replace(vision, heads=4))
    with pytest.raises(UserError, match="number of heads: 4 and 1"):
        write_checkpoint(checkpoint_of(random_clip(heads)), tmp_path / "m.pt", to="open_clip")
    tokenizer = BPETokenizer.train(["some words"] * 3, vocab_size=300, context_length=16)
    small = dataclasses.replace(VIT, text=dataclasses.replace(VIT.text, vocab_size=tokenizer.vocab_size))
    own = dataclasses.replace(checkpoint_of(random_clip(small)), tokenizer=tokenizer)
    with pytest.raises(UserError, match="vocabulary of its own"):
        write_checkpoint(own, tmp_path / "m.pt", to="openai")
    write_checkpoint(own, tmp_path / "own", to="transformers")
    assert _same(read_checkpoint(tmp_path / "own"), own)
    assert list(tmp_path.iterdir()) == [tmp_path / "own"]  # what was refused left nothing behind


@pytest.mark.parametrize("to", ["native", "transformers"])
def test_other_normalisation_is_kept_where_there_is_a_place_for_it(to: Format, tmp_path: Path) -> None:
    half = (0.5, 0.5, 0.5)
    checkpoint = dataclasses.replace(
        checkpoint_of(random_clip(VIT)), preprocess=Preprocess(image_size=64, mean=half, std=half)
    )
    write_checkpoint(checkpoint, tmp_path / "m", to=to)
    assert _same(read_checkpoint(tmp_path / "m"), checkpoint)
    with pytest.raises(UserError, match="preprocessing of its own"):
        write_checkpoint(checkpoint, tmp_path / "m.pt", to="open_clip")


def test_transformers_reads_what_is_written_for_it(tmp_path: Path) -> None:
    transformers = peer_or_skip("transformers")
    clip = random_clip(VIT)
    write_checkpoint(checkpoint_of(clip), tmp_path / "m", to="transformers")
    theirs, report = transformers.CLIPModel.from_pretrained(tmp_path / "m", output_loading_info=True)
    assert not report["missing_keys"] and not report["unexpected_keys"]
    pixels = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        ours = clip.encode_image(pixels)
        output = theirs.get_image_features(pixel_values=pixels)
    features = getattr(output, "pooler_output", output)
    assert (torch.nn.functional.normalize(features, dim=-1) - ours).abs().max() < 1e-5


def test_convert_refuses_to_overwrite_and_unknown_formats(tmp_path: Path) -> None:
    write_checkpoint(checkpoint_of(random_clip(SIGMOID)), tmp_path / "m", to="native")
    with pytest.raises(UserError, match="exists"):
        convert_checkpoint(tmp_path / "m", tmp_path / "m", to="open_clip")
    with pytest.raises(UserError, match=r"ends with \.pt or \.bin or \.safetensors"):
        convert_checkpoint(tmp_path / "m", tmp_path / "m.onnx", to="open_clip")
    convert_checkpoint(tmp_path / "m", tmp_path / "m.bin", to="open_clip")
    assert _same(read_checkpoint(tmp_path / "m.bin"), read_checkpoint(tmp_path / "m"))
