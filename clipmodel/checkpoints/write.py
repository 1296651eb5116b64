"""Write a checkpoint in any format; what a format cannot hold is an error, never left out."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, get_args

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from clipmodel.checkpoints import Format, Preprocessing, Weights
from clipmodel.checkpoints.checkpoint import (
    CONFIG_FILE,
    PREPROCESS_FILE,
    TOKENIZER_FILE,
    WEIGHTS_FILE,
    Checkpoint,
)
from clipmodel.checkpoints.infer_config import infer_config
from clipmodel.checkpoints.read import read_checkpoint
from clipmodel.checkpoints.state_dicts import OPENAI_NOTE, noted_state_dict
from clipmodel.checkpoints.transformers_config import config_to_transformers, preprocess_to_transformers
from clipmodel.checkpoints.weight_names import TensorSource, from_ours
from clipmodel.config import Activation, CLIPConfig, ResNetConfig, ViTConfig
from clipmodel.errors import UserError
from clipmodel.inputs.preprocess import Preprocess
from clipmodel.inputs.tokenizer import clip_tokenizer


def convert_checkpoint(
    source: Path,
    target: Path,
    *,
    to: Format,
    activation: Activation | None = None,
    preprocess: Preprocessing | None = None,
    weights: Weights | None = None,
) -> Checkpoint:
    """Read any supported format and write another one.

    Raises
    ------
    UserError
        The target exists, the source cannot be read (see `read_checkpoint`), or the format has no place
        for something the model has.
    """
    if to not in get_args(Format):
        raise UserError(f"unknown format {to!r}", remedy=f"use one of {', '.join(get_args(Format))}")
    if target.exists():
        raise UserError(f"{target} exists", remedy="name a new file or folder")
    checkpoint = read_checkpoint(source, activation=activation, preprocess=preprocess, weights=weights)
    write_checkpoint(checkpoint, target, to=to)
    return checkpoint


def write_checkpoint(checkpoint: Checkpoint, path: Path, *, to: Format) -> None:
    """Write a file (openai: .pt; open_clip: .pt, .bin, .safetensors) or a folder (native, transformers).

    Raises
    ------
    UserError
        The format has no place for something the model has, or the path cannot be written.
    """
    write = {
        "native": _write_native,
        "openai": _write_openai,
        "open_clip": _write_open_clip,
        "transformers": _write_transformers,
    }[to]
    try:
        write(checkpoint, path)
    except (OSError, SafetensorError) as error:
        raise UserError(
            f"{path}: {getattr(error, 'strerror', None) or error}", remedy="name a path that can be written"
        ) from error


def _write_native(checkpoint: Checkpoint, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    values = checkpoint.config.to_dict()
    preprocess = asdict(checkpoint.preprocess)
    usual = asdict(Preprocess(image_size=preprocess.pop("image_size")))
    if chosen := {name: value for name, value in preprocess.items() if value != usual[name]}:
        values["preprocess"] = chosen
    _save_tensors(checkpoint.weights, folder / WEIGHTS_FILE)
    checkpoint.tokenizer.save(folder / TOKENIZER_FILE)
    _save_json(values, folder / CONFIG_FILE)


def _write_openai(checkpoint: Checkpoint, path: Path) -> None:
    _require_suffix(path, (".pt",))
    if checkpoint.config.activation != "quick_gelu" or checkpoint.config.logit_bias:
        raise UserError(
            "OpenAI's format has no place for another activation than quick_gelu, nor for a logit bias",
            remedy="use --to open_clip",
        )
    weights = _openai_weights(checkpoint, "OpenAI's format")
    path.parent.mkdir(parents=True, exist_ok=True)
    # Without the sizes that OpenAI's archives repeat: no reader needs them, and open_clip refuses them here.
    torch.save(noted_state_dict(weights, OPENAI_NOTE), path)


def _write_open_clip(checkpoint: Checkpoint, path: Path) -> None:
    _require_suffix(path, (".pt", ".bin", ".safetensors"))
    weights = _openai_weights(checkpoint, "open_clip's format")
    path.parent.mkdir(parents=True, exist_ok=True)
    activation = checkpoint.config.activation
    if path.suffix == ".safetensors":
        _save_tensors(weights, path, activation=activation, preprocess="clip")
    else:
        torch.save({"state_dict": weights, "activation": activation, "preprocess": "clip"}, path)


def _write_transformers(checkpoint: Checkpoint, folder: Path) -> None:
    vision = checkpoint.config.vision
    if not isinstance(vision, ViTConfig) or vision.stem_channels:
        what = "a convolutional stem" if isinstance(vision, ViTConfig) else "a ResNet tower"
        raise UserError(f"transformers' CLIPModel has no place for {what}", remedy="use another --to")
    if not vision.ln_pre:
        raise UserError(
            "transformers' CLIPModel has a layer norm before the blocks", remedy="use another --to"
        )
    weights = from_ours(checkpoint.weights, "transformers")
    folder.mkdir(parents=True, exist_ok=True)
    _save_tensors(weights, folder / WEIGHTS_FILE)
    if not _has_clip_vocabulary(checkpoint):
        checkpoint.tokenizer.save(folder / TOKENIZER_FILE)
    _save_json(preprocess_to_transformers(checkpoint.preprocess), folder / PREPROCESS_FILE)
    _save_json(config_to_transformers(checkpoint.config), folder / CONFIG_FILE)


def _openai_weights(checkpoint: Checkpoint, what: str) -> dict[str, Tensor]:
    """Weights in OpenAI's layout, if a reader that knows nothing but their shapes gets the same model."""
    config = checkpoint.config
    weights = from_ours(checkpoint.weights, "openai")
    # What the reader infers is compared with what the model has: any difference would be lost silently.
    inferred = infer_config(TensorSource.of(weights, where=what), activation=config.activation)
    lost = None
    if isinstance(config.vision, ViTConfig) and config.vision.stem_channels:
        lost = "a convolutional stem"
    elif _details(config) != _details(inferred):
        lost = "another activation in one tower, or another epsilon of its layer norms"
    elif inferred != config:
        lost = f"this number of heads: {config.vision.heads} and {config.text.heads}, not width / 64"
    elif not _has_clip_vocabulary(checkpoint):
        lost = f"a vocabulary of its own ({config.text.vocab_size} tokens)"
    elif replace(checkpoint.preprocess, pipeline="clip_audit") != Preprocess(
        image_size=config.vision.image_size
    ):
        lost = "preprocessing of its own"
    if lost:
        raise UserError(f"{what} has no place for {lost}", remedy="use --to native")
    return weights


def _details(config: CLIPConfig) -> list[object]:
    """What no shape of a weight tells."""
    towers = [tower for tower in (config.vision, config.text) if not isinstance(tower, ResNetConfig)]
    return [(tower.activation or config.activation, tower.layer_norm_eps) for tower in towers]


def _has_clip_vocabulary(checkpoint: Checkpoint) -> bool:
    clip = clip_tokenizer(context_length=checkpoint.tokenizer.context_length)
    return checkpoint.tokenizer.fingerprint == clip.fingerprint


def _require_suffix(path: Path, suffixes: tuple[str, ...]) -> None:
    if path.suffix not in suffixes:
        raise UserError(
            f"{path}: expected a file name that ends with {' or '.join(suffixes)}", remedy="rename it"
        )


def _save_tensors(tensors: dict[str, Tensor], path: Path, **metadata: str) -> None:
    # safetensors refuses views that share memory and tensors that are not contiguous.
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    # transformers refuses a file whose metadata do not name the framework.
    save_file(weights, path, metadata={"format": "pt", **metadata})


def _save_json(values: dict[str, Any], path: Path) -> None:
    path.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
