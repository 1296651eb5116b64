"""Models of other libraries behind `EmbeddingModel`: transformers' SigLIP, anything of open_clip.

Shapes: N images, C texts, D joint embedding.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from clipmodel.architecture.clip import DTYPES, Precision
from clipmodel.checkpoints.tensor_files import read_json
from clipmodel.errors import UserError
from clipmodel.inputs.image_decoding import to_rgb
from clipmodel.loading.embedding_model import weights_hash
from clipmodel.yaml_models import closest


@dataclass(frozen=True, kw_only=True)
class AdaptedModel:
    """A model of another library: its module, and the calls that differ from one to the next."""

    name: str
    module: nn.Module
    embed_dim: int
    device: str
    precision: Precision
    preprocess_id: str
    tokenizer_id: str  # what the texts are split by, for the fingerprint
    transform: Callable[[Image.Image], Tensor]  # an RGB image -> float32 [3, H, W]
    image_features: Callable[[Tensor], Tensor]  # not normalised
    text_features: Callable[[Sequence[str]], Tensor]

    def preprocess(self, image: Image.Image) -> Tensor:
        """A Pillow image -> float32 [3, H, W]."""
        return self.transform(to_rgb(image))

    @torch.inference_mode()
    def encode_image(self, pixels: Tensor) -> Tensor:
        """[N, 3, H, W] preprocessed pixels -> unit-norm [N, D], float32 on the CPU."""
        pixels = pixels.to(device=self.device, dtype=DTYPES[self.precision])
        return F.normalize(self.image_features(pixels).float(), dim=-1).cpu()

    @torch.inference_mode()
    def encode_text(self, texts: Sequence[str]) -> Tensor:
        """C strings -> unit-norm [C, D], float32 on the CPU. Texts that do not fit are truncated."""
        return F.normalize(self.text_features(texts).float(), dim=-1).cpu()

    @property
    def logit_scale(self) -> float:
        """The multiplier on cosine similarities."""
        return float(self.module.get_parameter("logit_scale").detach().float().exp())

    @property
    def logit_bias(self) -> float | None:
        """None where the model was trained with a softmax."""
        bias = getattr(self.module, "logit_bias", None)
        return None if bias is None else float(bias.detach())

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over the name, every weight's name, shape and bytes, and the tokenizer."""
        return weights_hash(self.module.state_dict(), self.name, self.tokenizer_id)


@dataclass(frozen=True, kw_only=True)
class SquarePreprocess:
    """SigLIP's: resized to a square whatever the picture's shape, scaled, normalised."""

    image_size: int  # pixels
    resample: int  # Pillow's number of the filter
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @property
    def identity(self) -> str:
        name = Image.Resampling(self.resample).name.lower()
        return f"pillow-{name}-square-{self.image_size} mean={self.mean} std={self.std}"

    def __call__(self, image: Image.Image) -> Tensor:
        size = (self.image_size, self.image_size)
        pixels = np.array(image.resize(size, Image.Resampling(self.resample)))
        mean, std = (torch.tensor(values).view(3, 1, 1) for values in (self.mean, self.std))
        return (torch.from_numpy(pixels).permute(2, 0, 1).float() / 255 - mean) / std

    @classmethod
    def read(cls, folder: Path) -> SquarePreprocess:
        """From the preprocessor_config.json of a transformers folder."""
        path = folder / "preprocessor_config.json"
        values = read_json(path)
        size = values.get("size") or {}
        if values.get("do_center_crop") or not size.get("height") == size.get("width") is not None:
            raise UserError(f"{path}: expected a square size without a crop", remedy="use a SigLIP model")
        return cls(
            image_size=size["height"],
            resample=values.get("resample", Image.Resampling.BICUBIC),
            mean=tuple(values.get("image_mean", (0.5,) * 3)),
            std=tuple(values.get("image_std", (0.5,) * 3)),
        )


