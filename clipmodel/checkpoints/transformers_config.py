"""transformers' config.json and preprocessor_config.json of a CLIPModel, in both directions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from clipmodel.checkpoints import NotClipError
from clipmodel.checkpoints.checkpoint import PREPROCESS_FILE, PROCESSOR_FILE
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
_STEPS = ("do_resize", "do_normalize", "do_rescale")


def config_from_transformers(values: Mapping[str, Any], *, where: str) -> CLIPConfig:
    """The configuration in a config.json.

    Raises
    ------
    NotClipError
        A tower has an activation or an end of text that ours have not.
    UserError
        A value is impossible.
    """
    # Old files repeat the towers' values under *_config_dict, which transformers lets win.
    vision, text = (
        {**defaults, **_section(values, key, where), **_section(values, f"{key}_dict", where)}
        for key, defaults in (("vision_config", _VISION), ("text_config", _TEXT))
    )
    activations = [_activation(tower["hidden_act"], where=where) for tower in (vision, text)]
    main = activations[1]
    last = _whole(text["vocab_size"], f"{where}: vocab_size") - 1
    # 2 is the mistake of old files, on which transformers too reads the highest id.
    if text["eos_token_id"] not in (None, 2, last):
        raise NotClipError(
            f"{where}: eos_token_id is {text['eos_token_id']}, expected {last}, the highest id",
            remedy="use a model whose end of text has the highest id, as CLIP's",
        )
    try:
        return CLIPConfig(
            embed_dim=values.get("projection_dim", 512),
            vision=ViTConfig(
                image_size=vision["image_size"],
                patch_size=vision["patch_size"],
                activation=None if activations[0] == main else activations[0],
                **_sizes(vision),
            ),
            text=TextConfig(
                context_length=text["max_position_embeddings"],
                vocab_size=text["vocab_size"],
                **_sizes(text),
            ),
            activation=main,
        )
    except (ValueError, TypeError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{where}: {error}", remedy="restore the file") from error


def _sizes(tower: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "width": tower["hidden_size"],
        "layers": tower["num_hidden_layers"],
        "heads": tower["num_attention_heads"],
        "mlp_width": _mlp_width(tower),
        "layer_norm_eps": tower["layer_norm_eps"],
    }


def _section(values: Mapping[str, Any], key: str, where: str) -> Mapping[str, Any]:
    section = values.get(key) or {}
    if not isinstance(section, dict):
        raise UserError(f"{where}: {key} must be a JSON object", remedy="restore the file")
    return section


def _whole(value: Any, what: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise UserError(f"{what} must be a whole number, got {value!r}", remedy="restore the file")
    return value


def _mlp_width(tower: Mapping[str, Any]) -> int | None:
    hidden = _whole(tower["intermediate_size"], "intermediate_size")
    return None if hidden == 4 * _whole(tower["hidden_size"], "hidden_size") else hidden


# transformers' names of our activations; for tanh it has several.
_ACTIVATIONS: dict[str, Activation] = {
    "quick_gelu": "quick_gelu",
    "gelu": "gelu",
    "gelu_pytorch_tanh": "gelu_tanh",
    "gelu_new": "gelu_tanh",
    "gelu_fast": "gelu_tanh",
    "relu": "relu",
    "silu": "silu",
    "swish": "silu",
}
# Reversed, so that of several names of theirs the first in the table is written.
_THEIR_ACTIVATIONS = {ours: theirs for theirs, ours in reversed(_ACTIVATIONS.items())}


def _activation(name: Any, *, where: str) -> Activation:
    if not isinstance(name, str) or name not in _ACTIVATIONS:
        raise NotClipError(f"{where}: hidden_act is {name!r}", remedy=f"known are {', '.join(_ACTIVATIONS)}")
    return _ACTIVATIONS[name]


def _tower_to_transformers(tower: ViTConfig | TextConfig, config: CLIPConfig) -> dict[str, Any]:
    return {
        "projection_dim": config.embed_dim,
        "hidden_act": _THEIR_ACTIVATIONS[tower.activation or config.activation],
        "layer_norm_eps": tower.layer_norm_eps,
        "hidden_size": tower.width,
        "intermediate_size": tower.mlp_width or 4 * tower.width,
        "num_hidden_layers": tower.layers,
        "num_attention_heads": tower.heads,
    }


def config_to_transformers(config: CLIPConfig) -> dict[str, Any]:
    """A config.json that transformers' CLIPModel reads. The image tower must be a ViT without a stem."""
    assert isinstance(config.vision, ViTConfig)
    vision, text = config.vision, config.text
    return {
        "model_type": "clip",
        "architectures": ["CLIPModel"],
        "projection_dim": config.embed_dim,
        "vision_config": {
            **_tower_to_transformers(vision, config),
            "model_type": "clip_vision_model",
            "image_size": vision.image_size,
            "patch_size": vision.patch_size,
        },
        "text_config": {
            **_tower_to_transformers(text, config),
            "model_type": "clip_text_model",
            "vocab_size": text.vocab_size,
            "max_position_embeddings": text.context_length,
            "bos_token_id": text.vocab_size - 2,
            "eos_token_id": text.vocab_size - 1,
        },
    }


