"""One function for every model: bundled, from a path, of the Hugging Face hub, of open_clip, of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from clipmodel.architecture.clip import Precision
from clipmodel.checkpoints import NotClipError, Preprocessing, Weights
from clipmodel.checkpoints.checkpoint import CONFIG_FILE
from clipmodel.checkpoints.open_clip_config import OPEN_CLIP_CONFIG_FILE
from clipmodel.checkpoints.read import read_checkpoint
from clipmodel.checkpoints.tensor_files import read_json
from clipmodel.config import Activation
from clipmodel.errors import UserError
from clipmodel.loading.device import usable_device
from clipmodel.loading.embedding_model import EmbeddingModel, LoadedModel
from clipmodel.loading.hugging_face_hub import hub_folder
from clipmodel.loading.open_clip import (
    FOLDER,
    load_folder_by_library,
    load_open_clip,
    load_open_clip_folder,
)
from clipmodel.loading.open_clip import PREFIX as OPEN_CLIP
from clipmodel.loading.own_factory import is_factory, load_own_model
from clipmodel.loading.sentence_transformers import clip_folder
from clipmodel.loading.transformers_model import load_transformers

__all__ = ["BUNDLED", "EmbeddingModel", "LoadedModel", "load_model", "model_path"]

BUNDLED = {"tiny": Path(__file__).parents[1] / "data" / "tiny"}
HUB, OPEN_CLIP_HUB = "hf:", "hf-hub:"
WHAT_CAN_BE_LOADED = (
    f"use {', '.join(BUNDLED)}; the path of a model folder or a checkpoint; {HUB}NAME, such as "
    f"{HUB}openai/clip-vit-base-patch32; {OPEN_CLIP}ARCHITECTURE/TAG, such as "
    f"{OPEN_CLIP}ViT-B-32/laion2b_s34b_b79k; {FOLDER}FOLDER of open_clip; or MODULE:FACTORY of your own"
)


def load_model(
    spec: str | Path,
    *,
    device: str = "cpu",
    precision: Precision = "fp32",
    activation: Activation | None = None,
    preprocess: Preprocessing | None = None,
    weights: Weights | None = None,
) -> EmbeddingModel:
    """Load a model for inference. Every command finds its models through this function.

    Parameters
    ----------
    spec
        - "tiny", the model in the package;
        - a path: a folder that training, `LoadedModel.save`, transformers, open_clip or sentence-transformers
          wrote, or a file of OpenAI's or open_clip's weights;
        - "hf:NAME" (or open_clip's "hf-hub:NAME"), a folder of the Hugging Face hub, from the local cache if
          it is there;
        - "open_clip:ARCHITECTURE/TAG", or /PATH, or /TAG@PATH: weights in a file, preprocessing of the tag;
        - "local-dir:FOLDER", a folder with open_clip_config.json, by open_clip's own code;
        - "module:factory", a function of one's own that makes an `EmbeddingModel`.
    device
        A torch device.
    precision
        "fp32", "bf16" or "fp16". In half precision our CLIP keeps fp32 where the original does, in
        embeddings, norms and the temperature.
    activation, preprocess, weights
        For a file that does not say which activation and preprocessing the model was trained with, or holds
        EMA weights beside the plain ones; see `read_checkpoint`.

    Returns
    -------
    EmbeddingModel
        In evaluation mode, on the device.

    Raises
    ------
    UserError
        No such model, device or precision; a file is missing, damaged or not to be trusted; weights,
        configuration and tokenizer do not fit; or a library is missing.

    Examples
    --------
    >>> model = load_model("tiny")
    >>> texts = model.encode_text(["a judge", "a baker"])
    >>> texts.shape[1] == model.embed_dim, bool(abs(texts.norm(dim=1) - 1).max() < 1e-5)
    (True, True)
    """
    name = str(spec)
    if not name.strip():
        raise UserError(
            "the name of the model is empty", remedy="name one, such as tiny; a variable may be unset"
        )
    if precision not in get_args(Precision):
        raise UserError(f"unknown precision {precision!r}", remedy=f"use {', '.join(get_args(Precision))}")
    device = usable_device(device)
    told: dict[str, str | None] = {"activation": activation, "preprocess": preprocess, "weights": weights}
    # The prefixes come before MODULE:FACTORY, which has a colon too.
    if name.startswith(OPEN_CLIP):
        _refuse_told(told, name)
        return load_open_clip(name.removeprefix(OPEN_CLIP), device=device, precision=precision)
    if name.startswith(FOLDER):
        _refuse_told(told, name)
        folder = Path(name.removeprefix(FOLDER))
        return load_open_clip_folder(folder, name=name, device=device, precision=precision)
    if _names_factory(name):
        _refuse_told(told, name)
        return load_own_model(name, device=device)
    path = model_path(spec)
    if path.is_dir() and not _is_ours(path):
        _refuse_told(told, name)
        return load_transformers(path, name=name, device=device, precision=precision)
    try:
        checkpoint = read_checkpoint(path, activation=activation, preprocess=preprocess, weights=weights)
    except NotClipError as refusal:
        _refuse_told(told, name)
        if (path / OPEN_CLIP_CONFIG_FILE).is_file():
            return load_folder_by_library(path, refusal, name=name, device=device, precision=precision)
        return load_transformers(path, name=name, device=device, precision=precision)
    clip = checkpoint.build(precision).to(device)
    return LoadedModel(name, clip, checkpoint.tokenizer, checkpoint.preprocess)


def model_path(spec: str | Path) -> Path:
    """Where a model's files are: of a bundled model, a path, or "hf:NAME", which is downloaded if need be.

    Parameters
    ----------
    spec
        As for `load_model`.

    Raises
    ------
    UserError
        There is no such model.
    """
    name = str(spec)
    for prefix in (HUB, OPEN_CLIP_HUB):
        if name.startswith(prefix):
            return clip_folder(hub_folder(name.removeprefix(prefix)))
    path = BUNDLED.get(name, Path(name.removeprefix(FOLDER)))
    if not path.exists():
        raise UserError(f"unknown model {name!r}", remedy=WHAT_CAN_BE_LOADED)
    return clip_folder(path) if path.is_dir() else path


def _names_factory(name: str) -> bool:
    known = (HUB, OPEN_CLIP, OPEN_CLIP_HUB, FOLDER)
    return is_factory(name) and not name.startswith(known)


def _is_ours(folder: Path) -> bool:
    """Whether our own reader takes the folder: native, transformers' CLIP, or open_clip's."""
    config = folder / CONFIG_FILE
    if not config.is_file():
        return True
    # The native configuration has no model_type.
    kind = read_json(config).get("model_type")
    return kind in (None, "clip") or (folder / OPEN_CLIP_CONFIG_FILE).is_file()


def _refuse_told(told: dict[str, str | None], name: str) -> None:
    for key, value in told.items():
        if value is not None:
            raise UserError(f"{name} has its own {key}, not {value}", remedy=f"leave {key} out")