def load_siglip(folder: Path, *, name: str, device: str, precision: Precision) -> AdaptedModel:
    """A SigLIP from a transformers folder.

    Raises
    ------
    UserError
        transformers is not installed, or the folder cannot be read.
    """
    try:
        from transformers import AutoModel, AutoTokenizer
    except ImportError as error:
        raise UserError(f"{folder} needs transformers: {error}", remedy="pip install transformers") from error
    preprocess = SquarePreprocess.read(folder)
    try:
        module = AutoModel.from_pretrained(folder, dtype=DTYPES[precision], local_files_only=True)
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, ImportError, RuntimeError) as error:
        raise UserError(f"{folder}: {error}", remedy="point to a complete SigLIP folder") from error
    module = module.to(device).eval()
    length = module.config.text_config.max_position_embeddings

    def text_features(texts: Sequence[str]) -> Tensor:
        # Padded to the full length without a mask, as it was trained; the last position is the embedding.
        ids = tokenizer(
            list(texts), padding="max_length", truncation=True, max_length=length, return_tensors="pt"
        )
        return _pooled(module.get_text_features(ids["input_ids"].to(device)))

    return AdaptedModel(
        name=name,
        module=module,
        embed_dim=module.config.vision_config.hidden_size,
        device=device,
        precision=precision,
        preprocess_id=preprocess.identity,
        tokenizer_id=json.dumps(sorted(tokenizer.get_vocab().items())),
        transform=preprocess,
        image_features=lambda pixels: _pooled(module.get_image_features(pixels)),
        text_features=text_features,
    )


def _pooled(output: Any) -> Tensor:
    """transformers 5 returns an object where 4 returned the tensor."""
    return output if isinstance(output, Tensor) else output.pooler_output


def load_open_clip(architecture: str, tag: str, *, device: str, precision: Precision) -> AdaptedModel:
    """A model of open_clip with pretrained weights: a published tag or the path of a checkpoint.

    Raises
    ------
    UserError
        open_clip is not installed, does not know the name, cannot get the weights, or they were trained
        with another activation than the architecture has.
    """
    try:
        import open_clip
    except (ImportError, RuntimeError) as error:  # a torchvision of another build raises RuntimeError
        raise UserError(
            f"open_clip cannot be imported: {error}", remedy='pip install "clip-audit[open_clip]"'
        ) from error
    _require_known(open_clip, architecture, tag)
    try:
        module, _, transform = open_clip.create_model_and_transforms(
            architecture, pretrained=tag, precision=precision, device=device
        )
    except (OSError, RuntimeError, ValueError) as error:
        raise UserError(
            f"open_clip:{architecture}/{tag}: {error}", remedy="check the network or the file"
        ) from error
    module.eval()
    tokenizer = open_clip.get_tokenizer(architecture)
    return AdaptedModel(
        name=f"open_clip:{architecture}/{tag}",
        module=module,
        embed_dim=open_clip.get_model_config(architecture)["embed_dim"],
        device=device,
        precision=precision,
        preprocess_id=f"open_clip {json.dumps(module.visual.preprocess_cfg, sort_keys=True)}",
        tokenizer_id=f"open_clip {type(tokenizer).__name__} {tokenizer.context_length}",
        transform=transform,
        image_features=module.encode_image,
        text_features=lambda texts: module.encode_text(tokenizer(list(texts)).to(device)),
    )


def _require_known(open_clip: Any, architecture: str, tag: str) -> None:
    if architecture not in open_clip.list_models():
        known = closest(architecture, open_clip.list_models())
        raise UserError(f"open_clip has no architecture {architecture!r}", remedy=known)
    if Path(tag).is_file():
        return
    tags = open_clip.list_pretrained_tags_by_model(architecture)
    if tag not in tags:
        remedy = closest(tag, tags) if tags else "name the path of a checkpoint"
        raise UserError(f"open_clip has no weights {tag!r} for {architecture}", remedy=remedy)
    trained_with = open_clip.get_pretrained_cfg(architecture, tag).get("quick_gelu", False)
    if trained_with and not open_clip.get_model_config(architecture).get("quick_gelu", False):
        raise UserError(
            f"open_clip:{architecture}/{tag} was trained with quick_gelu, {architecture} has gelu",
            remedy=f"use open_clip:{architecture}-quickgelu/{tag}",
        )