def read_preprocess(folder: Path, *, image_size: int) -> Preprocess:
    """The preprocessing a transformers folder states, as transformers' CLIPImageProcessor does it.

    Raises
    ------
    UserError
        It states none, leaves a step out, or ends at another size than the model's.
    """
    path, values = _image_processor(folder)
    for step in _STEPS:
        if values.get(step) is False:
            raise NotClipError(f"{path}: {step} is false", remedy="only CLIP's steps are known, all of them")
    # Missing means True in CLIPImageProcessor.
    crops = values.get("do_center_crop") is not False
    size, crop = values.get("size", image_size), values.get("crop_size", image_size)
    final = _side(crop if crops else size)
    if final != image_size:
        raise UserError(
            f"{path}: images end at {final} pixels, the model takes {image_size}",
            remedy="use the preprocessing that the weights were published with",
        )
    squash = isinstance(size, dict) and "height" in size
    if not crops and not squash:
        raise UserError(
            f"{path}: without a centre crop images have no common size", remedy="set do_center_crop to true"
        )
    try:
        factor = values.get("rescale_factor")
        return Preprocess(
            image_size=image_size,
            mean=tuple(values.get("image_mean") or CLIP_MEAN),
            std=tuple(values.get("image_std") or CLIP_STD),
            resize_mode="squash" if squash else "shortest",
            resize_size=None if _side(size) == image_size else _side(size),
            interpolation=_filter(values.get("resample")),
            # 1/255 is what `Preprocess` does anyway; None keeps its identity, and the cache keys, unchanged.
            scale=None if factor in (None, 1 / 255) else factor,
            pipeline="transformers",
        )
    except (ValueError, TypeError) as error:
        raise UserError(f"{path}: {error}", remedy="correct the value") from error


def _filter(number: Any) -> Any:
    """The name of Pillow's filter of a number; transformers writes the number."""
    if number is None:
        return "bicubic"
    return Image.Resampling(number).name.lower()


def preprocess_to_transformers(preprocess: Preprocess) -> dict[str, Any]:
    """A preprocessor_config.json for transformers' CLIPImageProcessor.

    Raises
    ------
    UserError
        That processor cannot fill up what the resize of the long side leaves empty.
    """
    if preprocess.resize_mode == "longest":
        raise UserError("transformers' CLIPImageProcessor fills nothing up", remedy="use another --to")
    size = preprocess.image_size
    resized = preprocess.resize_size or size
    square = {"height": resized, "width": resized}
    return {
        "image_processor_type": "CLIPImageProcessor",
        "size": square if preprocess.resize_mode == "squash" else {"shortest_edge": resized},
        "crop_size": {"height": size, "width": size},
        "resample": int(Image.Resampling[preprocess.interpolation.upper()]),
        "rescale_factor": 1 / 255 if preprocess.scale is None else preprocess.scale,
        "do_resize": True,
        "do_center_crop": True,
        "do_rescale": True,
        "do_normalize": True,
        "do_convert_rgb": True,
        "image_mean": list(preprocess.mean),
        "image_std": list(preprocess.std),
    }


def _image_processor(folder: Path) -> tuple[Path, dict[str, Any]]:
    """The file that states the preprocessing and what it states."""
    path = folder / PREPROCESS_FILE
    if path.is_file():
        return path, read_json(path)
    path = folder / PROCESSOR_FILE  # where transformers 5 puts it
    values = read_json(path).get("image_processor") if path.is_file() else None
    if not isinstance(values, dict):
        raise UserError(
            f"{folder}: neither {PREPROCESS_FILE} nor {PROCESSOR_FILE} says how images are preprocessed",
            remedy="copy the file from where the weights were published",
        )
    return path, values


def _side(size: Any) -> Any:
    """224, {"shortest_edge": 224} and {"height": 224, "width": 224} are the same."""
    if not isinstance(size, dict):
        return size
    sides = list(size.values())
    return sides[0] if sides and all(side == sides[0] for side in sides) else size
