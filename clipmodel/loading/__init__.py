"""One door to every model: bundled, from a path, of the Hugging Face hub, of open_clip."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from clipmodel.architecture.clip import Precision
from clipmodel.checkpoints.checkpoint import CONFIG_FILE
from clipmodel.checkpoints.read import read_checkpoint
from clipmodel.checkpoints.tensor_files import read_json
from clipmodel.config import Activation
from clipmodel.errors import UserError
from clipmodel.loading.device import usable_device
from clipmodel.loading.embedding_model import EmbeddingModel, LoadedModel
from clipmodel.loading.hugging_face_hub import hub_folder
from clipmodel.loading.siglip import load_open_clip, load_siglip

__all__ = ["BUNDLED", "EmbeddingModel", "LoadedModel", "load_model", "model_path"]

BUNDLED = {"tiny": Path(__file__).parents[1] / "data" / "tiny"}
HUB, OPEN_CLIP = "hf:", "open_clip:"
WHAT_CAN_BE_LOADED = (
    f"use {', '.join(BUNDLED)}; the path of a model folder or a checkpoint; {HUB}NAME, such as "
    f"{HUB}openai/clip-vit-base-patch32; or {OPEN_CLIP}ARCHITECTURE/TAG, such as "
    f"{OPEN_CLIP}ViT-B-32/laion2b_s34b_b79k"
)


def load_model(
    spec: str | Path,
    *,
    device: str = "cpu",
    precision: Precision = "fp32",
    activation: Activation | None = None,
) -> EmbeddingModel:
    """Load a model for inference.

    Parameters
    ----------
    spec
        - "tiny", the model in the package;
        - a path: a folder that training, `LoadedModel.save` or transformers wrote, or a file of OpenAI's or
          open_clip's weights;
        - "hf:NAME", a CLIP or SigLIP of the Hugging Face hub, from the local cache if it is there;
        - "open_clip:ARCHITECTURE/TAG", where the tag may be the path of a checkpoint (an optional extra).
    device
        A torch device.
    precision
        "fp32", "bf16" or "fp16". In half precision our CLIP keeps fp32 where the original does, in
        embeddings, norms and the temperature.
    activation
        For a file that does not say which one the model was trained with; see `read_checkpoint`.

    Raises
    ------
    UserError
        No such model, device or precision; a file is missing, damaged or not to be trusted; weights,
        configuration and tokenizer do not fit; or a library is missing.
    """
    name = str(spec)
    if precision not in get_args(Precision):
        raise UserError(f"unknown precision {precision!r}", remedy=f"use {', '.join(get_args(Precision))}")
    device = usable_device(device)
    if name.startswith(OPEN_CLIP):
        architecture, _, tag = name.removeprefix(OPEN_CLIP).partition("/")
        if not tag:
            raise UserError(f"{name}: expected {OPEN_CLIP}ARCHITECTURE/TAG", remedy=WHAT_CAN_BE_LOADED)
        _refuse_activation(activation, name)
        return load_open_clip(architecture, tag, device=device, precision=precision)
    path = model_path(spec)
    if _is_siglip(path):
        _refuse_activation(activation, name)
        return load_siglip(path, name=name, device=device, precision=precision)
    checkpoint = read_checkpoint(path, activation=activation)
    clip = checkpoint.build(precision).to(device)
    return LoadedModel(name, clip, checkpoint.tokenizer, checkpoint.preprocess)


def model_path(spec: str | Path) -> Path:
    """Where a model's files are: of a bundled model, a path, or "hf:NAME", which is downloaded if need be.

    Raises
    ------
    UserError
        There is no such model.
    """
    name = str(spec)
    if name.startswith(HUB):
        return hub_folder(name.removeprefix(HUB))
    path = BUNDLED.get(name, Path(spec))
    if not path.exists():
        raise UserError(f"unknown model {name!r}", remedy=WHAT_CAN_BE_LOADED)
    return path


def _is_siglip(path: Path) -> bool:
    config = path / CONFIG_FILE
    return config.is_file() and read_json(config).get("model_type") == "siglip"


def _refuse_activation(activation: Activation | None, name: str) -> None:
    if activation is not None:
        raise UserError(f"{name} has its own activation, not {activation}", remedy="leave activation out")
