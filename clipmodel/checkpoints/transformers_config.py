"""transformers' config.json and preprocessor_config.json of a CLIPModel, in both directions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from clipmodel.checkpoints.tensor_files import read_json
from clipmodel.config import Activation, CLIPConfig, TextConfig, ViTConfig
from clipmodel.errors import UserError
from clipmodel.inputs.preprocess import CLIP_MEAN, CLIP_STD, Preprocess

# What a value left out means: the defaults of transformers' CLIPVisionConfig and CLIPTextConfig.
_COMMON = {"hidden_act": "quick_gelu", "layer_norm_eps": 1e-5, "num_hidden_layers": 12}
_VISION = {
    **_COMMON,
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_attention_heads": 12,
    "image_size": 224,
    "patch_size": 32,
}
_TEXT = {
    **_COMMON,
    "hidden_size": 512,
    "intermediate_size": 2048,
    "num_attention_heads": 8,
    "vocab_size": 49408,
    "max_position_embeddings": 77,
    "eos_token_id": None,
}
_BICUBIC = 3  # Pillow's number
_STEPS = ("do_resize", "do_center_crop", "do_normalize", "do_rescale")


def config_from_transformers(values: Mapping[str, Any], *, where: str) -> CLIPConfig:
    """The configuration in a config.json.

    Raises
    ------
    UserError
        The towers' activations differ or are none of CLIP's, or a value is impossible.
    """
    # Old files repeat the towers' values under *_config_dict, which transformers lets win.
    vision, text = (
        {**defaults, **(values.get(key) or {}), **(values.get(f"{key}_dict") or {})}
        for key, defaults in (("vision_config", _VISION), ("text_config", _TEXT))
    )
    if {vision["layer_norm_eps"], text["layer_norm_eps"]} != {1e-5}:
        raise UserError(f"{where}: layer_norm_eps must be 1e-5", remedy="use a model of the CLIP paper")
    last = text["vocab_size"] - 1
    # 2 is the mistake of old files, on which transformers too reads the highest id.
    if text["eos_token_id"] not in (None, 2, last):
        raise UserError(
            f"{where}: eos_token_id is {text['eos_token_id']}, expected {last}, the highest id",
            remedy="use a model whose end of text has the highest id, as CLIP's",
        )
    try:
        return CLIPConfig(
            embed_dim=values.get("projection_dim", 512),
            vision=ViTConfig(
                image_size=vision["image_size"],
                patch_size=vision["patch_size"],
                width=vision["hidden_size"],
                layers=vision["num_hidden_layers"],
                heads=vision["num_attention_heads"],
                mlp_width=_mlp_width(vision),
            ),
            text=TextConfig(
                context_length=text["max_position_embeddings"],
                vocab_size=text["vocab_size"],
                width=text["hidden_size"],
                layers=text["num_hidden_layers"],
                heads=text["num_attention_heads"],
                mlp_width=_mlp_width(text),
            ),
            activation=_activation(vision["hidden_act"], text["hidden_act"], where=where),
        )
    except (ValueError, TypeError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{where}: {error}", remedy="restore the file") from error


def _mlp_width(tower: Mapping[str, Any]) -> int | None:
    hidden: int = tower["intermediate_size"]
    return None if hidden == 4 * tower["hidden_size"] else hidden


def _activation(vision: str, text: str, *, where: str) -> Activation:
    for known in get_args(Activation):
        if vision == text == known:
            return known
    raise UserError(
        f"{where}: hidden_act is {vision!r} in the image tower and {text!r} in the text tower",
        remedy=f"both must be the same, one of {', '.join(get_args(Activation))}",
    )


def config_to_transformers(config: CLIPConfig) -> dict[str, Any]:
    """A config.json that transformers' CLIPModel reads. The image tower must be a ViT without a stem."""
    assert isinstance(config.vision, ViTConfig)
    vision, text = config.vision, config.text
    common = {"hidden_act": config.activation, "layer_norm_eps": 1e-5, "projection_dim": config.embed_dim}
    return {
        "model_type": "clip",
        "architectures": ["CLIPModel"],
        "projection_dim": config.embed_dim,
        "vision_config": {
            **common,
            "model_type": "clip_vision_model",
            "hidden_size": vision.width,
            "intermediate_size": vision.mlp_width or 4 * vision.width,
            "num_hidden_layers": vision.layers,
            "num_attention_heads": vision.heads,
            "image_size": vision.image_size,
            "patch_size": vision.patch_size,
        },
        "text_config": {
            **common,
            "model_type": "clip_text_model",
            "hidden_size": text.width,
            "intermediate_size": text.mlp_width or 4 * text.width,
            "num_hidden_layers": text.layers,
            "num_attention_heads": text.heads,
            "vocab_size": text.vocab_size,
            "max_position_embeddings": text.context_length,
            "bos_token_id": text.vocab_size - 2,
            "eos_token_id": text.vocab_size - 1,
        },
    }


def read_preprocess(folder: Path, *, image_size: int) -> Preprocess:
    """The preprocessing a transformers folder states; CLIP's own where it states none.

    Raises
    ------
    UserError
        It is not a bicubic resize of the short side and a centre crop to the model's size.
    """
    path, values = _image_processor(folder)
    wanted = {
        "size": (_side(values.get("size")), image_size),
        "crop_size": (_side(values.get("crop_size")), image_size),
        "resample": (values.get("resample"), _BICUBIC),
        **{step: (values.get(step), True) for step in _STEPS},
    }
    for key, (found, expected) in wanted.items():
        if found is not None and found != expected:
            raise UserError(
                f"{path}: {key} is {values[key]}, expected {expected}",
                remedy="only CLIP's resize of the short side with a centre crop is supported",
            )
    mean, std = values.get("image_mean") or CLIP_MEAN, values.get("image_std") or CLIP_STD
    return Preprocess(image_size=image_size, mean=tuple(mean), std=tuple(std))


def preprocess_to_transformers(preprocess: Preprocess) -> dict[str, Any]:
    """A preprocessor_config.json for transformers' CLIPImageProcessor."""
    size = preprocess.image_size
    return {
        "image_processor_type": "CLIPImageProcessor",
        "size": {"shortest_edge": size},
        "crop_size": {"height": size, "width": size},
        "resample": _BICUBIC,
        "do_resize": True,
        "do_center_crop": True,
        "do_rescale": True,
        "do_normalize": True,
        "do_convert_rgb": True,
        "image_mean": list(preprocess.mean),
        "image_std": list(preprocess.std),
    }


def _image_processor(folder: Path) -> tuple[Path, dict[str, Any]]:
    path = folder / "preprocessor_config.json"
    if path.is_file():
        return path, read_json(path)
    path = folder / "processor_config.json"  # where transformers 5 puts it
    return path, (read_json(path).get("image_processor") or {}) if path.is_file() else {}


def _side(size: Any) -> Any:
    """224, {"shortest_edge": 224} and {"height": 224, "width": 224} are the same."""
    if not isinstance(size, dict):
        return size
    sides = set(size.values())
    return sides.pop() if len(sides) == 1 else size
