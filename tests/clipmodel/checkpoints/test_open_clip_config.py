"""Folders as open_clip publishes them on the hub: its own configuration beside its own names of weights."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from clipmodel.checkpoints.open_clip_config import read_open_clip_config
from clipmodel.checkpoints.read import read_checkpoint
from clipmodel.checkpoints.weight_names import from_ours
from clipmodel.config import CLIPConfig
from clipmodel.errors import UserError
from clipmodel.loading import LoadedModel, load_model
from tests.clipmodel.support.small_models import RESNET, VIT, WIDE, random_clip, random_pixels, random_tokens
from tests.support.peers import peer_or_skip


def model_cfg(config: CLIPConfig) -> dict[str, Any]:
    """The architecture in open_clip's words."""
    values = config.to_dict()
    vision, text = values["vision"], values["text"]
    made: dict[str, Any] = {"layers": vision["layers"], "width": vision["width"], "image_size": 64}
    if vision["kind"] == "vit":
        made |= {"patch_size": 32, "mlp_ratio": vision.get("mlp_width", 4 * 128) / 128}
    text["mlp_ratio"] = text.pop("mlp_width", 4 * 64) / 64
    return {
        "embed_dim": config.embed_dim,
        "quick_gelu": config.activation == "quick_gelu",
        "vision_cfg": made,
        "text_cfg": text,
    }


def written(folder: Path, config: CLIPConfig, *, bin_file: bool = False, **preprocess: Any) -> Path:
    """A folder with random weights."""
    weights = from_ours(random_clip(config).state_dict(), "openai")
    if bin_file:
        torch.save(weights, folder / "open_clip_pytorch_model.bin")
    else:
        save_file(weights, folder / "open_clip_model.safetensors")
    values = {"model_cfg": model_cfg(config), "preprocess_cfg": preprocess}
    (folder / "open_clip_config.json").write_text(json.dumps(values))
    return folder


@pytest.mark.parametrize("config", [VIT, RESNET, WIDE], ids=["vit", "resnet", "wide"])
def test_a_folder_tells_everything(config: CLIPConfig, tmp_path: Path) -> None:
    checkpoint = read_checkpoint(written(tmp_path, config, mean=[0.5] * 3, interpolation="bicubic"))
    assert checkpoint.config == config
    assert checkpoint.preprocess.mean == (0.5, 0.5, 0.5)
    expected = random_clip(config).state_dict()
    assert all(torch.equal(checkpoint.weights[name], tensor) for name, tensor in expected.items())


def test_the_older_file_of_weights_is_read(tmp_path: Path) -> None:
    assert isinstance(load_model(written(tmp_path, VIT, bin_file=True)), LoadedModel)


def test_open_clips_own_model_gives_its_embeddings(tmp_path: Path) -> None:
    open_clip = peer_or_skip("open_clip")
    cfg = model_cfg(WIDE)
    cfg["text_cfg"].pop("vocab_size")  # the default
    torch.manual_seed(0)
    theirs = open_clip.model.CLIP(
        cfg["embed_dim"],
        open_clip.model.CLIPVisionCfg(**cfg["vision_cfg"]),
        open_clip.model.CLIPTextCfg(**cfg["text_cfg"]),
        quick_gelu=True,
    ).eval()
    save_file(theirs.state_dict(), tmp_path / "open_clip_model.safetensors")
    (tmp_path / "open_clip_config.json").write_text(json.dumps({"model_cfg": cfg, "preprocess_cfg": {}}))
    clip = read_checkpoint(tmp_path).build()
    pixels, tokens = random_pixels(WIDE), random_tokens(WIDE.text)
    with torch.inference_mode():
        images = F.normalize(theirs.encode_image(pixels), dim=-1)
        texts = F.normalize(theirs.encode_text(tokens), dim=-1)
        assert (clip.encode_image(pixels) - images).abs().max() < 1e-5
        assert (clip.encode_text(tokens) - texts).abs().max() < 1e-5


@pytest.mark.parametrize(
    ("part", "change", "message"),
    [
        ("vision_cfg", {"timm_model_name": "convnext_base"}, "asks for timm_model_name 'convnext_base'"),
        ("text_cfg", {"hf_model_name": "xlm-roberta-base"}, "asks for hf_model_name"),
        ("text_cfg", {"no_causal_mask": True}, "asks for no_causal_mask True"),
        ("vision_cfg", {"pool_type": "avg"}, "asks for pool_type 'avg'"),
        ("model_cfg", {"multimodal_cfg": {"width": 8}}, "asks for multimodal_cfg"),
        ("model_cfg", {"embed_dim": 0}, "embed_dim must be at least 1"),
        ("preprocess_cfg", {"resize_mode": "stretch"}, "resize_mode is 'stretch', known are shortest"),
        ("preprocess_cfg", {"interpolation": "cubic"}, "interpolation is 'cubic', known are nearest"),
        ("preprocess_cfg", {"mean": [0.5]}, "mean must be three numbers"),
        ("vision_cfg", {"norm_kwargs": {"affine": False}}, "asks for affine"),
        ("vision_cfg", {"layers": 10**6}, "layers is 1000000, more than 1,000"),
    ],
)
def test_what_clip_does_not_have_is_refused(
    part: str, change: dict[str, Any], message: str, tmp_path: Path
) -> None:
    values: dict[str, Any] = {"model_cfg": model_cfg(VIT), "preprocess_cfg": {}}
    place = values[part] if part in values else values["model_cfg"][part]
    place.update(change)
    (tmp_path / "open_clip_config.json").write_text(json.dumps(values))
    with pytest.raises(UserError, match=message):
        read_open_clip_config(tmp_path, logit_bias=False)


