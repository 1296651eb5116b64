"""A model whose image tower computes with fewer bits, compiled, or on JPEG files decoded at a smaller scale.

The text tower stays exact. The image tower takes nearly all the time of an audit, the texts none; so only it
is reduced. Its fingerprint
tells it from the exact model: their embeddings are never mixed.
"""

from __future__ import annotations

import copy
import hashlib
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

import torch
from PIL import Image
from torch import Tensor, nn

from clipmodel.errors import UserError
from clipmodel.loading import load_model
from clipmodel.loading.embedding_model import EmbeddingModel, LoadedModel, device_of, takes_any_mode

ImagePrecision = Literal["fp32", "bf16", "fp16", "int8"]


@dataclass(frozen=True)
class ReducedModel:
    """The protocol of `EmbeddingModel`: texts by the exact model, images by the reduced one.

    Attributes
    ----------
    exact
        The model in fp32.
    images
        The same model with another image tower.
    reduction
        What was done to it, such as "bf16", "int8 compiled" or "fp32 scaled".
    least_side
        Pixels of the shorter side that a JPEG file is decoded to at least; None: files are decoded whole.
    """

    exact: EmbeddingModel
    images: EmbeddingModel
    reduction: str
    least_side: int | None = None

    @cached_property
    def fingerprint(self) -> str:
        """A hash of the exact weights' fingerprint and the reduction."""
        return hashlib.sha256(f"{self.exact.fingerprint} images in {self.reduction}".encode()).hexdigest()

    @property
    def name(self) -> str:
        return self.exact.name

    @property
    def embed_dim(self) -> int:
        return self.exact.embed_dim

    @property
    def preprocess_id(self) -> str:
        return self.exact.preprocess_id

    @property
    def any_mode(self) -> bool:
        """As the exact model's."""
        return takes_any_mode(self.exact)

    @property
    def device(self) -> torch.device:
        """The device of the reduced tower."""
        return device_of(self.images)

    @property
    def logit_scale(self) -> float:
        """The multiplier on cosine similarities."""
        return self.exact.logit_scale

    @property
    def logit_bias(self) -> float | None:
        """The bias of the exact model."""
        return self.exact.logit_bias

    def preprocess(self, image: Image.Image) -> Tensor:
        """A Pillow image -> float32 [3, H, W]."""
        return self.exact.preprocess(image)

    def encode_image(self, pixels: Tensor) -> Tensor:
        """[N, 3, H, W] preprocessed pixels -> unit-norm [N, D], float32 on the CPU."""
        return self.images.encode_image(pixels)

    def encode_text(self, texts: Sequence[str]) -> Tensor:
        """C strings -> unit-norm [C, D], by the exact text tower."""
        # Texts are few and every image is compared with them, so they stay exact.
        return self.exact.encode_text(texts)


def load_reduced(
    spec: str | Path,
    *,
    device: str = "cpu",
    precision: ImagePrecision = "fp32",
    compiled: bool = False,
    scaled: bool = False,
) -> EmbeddingModel:
    """Load a model with a reduced image tower; the exact model if nothing is to be reduced.

    Parameters
    ----------
    spec, device
        As for `load_model`.
    precision
        "fp32"; "bf16" or "fp16", as `load_model` has them; "int8": weights and activations of the linear
        layers of the transformer in 8 bits, quantised as they come (on a CPU only).
    compiled
        Compile the image tower with torch.compile when the first batch comes, which takes minutes; worth it
        for many batches of one size.
    scaled
        Decode JPEG files at the smallest of 1/2, 1/4 and 1/8 of their size that is no smaller than the
        model's input; for images of at least twice its side.

    Raises
    ------
    UserError
        As `load_model`; or the model or device has no such form.
    """
    exact = load_model(spec, device=device)
    if precision == "fp32" and not compiled and not scaled:
        return exact
    side = _side_before_crop(exact) if scaled else None
    if precision == "int8":
        images: EmbeddingModel = _quantised(exact, device)
    else:
        images = exact if precision == "fp32" else load_model(spec, device=device, precision=precision)
    if compiled:
        # Batches of an audit have one size, but for the last: code for any size would be slower.
        images = _with_tower(images, lambda tower: torch.compile(tower, dynamic=False))
    return ReducedModel(exact, images, reduction_name(precision, compiled=compiled, scaled=scaled), side)


def reduction_name(precision: str, *, compiled: bool = False, scaled: bool = False) -> str:
    """What a reduction is called, in fingerprints and messages."""
    return " ".join([precision, *(["compiled"] if compiled else []), *(["scaled"] if scaled else [])])


def _side_before_crop(model: EmbeddingModel) -> int:
    """The side in pixels that the model resizes an image to."""
    if not isinstance(model, LoadedModel):
        raise UserError(
            f"{model.name}: scaled decoding is for CLIP models of this package",
            remedy="use --decode whole, or convert the model with clip-audit model convert",
        )
    return model.preprocessor.resize_size or model.preprocessor.image_size


def _quantised(model: EmbeddingModel, device: str) -> EmbeddingModel:
    if device != "cpu":
        raise UserError(f"int8 runs on a CPU, not on {device}", remedy="use --precision bf16 there")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch announces that this will move to another package
        from torch.ao.quantization import quantize_dynamic

        quantise: Callable[..., nn.Module] = quantize_dynamic  # has no types
        return _with_tower(model, lambda tower: quantise(tower, {nn.Linear}, dtype=torch.qint8))


def _with_tower(model: EmbeddingModel, change: object) -> EmbeddingModel:
    """The model with a changed copy of its image tower."""
    if not isinstance(model, LoadedModel):
        raise UserError(
            f"{model.name}: int8 and --compile are for CLIP models of this package",
            remedy="use --precision bf16, or convert the model with clip-audit model convert",
        )
    assert callable(change)
    # Shallow: the text tower and the weights that are not changed stay shared with the exact model.
    clip = copy.copy(model.clip)
    clip._modules = dict(model.clip._modules)
    clip._modules["visual"] = change(model.clip.visual)
    return replace(model, clip=clip)
