"""CLIP: an image tower, a text tower, and the temperature that ties them.

Shapes: N images, C texts, L tokens, D joint embedding.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clipmodel.config import CLIPConfig, ViTConfig
from clipmodel.text import TextTransformer
from clipmodel.vit import VisionTransformer

INITIAL_LOG_SCALE = math.log(1 / 0.07)  # paper, section 2.5
MAX_LOG_SCALE = math.log(100)  # the paper keeps the multiplier at most 100


class CLIP(nn.Module):
    """The trainable model. `clipmodel.zoo.load_model` wraps it with its tokenizer and preprocessing."""

    def __init__(self, config: CLIPConfig) -> None:
        super().__init__()
        if not isinstance(config.vision, ViTConfig):
            raise ValueError("only vision transformers can be built yet; config.vision is a ResNet")
        self.config = config
        self.visual = VisionTransformer(config.vision, config.embed_dim, activation=config.activation)
        self.text = TextTransformer(config.text, config.embed_dim, activation=config.activation)
        self.log_scale = nn.Parameter(torch.tensor(INITIAL_LOG_SCALE))

    @property
    def logit_scale(self) -> Tensor:
        """The multiplier on cosine similarities, exp of the learned parameter."""
        return self.log_scale.exp()

    def encode_image(self, pixels: Tensor) -> Tensor:
        """[N, 3, H, W] preprocessed pixels -> unit-norm [N, D]."""
        return F.normalize(self.visual(pixels), dim=-1)

    def encode_text(self, tokens: Tensor) -> Tensor:
        """[C, L] token ids -> unit-norm [C, D]."""
        return F.normalize(self.text(tokens), dim=-1)

    @torch.no_grad()
    def clamp_logit_scale(self) -> None:
        """Keep the multiplier in [1, 100]; called after each optimiser step (paper, section 2.5)."""
        self.log_scale.clamp_(0, MAX_LOG_SCALE)
