"""Each family of dual encoders that transformers has: small, with random weights, in its published layout."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

TOWER = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
PIXELS = {"image_size": 32, "patch_size": 16}
# The padding has the id 1, as RoBERTa's positions expect.
WORDS = ["<s>", "<pad>", "</s>", "<unk>", "a", "red", "blue", "bird", "two", "words", "photo", "of"]
SHORT_SIDE = {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}, "resample": 3}
SQUARE = {"size": {"height": 32, "width": 32}, "resample": 3}
HALF = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}


@dataclass(frozen=True)
class Family:
    """How to build one, and the image processor it is published with."""

    model: str  # transformers' class
    config: str
    values: dict[str, Any]
    processor: str
    settings: dict[str, Any] = field(default_factory=lambda: dict(SHORT_SIDE))
    processor_class: str = "CLIPProcessor"
    lower: bool = False  # whether the tokenizer lowers the case


def _text(**values: Any) -> dict[str, Any]:
    ids = {"pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2}
    return {**TOWER, "vocab_size": len(WORDS), "max_position_embeddings": 16, **ids, **values}


def _vision(**values: Any) -> dict[str, Any]:
    return {**TOWER, **PIXELS, **values}


CLIP_LIKE = {"vision_config": _vision(), "text_config": _text(), "projection_dim": 24}
SIGLIP = {"vision_config": _vision(), "text_config": _text(projection_size=32)}
NAFLEX = {
    "vision_config": {**TOWER, "patch_size": 16, "num_patches": 16},
    "text_config": _text(projection_size=32),
}
EFFICIENT_NET = {
    "image_size": 64,
    "width_coefficient": 0.1,
    "depth_coefficient": 0.1,
    "hidden_dim": 16,
    "in_channels": [16, 16, 24, 40, 80, 112, 192],
    "out_channels": [16, 24, 40, 80, 112, 192, 16],
}
DUAL = {
    "vision_config": {"model_type": "vit", **_vision()},
    "text_config": {"model_type": "bert", **_text(type_vocab_size=1)},
    "projection_dim": 24,
}
BLIP = {
    "vision_config": _vision(),
    "text_config": _text(encoder_hidden_size=32, projection_dim=24),
    "projection_dim": 24,
    "image_text_hidden_size": 24,
}
FAMILIES: dict[str, Family] = {
    "siglip": Family(
        "SiglipModel", "SiglipConfig", SIGLIP, "SiglipImageProcessor", SQUARE | HALF, "SiglipProcessor"
    ),
    "siglip2": Family(
        "SiglipModel", "SiglipConfig", SIGLIP, "SiglipImageProcessor", SQUARE | HALF, "Siglip2Processor", True
    ),
    "siglip2 naflex": Family(
        "Siglip2Model",
        "Siglip2Config",
        NAFLEX,
        "Siglip2ImageProcessor",
        {"patch_size": 16, "max_num_patches": 16, "resample": 2, **HALF},
        "Siglip2Processor",
        True,
    ),
    "metaclip 2": Family("MetaClip2Model", "MetaClip2Config", CLIP_LIKE, "CLIPImageProcessor"),
    "chinese-clip": Family(
        "ChineseCLIPModel",
        "ChineseCLIPConfig",
        CLIP_LIKE,
        "ChineseCLIPImageProcessor",
        SQUARE | {"do_center_crop": False},
        "ChineseCLIPProcessor",
    ),
    "altclip": Family(
        "AltCLIPModel",
        "AltCLIPConfig",
        {**CLIP_LIKE, "text_config": _text(project_dim=24, type_vocab_size=1)},
        "CLIPImageProcessor",
        processor_class="AltCLIPProcessor",
    ),
    "align": Family(
        "AlignModel",
        "AlignConfig",
        {
            "vision_config": EFFICIENT_NET,
            "text_config": _text(max_position_embeddings=80, type_vocab_size=1),
            "projection_dim": 8,
        },
        "EfficientNetImageProcessor",
        {"size": {"height": 72, "width": 72}, "crop_size": {"height": 64, "width": 64}, "resample": 2},
        "AlignProcessor",
    ),
    "vision-text dual encoder": Family(
        "VisionTextDualEncoderModel",
        "VisionTextDualEncoderConfig",
        DUAL,
        "ViTImageProcessor",
        SQUARE | HALF,
        "VisionTextDualEncoderProcessor",
    ),
    "blip": Family("BlipModel", "BlipConfig", BLIP, "BlipImageProcessor", SQUARE, "BlipProcessor"),
    "blip retrieval": Family(
        "BlipForImageTextRetrieval", "BlipConfig", BLIP, "BlipImageProcessor", SQUARE, "BlipProcessor"
    ),
    "clip of another text end": Family(
        "CLIPModel",
        "CLIPConfig",
        {**CLIP_LIKE, "text_config": _text(eos_token_id=3)},
        "CLIPImageProcessor",
    ),
    "aimv2": Family("Aimv2Model", "Aimv2Config", CLIP_LIKE, "CLIPImageProcessor"),
    "groupvit": Family(
        "GroupViTModel",
        "GroupViTConfig",
        {
            "vision_config": {
                **PIXELS,
                "hidden_size": 32,
                "intermediate_size": 64,
                "depths": [1, 1, 1],
                "num_hidden_layers": 3,
                "num_group_tokens": [4, 2, 0],
                "num_output_groups": [4, 2, 0],
                "num_attention_heads": 2,
            },
            "text_config": _text(),
            "projection_dim": 24,
            "projection_intermediate_dim": 32,
        },
        "CLIPImageProcessor",
    ),
    "clipseg": Family("CLIPSegModel", "CLIPSegConfig", CLIP_LIKE, "ViTImageProcessor", SQUARE | HALF),
    "owl-vit": Family(
        "OwlViTModel", "OwlViTConfig", CLIP_LIKE, "OwlViTImageProcessor", SQUARE, "OwlViTProcessor"
    ),
    "owlv2": Family("Owlv2Model", "Owlv2Config", CLIP_LIKE, "Owlv2ImageProcessor", SQUARE, "Owlv2Processor"),
    "tipsv2": Family(
        "Tipsv2Model",
        "Tipsv2Config",
        {
            "vision_config": {**TOWER, **PIXELS, "mlp_ratio": 2, "num_register_tokens": 1},
            "text_config": _text(),
        },
        "Tipsv2ImageProcessor",
        {"size": {"height": 32, "width": 32}, "resample": 2, "do_normalize": False},
        "Tipsv2Processor",
    ),
    "flava": Family(
        "FlavaModel",
        "FlavaConfig",
        {
            "image_config": _vision(),
            "text_config": _text(),
            "multimodal_config": TOWER,
            "projection_dim": 24,
        },
        "FlavaImageProcessor",
        {**SQUARE, "crop_size": {"height": 32, "width": 32}},
        "FlavaProcessor",
    ),
}


def build(transformers: Any, family: Family, folder: Path, *, nested: bool = False) -> Any:
    """Write the folder that the library reads, and return its own model.

    `nested`: the image processor's settings in processor_config.json, as transformers 5 writes them.
    """
    torch.manual_seed(0)
    config = getattr(transformers, family.config)(**family.values)
    model = getattr(transformers, family.model)(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 1:  # gains, biases, class tokens: off 0 and 1, so that none is lost unseen
                parameter.add_(0.1 * torch.randn_like(parameter))
    model.save_pretrained(folder)
    tokenizer(transformers, lower=family.lower).save_pretrained(folder)
    settings = {"image_processor_type": family.processor, **family.settings}
    if nested:
        values = {"image_processor": settings, "processor_class": family.processor_class}
        (folder / "processor_config.json").write_text(json.dumps(values))
    else:
        (folder / "preprocessor_config.json").write_text(json.dumps(settings))
    return model


def tokenizer(transformers: Any, *, lower: bool) -> Any:
    """Words between a start and an end, padded on the right."""
    words = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    if lower:
        words.normalizer = normalizers.Lowercase()
    words.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=words,
        pad_token="<pad>",
        unk_token="<unk>",
        bos_token="<s>",
        eos_token="</s>",
        padding_side="right",
    )


Make = Callable[..., Any]
