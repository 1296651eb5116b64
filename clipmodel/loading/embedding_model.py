"""What an audit needs of a model, and CLIP behind it.

Shapes: N images, C texts, D joint embedding.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import torch
from PIL import Image
from torch import Tensor, nn

from clipmodel.architecture.clip import CLIP
from clipmodel.architecture.text_transformer import trim_padding
from clipmodel.checkpoints.checkpoint import Checkpoint
from clipmodel.checkpoints.write import write_checkpoint
from clipmodel.config import ViTConfig
from clipmodel.inputs.preprocess import Preprocess
from clipmodel.inputs.tokenizer import BPETokenizer

CACHED_BYTES = 10 << 20  # of the widest activations of a block
LEAST_BATCH = 16  # images from which on oneDNN and MKL compute every row of a product in one order


class EmbeddingModel(Protocol):
    """What an audit needs of a model; a user's own needs these names and no base class.

    Examples
    --------
    A model that compares colours, complete; examples/own_model.py audits one like it.

    >>> class ColourModel:
    ...     name, embed_dim = "colour words", 3
    ...     fingerprint = "colour words, version 1"  # another one for other weights: embeddings are cached
    ...     preprocess_id = "mean colour, 8 bits"  # another one for other pixels
    ...     logit_scale, logit_bias = 100.0, None  # a bias makes it a sigmoid model
    ...     words = {"red": [1.0, 0.0, 0.0], "green": [0.0, 1.0, 0.0], "blue": [0.0, 0.0, 1.0]}
    ...
    ...     def preprocess(self, image):
    ...         pixel = image.convert("RGB").resize((1, 1))
    ...         return torch.tensor(pixel.getpixel((0, 0))).view(3, 1, 1) / 255
    ...
    ...     def encode_image(self, pixels):
    ...         return torch.nn.functional.normalize(pixels.mean(dim=(2, 3)) + 1e-3, dim=-1)
    ...
    ...     def encode_text(self, texts):
    ...         found = [[self.words[w] for w in text.split() if w in self.words] for text in texts]
    ...         sums = torch.tensor([[sum(c) + 1e-3 for c in zip(*(f or [[0, 0, 0]]))] for f in found])
    ...         return torch.nn.functional.normalize(sums, dim=-1)
    """

    @property
    def name(self) -> str: ...
    @property
    def embed_dim(self) -> int: ...

    @property
    def fingerprint(self) -> str:
        """A hash of weights, configuration and tokenizer: embeddings are stored under it."""

    @property
    def preprocess_id(self) -> str:
        """What is done to an image before the image tower, as one line; part of the same key."""

    @property
    def logit_scale(self) -> float:
        """The multiplier on cosine similarities."""

    @property
    def logit_bias(self) -> float | None:
        """Added to the scaled similarities of a model trained with the sigmoid loss; None for a softmax."""

    def preprocess(self, image: Image.Image) -> Tensor:
        """An upright Pillow image -> float32 of one shape for all images, such as [3, H, W].

        The image is RGB, unless the model has an attribute `any_mode` that is true: then it keeps the mode of
        its file, and the model converts it as its weights were trained (`inputs.preprocess.PIPELINES`).
        """

    def encode_image(self, pixels: Tensor) -> Tensor:
        """[N, 3, H, W] preprocessed pixels -> unit-norm [N, D], float32 on the CPU, without gradients."""

    def encode_text(self, texts: Sequence[str]) -> Tensor:
        """C strings -> unit-norm [C, D], float32 on the CPU, without gradients."""


def takes_any_mode(model: EmbeddingModel) -> bool:
    """Whether `model.preprocess` takes an image in the mode of its file; otherwise it is made RGB before."""
    return bool(getattr(model, "any_mode", False))


def device_of(model: EmbeddingModel) -> torch.device:
    """Where the image tower computes; a model of one's own that does not tell is on the CPU."""
    return torch.device(getattr(model, "device", "cpu"))


