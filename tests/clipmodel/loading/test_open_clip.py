"""Models of open_clip by its own code: tags, files, folders, their preprocessing and tokenizers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import save_file

from clipmodel.checkpoints.write import write_checkpoint
from clipmodel.errors import UserError
from clipmodel.loading import load_model
from clipmodel.loading.open_clip import OpenClipName, _preprocess_of
from tests.clipmodel.loading.families import tokenizer
from tests.clipmodel.loading.protocol import require_protocol
from tests.clipmodel.support.small_models import VIT, checkpoint_of, random_clip, random_pixels, random_tokens
from tests.support.peers import peer_or_skip

SMALLEST = "ViT-S-32-alt"
TEXT = {"context_length": 16, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2}
VISION = {"image_size": 64, "layers": 2, "width": 64, "patch_size": 32}
WORDS = {"vocab_size": 12, "hf_tokenizer_name": "words", "pool_type": "last", "no_causal_mask": True}
# Small ones of each kind whose towers are none of CLIP's.
KINDS: dict[str, dict[str, Any]] = {
    "siglip": {
        "vision_cfg": {
            "image_size": 32,
            "timm_model_name": "vit_tiny_patch16_siglip_gap_256_test",
            "timm_pool": "map",
            "timm_proj": "none",
        },
        "text_cfg": TEXT
        | {"no_causal_mask": True, "proj_bias": True, "pool_type": "last", "width": 64}
        | {"norm_kwargs": {"eps": 1e-6}, "act_kwargs": {"approximate": "tanh"}},
        "custom_text": True,
        "init_logit_bias": -10,
        "embed_dim": 64,
    },
    "convnext": {
        "vision_cfg": {"timm_model_name": "test_convnext", "timm_proj": "linear", "image_size": 64},
        "text_cfg": TEXT,
    },
    "eva": {
        "vision_cfg": {"timm_model_name": "eva02_tiny_patch14_224", "timm_pool": "token", "image_size": 224},
        "text_cfg": TEXT,
        "custom_text": True,
    },
    "mobileclip": {
        "vision_cfg": {"timm_model_name": "fastvit_t8", "timm_pool": "avg", "image_size": 64},
        "text_cfg": TEXT,
        "custom_text": True,
    },
    "coca": {
        "vision_cfg": VISION | {"attentional_pool": True, "attn_pooler_heads": 2, "output_tokens": True},
        "text_cfg": TEXT | {"embed_cls": True, "output_tokens": True},
        "multimodal_cfg": {"context_length": 16, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
        "custom_text": True,
    },
    "clipa": {
        "vision_cfg": VISION | {"no_ln_pre": True, "pool_type": "avg", "final_ln_after_pool": True},
        "text_cfg": TEXT | WORDS,
    },
}
PREPROCESS = {"mean": [0.5] * 3, "std": [0.5] * 3, "interpolation": "bicubic", "resize_mode": "squash"}


def _folder(open_clip: Any, folder: Path, kind: str) -> Any:
    """A folder as published on the hub, and open_clip's own model of it."""
    cfg = {"embed_dim": 32, **json.loads(json.dumps(KINDS[kind]))}
    if kind == "siglip":  # timm has no SigLIP as small
        timm = peer_or_skip("timm")
        cfg["vision_cfg"]["timm_model_name"] = (
            "test_vit" if "test_vit" in timm.list_models() else "vit_tiny_patch16_224"
        )
        cfg["vision_cfg"] |= {"timm_pool": "avg", "timm_proj": "linear"}
    (folder / "open_clip_config.json").write_text(
        json.dumps({"model_cfg": cfg, "preprocess_cfg": PREPROCESS})
    )
    if kind == "clipa":
        tokenizer(peer_or_skip("transformers"), lower=False).save_pretrained(folder)
    torch.manual_seed(0)
    theirs = open_clip.create_model(f"local-dir:{folder}", load_weights=False).eval()
    if kind == "coca":  # open_clip leaves it as the memory was, NaN at times
        torch.nn.init.normal_(theirs.text_decoder.text_projection, std=0.02)
    weights = {name: tensor.contiguous().clone() for name, tensor in theirs.state_dict().items()}
    save_file(weights, folder / "open_clip_model.safetensors")
    return theirs


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_gives_open_clips_own_embeddings(kind: str, tmp_path: Path) -> None:
    open_clip = peer_or_skip("open_clip")
    theirs = _folder(open_clip, tmp_path, kind)
    model = load_model(tmp_path)
    require_protocol(model)
    tokens = open_clip.get_tokenizer(f"local-dir:{tmp_path}")(["a bird", "two red words"])
    transform = open_clip.transform.image_transform_v2(
        open_clip.transform.PreprocessCfg(**theirs.visual.preprocess_cfg), is_train=False
    )
    image = Image.effect_noise((90, 41), 80).convert("RGB")
    with torch.inference_mode():
        images = F.normalize(theirs.encode_image(transform(image)[None]), dim=-1)
        texts = F.normalize(theirs.encode_text(tokens), dim=-1)
    assert torch.equal(model.preprocess(image), transform(image))  # squashed, as the folder says
    assert (model.encode_image(model.preprocess(image)[None]) - images).abs().max() < 1e-5
    assert (model.encode_text(["a bird", "two red words"]) - texts).abs().max() < 1e-5
    by_name = load_model(f"local-dir:{tmp_path}")
    assert (by_name.fingerprint, by_name.preprocess_id) == (model.fingerprint, model.preprocess_id)


