"""A model of another library behind `EmbeddingModel`: its module, and the calls that differ.

Shapes: N images, C texts, D joint embedding.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from clipmodel.architecture.clip import DTYPES, Precision
from clipmodel.errors import UserError
from clipmodel.loading.embedding_model import LEAST_BATCH, weights_hash

PROBE_TEXTS = ("a", "two words")


@dataclass(frozen=True, kw_only=True)
class AdaptedModel:
    """A model of another library."""

    name: str
    module: nn.Module
    embed_dim: int
    device: str
    precision: Precision
    preprocess_id: str
    tokenizer_id: str  # what the texts are split by, for the fingerprint
    logit_scale: float  # the multiplier on cosine similarities
    logit_bias: float | None  # None for a model trained with a softmax
    transform: Callable[[Image.Image], Tensor]  # an upright image of any mode -> float32
    image_features: Callable[[Tensor], Tensor]  # not normalised
    text_features: Callable[[Sequence[str]], Tensor]
    any_mode = True  # its transform knows every mode of an image
    note: str = ""  # what a user should know of it, for `model show`

    def preprocess(self, image: Image.Image) -> Tensor:
        """A Pillow image -> float32, the same shape for all: [3, H, W], or what the library packs."""
        return self.transform(image)

    @torch.inference_mode()
    def encode_image(self, pixels: Tensor) -> Tensor:
        """[N, ...] preprocessed pixels -> unit-norm [N, D], float32 on the CPU."""
        n = len(pixels)
        if 0 < n < LEAST_BATCH:  # as for our own model: the bits do not depend on the batch
            pixels = torch.cat([pixels, pixels[:1].expand(LEAST_BATCH - n, *pixels.shape[1:])])
        features = self.image_features(pixels.to(device=self.device))[:n]
        return F.normalize(features.float(), dim=-1).cpu()

    @torch.inference_mode()
    def encode_text(self, texts: Sequence[str]) -> Tensor:
        """C strings -> unit-norm [C, D], float32 on the CPU. Texts that do not fit are truncated."""
        if not texts:
            return torch.zeros(0, self.embed_dim)
        return F.normalize(self.text_features(texts).float(), dim=-1).cpu()

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over every weight's name, shape and bytes, the temperature and the tokenizer."""
        before = f"{type(self.module).__name__} {self.logit_scale!r} {self.logit_bias!r} {self.precision}"
        return weights_hash(self.module.state_dict(), before, self.tokenizer_id)


def dtype_of(precision: Precision) -> torch.dtype:
    """The precision's type, for pixels."""
    return DTYPES[precision]


def scalar(value: Any, *, where: str, what: str) -> float:
    """The one finite number in a tensor of any shape, or in a number.

    Raises
    ------
    UserError
        There are several, or it is NaN or infinite.
    """
    tensor = torch.as_tensor(value).detach().float()
    if tensor.numel() != 1:
        raise UserError(
            f"{where}: {what} has shape {tuple(tensor.shape)}, expected one number",
            remedy="use weights with one temperature",
        )
    number = float(tensor)
    if not math.isfinite(number):
        raise UserError(f"{where}: {what} is {number}", remedy="use other weights")
    return number


def multiplier(value: float, *, where: str) -> float:
    """The multiplier on cosine similarities, if it is one.

    Raises
    ------
    UserError
        It is not a number above 0.
    """
    if not (math.isfinite(value) and value > 0):
        raise UserError(
            f"{where}: the logit scale is {value}, expected a number above 0", remedy="use other weights"
        )
    return value


def probed_dim(
    transform: Callable[[Image.Image], Tensor],
    image_features: Callable[[Tensor], Tensor],
    text_features: Callable[[Sequence[str]], Tensor],
    *,
    where: str,
) -> int:
    """The size of the joint embedding, from one grey image and two texts through both towers.

    Raises
    ------
    UserError
        The towers do not give one finite vector of the same size for each image and text.
    """
    with torch.inference_mode():
        # Neither square nor of a size that the tower expects: the library's own transform has to do its work.
        images = image_features(transform(Image.new("RGB", (48, 32), "grey"))[None])
        # Two texts of unequal length, which have to be padded to one.
        texts = text_features(list(PROBE_TEXTS))
    for found, count, what in ((images, 1, "image"), (texts, len(PROBE_TEXTS), "text")):
        if not isinstance(found, Tensor) or found.ndim != 2 or len(found) != count:
            shape = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
            raise UserError(
                f"{where}: its {what} tower gives {shape}, not one vector for each {what}",
                remedy="use a dual encoder, such as CLIP or SigLIP, or a factory, module:factory",
            )
        if not torch.isfinite(found.float()).all():
            raise UserError(
                f"{where}: its {what} tower gives NaN or infinite values", remedy="use other weights"
            )
    if images.shape[1] != texts.shape[1]:
        raise UserError(
            f"{where}: images have {images.shape[1]} dimensions, texts {texts.shape[1]}",
            remedy="use a model whose towers share a space",
        )
    return int(images.shape[1])