@dataclass(frozen=True)
class LoadedModel:
    """A CLIP behind the protocol of `EmbeddingModel`.

    Parameters
    ----------
    name
        What reports call it.
    clip, tokenizer, preprocess
        The network, and how texts and images become its inputs.

    Notes
    -----
    The fingerprint is over the weights, the tokenizer and the preprocessing, and is kept once it was asked
    for: make another object for a model whose weights have changed.
    """

    name: str
    clip: CLIP
    tokenizer: BPETokenizer
    preprocessor: Preprocess
    any_mode = True  # its preprocessing knows every mode of an image

    def preprocess(self, image: Image.Image) -> Tensor:
        """A Pillow image -> float32 [3, H, W]."""
        return self.preprocessor(image)

    @torch.inference_mode()
    def encode_image(self, pixels: Tensor) -> Tensor:
        """[N, 3, H, W] preprocessed pixels -> unit-norm [N, D], float32 on the CPU.

        On a CPU the bits of an embedding do not depend on the images it is computed with, nor on the number
        of threads: small batches, which the matrix libraries compute in another order, are filled up.
        """
        step = images_at_once(self.clip) if self.device.type == "cpu" else len(pixels)
        if len(pixels) > step:
            return torch.cat([self._encode(part) for part in torch.split(pixels, step)])
        return self._encode(pixels)

    def _encode(self, pixels: Tensor) -> Tensor:
        n = len(pixels)
        if 0 < n < LEAST_BATCH:
            pixels = torch.cat([pixels, pixels[:1].expand(LEAST_BATCH - n, *pixels.shape[1:])])
        return self.clip.encode_image(pixels.to(self.device, non_blocking=True))[:n].float().cpu()

    @torch.inference_mode()
    def encode_text(self, texts: Sequence[str]) -> Tensor:
        """C strings -> unit-norm [C, D], float32 on the CPU. Texts that do not fit are truncated."""
        # Truncated, not refused: a suite of long prompts should run on every model, as in the original with
        # truncate=True.
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
        """The bias of a model trained with a sigmoid loss; None of one trained with a softmax."""
        bias = self.clip.logit_bias
        return None if bias is None else float(bias.detach())

    @property
    def preprocess_id(self) -> str:
        return self.preprocessor.identity

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over the configuration, every weight's name, shape and bytes, and the tokenizer."""
        config = json.dumps(self.clip.config.to_dict(), sort_keys=True)
        return weights_hash(self.clip.state_dict(), config, self.tokenizer.fingerprint)

    def save(self, folder: Path) -> None:
        """Write config.json, model.safetensors and tokenizer.json; `load_model(folder)` reads them."""
        checkpoint = Checkpoint(
            format="native",
            config=self.clip.config,
            weights=self.clip.state_dict(),
            tokenizer=self.tokenizer,
            preprocess=self.preprocessor,
        )
        write_checkpoint(checkpoint, folder, to="native")


def images_at_once(clip: CLIP) -> int:
    """Images that a CPU computes at a time, so that the next step of a block finds in a cache what one wrote.

    Of a ViT-B/32, 16: a batch of 64 takes 6 % less time in four parts, and gives the same bits. A small model
    takes its batches whole, and so does one of 8 bits, whose scales depend on the batch.
    """
    vision = clip.config.vision
    if not isinstance(vision, ViTConfig) or not any(isinstance(m, nn.Linear) for m in clip.visual.modules()):
        return sys.maxsize
    tokens = (vision.image_size // vision.patch_size) ** 2 + 1
    hidden = 4 * tokens * (vision.mlp_width or 4 * vision.width)
    return max(1, CACHED_BYTES // hidden // LEAST_BATCH) * LEAST_BATCH


def weights_hash(weights: Mapping[str, Tensor], before: str, after: str) -> str:
    """SHA-256 over a text, every weight's name, shape, type and bytes, and another text."""
    digest = hashlib.sha256(before.encode())
    # Sorted: the order in a state dict is that of construction, which says nothing of the weights.
    for name, tensor in sorted(weights.items()):
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        # Viewed as bytes: NumPy has no bfloat16.
        digest.update(tensor.detach().cpu().reshape(-1).view(torch.uint8).numpy().data)
    digest.update(after.encode())
    return digest.hexdigest()