def test_a_file_of_a_published_architecture(tmp_path: Path) -> None:
    open_clip = peer_or_skip("open_clip")
    theirs = open_clip.create_model(SMALLEST).eval()
    torch.save(theirs.state_dict(), tmp_path / "m.pt")
    model = load_model(f"open_clip:{SMALLEST}/default@{tmp_path / 'm.pt'}")
    require_protocol(model)
    with torch.inference_mode():
        tokens = open_clip.get_tokenizer(SMALLEST)(["a bird"])
        expected = F.normalize(theirs.encode_text(tokens), dim=-1)
    assert (model.encode_text(["a bird"]) - expected).abs().max() < 1e-5
    with pytest.raises(UserError, match="nothing says how images are preprocessed") as caught:
        load_model(f"open_clip:{SMALLEST}/{tmp_path / 'm.pt'}")
    assert f"{SMALLEST}/default@" in str(caught.value.remedy)
    (tmp_path / "open_clip_config.json").write_text(json.dumps({"preprocess_cfg": PREPROCESS}))
    beside = load_model(f"open_clip:{SMALLEST}/{tmp_path / 'm.pt'}")
    assert '"resize_mode": "squash"' in beside.preprocess_id


@pytest.mark.parametrize(
    ("architecture", "tag", "expected"),
    [
        # All of its published weights agree: no tag is needed.
        ("ViT-B-16-SigLIP", None, {"mean": (0.5, 0.5, 0.5), "resize_mode": "squash"}),
        ("ViT-L-14", "laion2b_s32b_b82k", {"mean": (0.5, 0.5, 0.5)}),
        ("ViT-H-14-378-quickgelu", None, {"resize_mode": "squash"}),
        ("ViT-L-14", "default", {}),
    ],
)
def test_preprocessing_is_the_tags(architecture: str, tag: str | None, expected: dict[str, Any]) -> None:
    open_clip = peer_or_skip("open_clip")
    name = OpenClipName(architecture=architecture, tag=tag, path=Path("/nowhere/m.pt"))
    found = _preprocess_of(open_clip, name)
    assert {key: tuple(found[key]) if key == "mean" else found[key] for key in expected} == expected


def test_an_architecture_whose_tags_differ_asks_which() -> None:
    open_clip = peer_or_skip("open_clip")
    name = OpenClipName(architecture="ViT-L-14", tag=None, path=Path("/nowhere/m.pt"))
    with pytest.raises(UserError, match="its published weights differ in that"):
        _preprocess_of(open_clip, name)


@pytest.mark.parametrize(
    ("spec", "message", "remedy"),
    [
        ("open_clip:ViT-B-33/openai", "no architecture 'ViT-B-33'", "ViT-B-32"),
        ("open_clip:ViT-B-32/laion2b", "no weights 'laion2b' for ViT-B-32", "laion2b"),
        ("open_clip:ViT-B-32/openai", "was trained with quick_gelu", "ViT-B-32-quickgelu/openai"),
        ("open_clip:ViT-B-32/laion2b_e16@none.pt", "none.pt: no such file", "path"),
        ("local-dir:nowhere", "no open_clip_config.json", "copy it"),
    ],
)
def test_names_are_checked_before_fetching(spec: str, message: str, remedy: str) -> None:
    peer_or_skip("open_clip")
    with pytest.raises(UserError, match=message) as caught:
        load_model(spec)
    assert remedy in str(caught.value.remedy)


def test_a_tokenizer_that_is_not_there_is_our_error(tmp_path: Path) -> None:
    open_clip = peer_or_skip("open_clip")
    _folder(open_clip, tmp_path, "clipa")
    for path in tmp_path.glob("tokenizer*"):
        path.unlink()
    with pytest.raises(UserError, match="its tokenizer"):
        load_model(tmp_path)


def test_sizes_that_the_weights_do_not_have_are_refused(tmp_path: Path) -> None:
    open_clip = peer_or_skip("open_clip")
    _folder(open_clip, tmp_path, "clipa")
    path = tmp_path / "open_clip_config.json"
    values = json.loads(path.read_text())
    for width, message in ((10**9, "vision_cfg.width is 1000000000"), (60_000, "describes more weights")):
        values["model_cfg"]["vision_cfg"]["width"] = width
        path.write_text(json.dumps(values))
        with pytest.raises(UserError, match=message):
            load_model(tmp_path)


def test_our_file_in_openais_format_loads_in_open_clip(tmp_path: Path) -> None:
    """By its general reader and by the one it keeps for OpenAI's files."""
    open_clip = peer_or_skip("open_clip")
    clip = random_clip(VIT)
    write_checkpoint(checkpoint_of(clip), tmp_path / "m.pt", to="openai")
    vision = open_clip.model.CLIPVisionCfg(image_size=64, layers=2, width=128, patch_size=32)
    text = open_clip.model.CLIPTextCfg(context_length=16, width=64, heads=1, layers=2)
    theirs = open_clip.model.CLIP(24, vision, text, quick_gelu=True).eval()
    open_clip.load_checkpoint(theirs, str(tmp_path / "m.pt"))
    weights = torch.load(tmp_path / "m.pt", weights_only=True)
    same = open_clip.model.build_model_from_openai_state_dict(dict(weights), cast_dtype=torch.float32)
    pixels, tokens = random_pixels(VIT), random_tokens(VIT.text)
    with torch.inference_mode():
        for model in (theirs, same.float().eval()):
            images = F.normalize(model.encode_image(pixels).float(), dim=-1)
            texts = F.normalize(model.encode_text(tokens).float(), dim=-1)
            assert (clip.encode_image(pixels) - images).abs().max() < (1e-5 if model is theirs else 1e-2)
            assert (clip.encode_text(tokens) - texts).abs().max() < (1e-5 if model is theirs else 1e-2)
