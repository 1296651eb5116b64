"""CLIP: an image tower, a text tower, and the temperature that ties them.

Shapes: N images, C texts, L tokens, D joint embedding.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from clipmodel.architecture.modified_resnet import ModifiedResNet
from clipmodel.architecture.text_transformer import TextTransformer
from clipmodel.architecture.transformer import Attention
from clipmodel.architecture.vision_transformer import VisionTransformer
from clipmodel.config import MAX_LOGIT_SCALE, CLIPConfig, ViTConfig

INITIAL_LOG_SCALE = math.log(1 / 0.07)  # paper, section 2.5
INITIAL_LOGIT_BIAS = -10.0  # Zhai et al. 2023 (arXiv 2303.15343), section 3.2

Precision = Literal["fp32", "bf16", "fp16"]
DTYPES: dict[Precision, torch.dtype] = {
    "fp32": torch.float32,
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
}


class _NoInitialization(TorchFunctionMode):
    """Passes over torch.nn.init, which on the meta device only imports torch's compiler, for a second."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        if getattr(func, "__module__", None) == "torch.nn.init":
            return None
        return func(*args, **(kwargs or {}))


class CLIP(nn.Module):
    """The trainable model. `clipmodel.loading.load_model` wraps it with its tokenizer and preprocessing."""

    def __init__(self, config: CLIPConfig) -> None:
        super().__init__()
        self.config = config
        if isinstance(config.vision, ViTConfig):
            self.visual: VisionTransformer | ModifiedResNet = VisionTransformer(
                config.vision, config.embed_dim, activation=config.activation
            )
        else:
            self.visual = ModifiedResNet(config.vision, config.embed_dim)
        self.text = TextTransformer(config.text, config.embed_dim, activation=config.activation)
        self.log_scale = nn.Parameter(torch.tensor(INITIAL_LOG_SCALE))
        self.logit_bias: nn.Parameter | None = None
        if config.logit_bias:
            self.logit_bias = nn.Parameter(torch.tensor(INITIAL_LOGIT_BIAS))

    @classmethod
    def without_weights(cls, config: CLIPConfig) -> CLIP:
        """The model on torch's meta device: names and shapes, no memory, for weights that exist already."""
        with torch.device("meta"), _NoInitialization():
            return cls(config)

    @property
    def logit_scale(self) -> Tensor:
        """The multiplier on cosine similarities, exp of the learned parameter."""
        # The optimiser sees the logarithm: the multiplier stays above 0, and a step changes it by a factor.
        return self.log_scale.exp()

    def encode_image(self, pixels: Tensor) -> Tensor:
        """[N, 3, H, W] preprocessed pixels -> unit-norm [N, D]."""
        # In fp32: a sum of squares over D values loses digits in half precision.
        return F.normalize(self.visual(pixels).float(), dim=-1)

    def encode_text(self, tokens: Tensor) -> Tensor:
        """[C, L] token ids -> unit-norm [C, D]."""
        return F.normalize(self.text(tokens).float(), dim=-1)

    def set_precision(self, precision: Precision) -> None:
        """Convert for inference as the original does, in place.

        Convolutions, linear layers, attention and the two projections change; embeddings, layer and
        batch norms and the temperature stay fp32, and so do the embeddings handed out.
        """
        dtype = DTYPES[precision]
        # First back to fp32: what is not converted below must be fp32 whatever an earlier call left.
        self.float()
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                module.to(dtype)
            elif isinstance(module, Attention):
                # `.data` keeps the parameter object, which an optimiser or a tied module may hold.
                module.in_proj_weight.data = module.in_proj_weight.data.to(dtype)
                module.in_proj_bias.data = module.in_proj_bias.data.to(dtype)
        self.text.text_projection.data = self.text.text_projection.data.to(dtype)
        if isinstance(self.visual, VisionTransformer):
            self.visual.proj.data = self.visual.proj.data.to(dtype)

    def set_gradient_checkpointing(self, enabled: bool) -> None:
        """Recompute blocks in the backward pass instead of keeping their activations, in both towers."""
        self.text.transformer.gradient_checkpointing = enabled
        if isinstance(self.visual, VisionTransformer):
            self.visual.transformer.gradient_checkpointing = enabled
        else:
            self.visual.gradient_checkpointing = enabled

    @torch.no_grad()
    def clamp_logit_scale(self, maximum: float = MAX_LOGIT_SCALE) -> None:
        """Keep the multiplier in [1, maximum]; called after each optimiser step (paper, section 2.5)."""
        # The lower bound, a multiplier of 1, follows published training code; the paper states only the upper
        # one.
        self.log_scale.clamp_(0, math.log(maximum))
