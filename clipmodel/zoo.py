"""One door to every model: a CLIP with its tokenizer and its preprocessing, ready for inference.

Shapes: N images, C texts, D joint embedding.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import torch
from PIL import Image
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from clipmodel.config import CLIPConfig
from clipmodel.errors import UserError
from clipmodel.model import CLIP
from clipmodel.preprocess import Preprocess
from clipmodel.text import trim_padding
from clipmodel.tokenizer import BPETokenizer

BUNDLED = {"tiny": Path(__file__).parent / "data" / "tiny"}
CONFIG_FILE, WEIGHTS_FILE, TOKENIZER_FILE = "config.json", "model.safetensors", "tokenizer.json"


class EmbeddingModel(Protocol):
    """What an audit needs of a model; a user's own model needs these names and no base class."""

    @property
    def name(self) -> str: ...
    @property
    def embed_dim(self) -> int: ...
    @property
    def fingerprint(self) -> str: ...
    @property
    def preprocess_id(self) -> str: ...
    @property
    def logit_scale(self) -> float: ...
    @property
    def logit_bias(self) -> float | None: ...
    def preprocess(self, image: Image.Image) -> Tensor: ...
    def encode_image(self, pixels: Tensor) -> Tensor: ...
    def encode_text(self, texts: Sequence[str]) -> Tensor: ...


@dataclass(frozen=True)
class LoadedModel:
    """A CLIP behind the protocol of `EmbeddingModel`."""

    name: str
    clip: CLIP
    tokenizer: BPETokenizer
    preprocessor: Preprocess

    def preprocess(self, image: Image.Image) -> Tensor:
        """A Pillow image -> float32 [3, H, W]."""
        return self.preprocessor(image)

    @torch.inference_mode()
    def encode_image(self, pixels: Tensor) -> Tensor:
        """[N, 3, H, W] preprocessed pixels -> unit-norm [N, D], float32 on the CPU."""
        return self.clip.encode_image(pixels.to(self.device)).float().cpu()

    @torch.inference_mode()
    def encode_text(self, texts: Sequence[str]) -> Tensor:
        """C strings -> unit-norm [C, D], float32 on the CPU. Texts that do not fit are truncated."""
        tokens = trim_padding(self.tokenizer(texts, truncate=True))
        return self.clip.encode_text(tokens.to(self.device)).float().cpu()

    @property
    def device(self) -> torch.device:
        return self.clip.log_scale.device

    @property
    def embed_dim(self) -> int:
        return self.clip.config.embed_dim

    @property
    def logit_scale(self) -> float:
        """The multiplier on cosine similarities."""
        return float(self.clip.logit_scale.detach())

    @property
    def logit_bias(self) -> float | None:
        """None: this model is trained with a softmax."""
        return None

    @property
    def preprocess_id(self) -> str:
        return self.preprocessor.identity

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over the configuration, every weight's name, shape and bytes, and the tokenizer."""
        digest = hashlib.sha256(json.dumps(self.clip.config.to_dict(), sort_keys=True).encode())
        for name, tensor in sorted(self.clip.state_dict().items()):
            digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
            digest.update(tensor.detach().cpu().reshape(-1).view(torch.uint8).numpy().tobytes())
        digest.update(self.tokenizer.fingerprint.encode())
        return digest.hexdigest()

    def save(self, folder: Path) -> None:
        """Write config.json, model.safetensors and tokenizer.json; `load_model(folder)` reads them."""
        folder.mkdir(parents=True, exist_ok=True)
        weights = {name: tensor.detach().cpu().contiguous() for name, tensor in self.clip.state_dict().items()}
        save_file(weights, folder / WEIGHTS_FILE)
        self.tokenizer.save(folder / TOKENIZER_FILE)
        (folder / CONFIG_FILE).write_text(json.dumps(self.clip.config.to_dict(), indent=2) + "\n")


def load_model(spec: str | Path, *, device: str = "cpu") -> LoadedModel:
    """Load a model for inference.

    Parameters
    ----------
    spec
        "tiny", the model in the package, or a folder with config.json, model.safetensors and
        tokenizer.json, as training and `LoadedModel.save` write it.
    device
        A torch device.

    Raises
    ------
    UserError
        No such model, a file is missing or damaged, or weights and configuration do not fit.
    """
    folder = BUNDLED.get(str(spec), Path(spec))
    if not folder.is_dir():
        raise UserError(
            f"unknown model {str(spec)!r}",
            remedy=f"use one of {', '.join(BUNDLED)}, or the path of a folder with {CONFIG_FILE} in it",
        )
    for name in (CONFIG_FILE, WEIGHTS_FILE, TOKENIZER_FILE):
        if not (folder / name).is_file():
            raise UserError(f"{folder}: no {name}", remedy="point to a folder that training wrote")
    config = _read_config(folder / CONFIG_FILE)
    tokenizer = BPETokenizer.load(folder / TOKENIZER_FILE, context_length=config.text.context_length)
    if tokenizer.vocab_size != config.text.vocab_size:
        raise UserError(
            f"{folder}: the tokenizer has {tokenizer.vocab_size} tokens, the model {config.text.vocab_size}",
            remedy="use the tokenizer the model was trained with",
        )
    clip = _with_weights(CLIP(config), folder / WEIGHTS_FILE).to(device).eval()
    return LoadedModel(str(spec), clip, tokenizer, Preprocess(image_size=config.vision.image_size))


def _read_config(path: Path) -> CLIPConfig:
    try:
        return CLIPConfig.from_dict(json.loads(path.read_text(encoding="utf-8")))
    except ValueError as error:  # damaged JSON is a ValueError too
        raise UserError(f"{path}: {error}", remedy="restore the file written beside the weights") from error


def _with_weights(clip: CLIP, path: Path) -> CLIP:
    try:
        weights = load_file(path)
        clip.load_state_dict(weights)
    except (SafetensorError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{path}: {reason}", remedy="restore the file, or use its own config.json") from error
    for name, tensor in weights.items():
        if not torch.isfinite(tensor).all():
            raise UserError(f"{path}: {name} holds NaN or infinite values", remedy="use another checkpoint")
    return clip
