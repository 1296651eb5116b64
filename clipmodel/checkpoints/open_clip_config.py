"""open_clip's open_clip_config.json, which lies beside the weights it publishes on the hub."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clipmodel.checkpoints import NotClipError
from clipmodel.checkpoints.tensor_files import read_json
from clipmodel.config import LAYER_NORM_EPS, CLIPConfig, ResNetConfig, TextConfig, ViTConfig
from clipmodel.errors import UserError
from clipmodel.inputs.preprocess import CLIP_MEAN, CLIP_STD, Preprocess

OPEN_CLIP_CONFIG_FILE = "open_clip_config.json"

# What a value left out means: the defaults of open_clip's CLIPVisionCfg and CLIPTextCfg.
_VISION = {
    "layers": 12,
    "width": 768,
    "head_width": 64,
    "mlp_ratio": 4.0,
    "patch_size": 16,
    "image_size": 224,
    "ls_init_value": None,
    "no_ln_pre": False,
    "act_kwargs": None,
    "norm_kwargs": None,
}
_TEXT = {
    "context_length": 77,
    "vocab_size": 49408,
    "width": 512,
    "heads": 8,
    "layers": 12,
    "mlp_ratio": 4.0,
    "ls_init_value": None,
    "act_kwargs": None,
    "norm_kwargs": None,
}
_MODEL = {"embed_dim", "vision_cfg", "text_cfg", "quick_gelu", "custom_text", "init_logit_scale"}
# They change nothing at inference, or are what CLIP does anyway.
_HARMLESS = {"patch_dropout", "output_tokens", "init_logit_bias", "eos_id", "pad_id"}
_AS_CLIP = {
    "pool_type": ("tok", "argmax"),
    "pos_embed_type": ("learnable",),
    "proj_type": ("linear",),
    "block_type": ("default",),
}
_OTHER_WAY = "load it by open_clip itself, which does so if it is installed: local-dir:FOLDER"


def read_open_clip_config(folder: Path, *, logit_bias: bool) -> tuple[CLIPConfig, Preprocess]:
    """The configuration and preprocessing that open_clip wrote beside the weights.

    Raises
    ------
    NotClipError
        The file asks for something that CLIP's towers do not have.
    UserError
        The file is damaged, or does not say how images are preprocessed.
    """
    path = folder / OPEN_CLIP_CONFIG_FILE
    values = read_json(path)
    try:
        model = _only_known(values["model_cfg"], _MODEL, where=f"{path}: model_cfg")
        vision = _VISION | _only_known(model["vision_cfg"], set(_VISION), where=f"{path}: vision_cfg")
        text = _TEXT | _only_known(model["text_cfg"], set(_TEXT), where=f"{path}: text_cfg")
        config = CLIPConfig(
            embed_dim=model["embed_dim"],
            vision=_vision(vision, quick=bool(model.get("quick_gelu")), where=f"{path}: vision_cfg"),
            text=TextConfig(
                context_length=text["context_length"],
                vocab_size=text["vocab_size"],
                width=text["width"],
                layers=text["layers"],
                heads=text["heads"],
                mlp_width=_mlp_width(text),
                **_details(text, quick=bool(model.get("quick_gelu")), where=f"{path}: text_cfg"),
            ),
            activation="quick_gelu" if model.get("quick_gelu") else "gelu",
            logit_bias=logit_bias,
        )
        return config, open_clip_preprocess(
            values.get("preprocess_cfg"), image_size=config.vision.image_size, where=str(path)
        )
    except UserError:
        raise
    except KeyError as error:
        raise UserError(f"{path} lacks {error}", remedy="restore the file") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise UserError(f"{path}: {error}", remedy="restore the file") from error


def _only_known(values: Mapping[str, Any], known: set[str], *, where: str) -> dict[str, Any]:
    """The values that CLIP has; others may be there if they are switched off."""
    for key, value in values.items():
        off = value is None or value is False or key in _HARMLESS or value in _AS_CLIP.get(key, ())
        if key not in known and not off:
            raise NotClipError(
                f"{where} asks for {key} {value!r}, which CLIP does not have", remedy=_OTHER_WAY
            )
    return {key: value for key, value in values.items() if key in known}


def _details(values: Mapping[str, Any], *, quick: bool, where: str) -> dict[str, Any]:
    """Activation, epsilon and layer scale of a tower; act_kwargs are GELU's, quick GELU has none."""
    activation, acts, norms = None, values["act_kwargs"] or {}, values["norm_kwargs"] or {}
    if acts.get("approximate", "none") == "tanh" and not quick:
        activation = "gelu_tanh"
    if unknown := {*acts} - {"approximate"} | {*norms} - {"eps"}:
        raise NotClipError(f"{where} asks for {min(unknown)}, which CLIP does not have", remedy=_OTHER_WAY)
    return {
        "activation": activation,
        "layer_norm_eps": norms.get("eps", LAYER_NORM_EPS),
        "layer_scale": values["ls_init_value"] is not None,
    }


def _vision(values: Mapping[str, Any], *, quick: bool, where: str) -> ViTConfig | ResNetConfig:
    size, width, layers = values["image_size"], values["width"], values["layers"]
    if isinstance(layers, list):
        # The attention pool has 32 x width channels, which open_clip divides into heads of `head_width`.
        heads = 32 * width // values["head_width"]
        return ResNetConfig(image_size=size, width=width, layers=tuple(layers), heads=heads)
    return ViTConfig(
        image_size=size,
        patch_size=values["patch_size"],
        width=width,
        layers=layers,
        heads=width // values["head_width"],
        mlp_width=_mlp_width(values),
        ln_pre=not values["no_ln_pre"],
        **_details(values, quick=quick, where=where),
    )


def _mlp_width(values: Mapping[str, Any]) -> int | None:
    hidden = int(values["width"] * values["mlp_ratio"])  # rounded down, as there
    return None if hidden == 4 * values["width"] else hidden


def open_clip_preprocess(values: Any, *, image_size: int, where: str) -> Preprocess:
    """The preprocessing of a preprocess_cfg: what its transforms do at evaluation.

    Raises
    ------
    UserError
        There is none, or it asks for something unknown.
    """
    if not isinstance(values, dict):
        raise UserError(
            f"{where} has no preprocess_cfg, which says how images are resized and normalised",
            remedy="add the preprocess_cfg that the weights were published with",
        )
    mean, std = values.get("mean") or CLIP_MEAN, values.get("std") or CLIP_STD
    interpolation: Any = values.get("interpolation") or "bicubic"
    try:
        return Preprocess(
            image_size=image_size,
            mean=tuple(mean),
            std=tuple(std),
            resize_mode=values.get("resize_mode") or "shortest",
            interpolation="bicubic" if interpolation == "random" else interpolation,  # at training only
            fill=values.get("fill_color") or 0,
            pipeline="open_clip",
        )
    except (ValueError, TypeError) as error:
        raise UserError(f"{where}: preprocess_cfg: {error}", remedy="correct the value") from error