def test_what_is_switched_off_is_passed_over(tmp_path: Path) -> None:
    cfg = model_cfg(VIT)
    cfg["vision_cfg"] |= {"timm_model_name": None, "patch_dropout": 0.5, "pool_type": "tok"}
    cfg["text_cfg"] |= {"no_causal_mask": False, "pool_type": "argmax"}
    (tmp_path / "open_clip_config.json").write_text(json.dumps({"model_cfg": cfg, "preprocess_cfg": {}}))
    assert read_open_clip_config(tmp_path, logit_bias=False)[0] == VIT


def test_a_configuration_without_weights_or_model_is_named(tmp_path: Path) -> None:
    (tmp_path / "open_clip_config.json").write_text("{}")
    with pytest.raises(UserError, match="lacks 'model_cfg'"):
        read_open_clip_config(tmp_path, logit_bias=False)
    values = {"model_cfg": model_cfg(VIT), "preprocess_cfg": {}}
    (tmp_path / "open_clip_config.json").write_text(json.dumps(values))
    with pytest.raises(UserError, match=r"no open_clip_model\.safetensors"):
        read_checkpoint(tmp_path)


def test_without_preprocessing_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "open_clip_config.json").write_text(json.dumps({"model_cfg": model_cfg(VIT)}))
    with pytest.raises(UserError, match="has no preprocess_cfg"):
        read_open_clip_config(tmp_path, logit_bias=False)


def test_preprocessing_is_read_as_it_is_stated(tmp_path: Path) -> None:
    """DFN5B's: squashed to a square by the bicubic filter."""
    values = {"model_cfg": model_cfg(VIT)}
    values["preprocess_cfg"] = {"resize_mode": "squash", "interpolation": "bilinear", "mean": [0.5] * 3}
    (tmp_path / "open_clip_config.json").write_text(json.dumps(values))
    preprocess = read_open_clip_config(tmp_path, logit_bias=False)[1]
    assert (preprocess.resize_mode, preprocess.interpolation) == ("squash", "bilinear")
    assert (preprocess.mean[0], preprocess.pipeline) == (0.5, "open_clip")


def test_a_file_is_read_with_the_configuration_beside_it(tmp_path: Path) -> None:
    written(tmp_path, VIT, resize_mode="squash")
    checkpoint = read_checkpoint(tmp_path / "open_clip_model.safetensors")
    assert checkpoint.config == VIT
    assert checkpoint.preprocess.resize_mode == "squash"


DETAILS = dataclasses.replace(
    VIT,
    activation="gelu",
    vision=dataclasses.replace(VIT.vision, ln_pre=False, layer_norm_eps=1e-6),
    text=dataclasses.replace(VIT.text, activation="gelu_tanh", layer_norm_eps=1e-3, layer_scale=True),
)


def test_layer_scale_epsilon_activation_and_no_first_norm_equal_open_clips_own(tmp_path: Path) -> None:
    open_clip = peer_or_skip("open_clip")
    cfg = model_cfg(VIT) | {"quick_gelu": False}
    cfg["vision_cfg"] |= {"no_ln_pre": True, "norm_kwargs": {"eps": 1e-6}}
    cfg["text_cfg"] |= {"ls_init_value": 0.5, "norm_kwargs": {"eps": 1e-3}}
    cfg["text_cfg"]["act_kwargs"] = {"approximate": "tanh"}
    torch.manual_seed(0)
    theirs = open_clip.model.CLIP(
        cfg["embed_dim"],
        open_clip.model.CLIPVisionCfg(**cfg["vision_cfg"]),
        open_clip.model.CLIPTextCfg(**cfg["text_cfg"]),
    ).eval()
    save_file(theirs.state_dict(), tmp_path / "open_clip_model.safetensors")
    values = {"model_cfg": cfg, "preprocess_cfg": {}}
    (tmp_path / "open_clip_config.json").write_text(json.dumps(values))
    checkpoint = read_checkpoint(tmp_path)
    assert checkpoint.config == DETAILS
    clip, pixels, tokens = checkpoint.build(), random_pixels(VIT), random_tokens(VIT.text)
    with torch.inference_mode():
        images = F.normalize(theirs.encode_image(pixels), dim=-1)
        texts = F.normalize(theirs.encode_text(tokens), dim=-1)
        assert (clip.encode_image(pixels) - images).abs().max() < 1e-5
        assert (clip.encode_text(tokens) - texts).abs().max() < 1e-5
