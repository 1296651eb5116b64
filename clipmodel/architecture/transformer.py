"""The pre-norm transformer both towers are made of. Parameter names are those of OpenAI's files.

Shapes: N sequences, L tokens, D width, H heads.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from clipmodel.config import LAYER_NORM_EPS, Activation, TextConfig, ViTConfig


class LayerNorm(nn.LayerNorm):
    """Layer norm computed in fp32 whatever the input's precision, as in the original."""

    def forward(self, x: Tensor) -> Tensor:
        if x.dtype == self.weight.dtype:
            return super().forward(x)
        # Variances in fp16 overflow from deviations of 256 on.
        return F.layer_norm(x.float(), self.normalized_shape, self.weight, self.bias, self.eps).to(x.dtype)


def quick_gelu(x: Tensor) -> Tensor:
    """x * sigmoid(1.702 x), the activation of OpenAI's weights, through the fused SiLU."""
    return F.silu(1.702 * x) / 1.702


def gelu_tanh(x: Tensor) -> Tensor:
    """GELU by its tanh approximation, as big_vision's models have it."""
    return F.gelu(x, approximate="tanh")


ACTIVATIONS: dict[Activation, Callable[[Tensor], Tensor]] = {
    "quick_gelu": quick_gelu,
    "gelu": F.gelu,
    "gelu_tanh": gelu_tanh,
    "relu": F.relu,
    "silu": F.silu,
}


@dataclass(frozen=True, kw_only=True)
class BlockDetails:
    """What may differ between the blocks of one tower and another's."""

    activation: Activation
    layer_norm_eps: float = LAYER_NORM_EPS
    layer_scale: bool = False

    @classmethod
    def of(cls, tower: ViTConfig | TextConfig, activation: Activation) -> BlockDetails:
        """A tower's own values; its activation is the model's if it names none."""
        return cls(
            activation=tower.activation or activation,
            layer_norm_eps=tower.layer_norm_eps,
            layer_scale=tower.layer_scale,
        )


class LayerScale(nn.Module):
    """A learned gain for each channel; named as in open_clip's files."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.full((width,), 1e-5))  # Touvron et al. 2021 (arXiv 2103.17239)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gamma.to(x.dtype)


class Attention(nn.Module):
    """Multi-head self-attention with one fused input projection."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = nn.Linear(width, width)
        # The defaults of torch's own multi-head attention, which the vision towers keep.
        nn.init.xavier_uniform_(self.in_proj_weight)
        nn.init.zeros_(self.out_proj.bias)

    def forward(self, x: Tensor, *, causal: bool = False) -> Tensor:
        n, length, width = x.shape
        qkv = F.linear(x, self.in_proj_weight, self.in_proj_bias)
        # q, k and v are stacked along the first dimension of the weight, as in torch's multi-head attention.
        q, k, v = qkv.view(n, length, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        # The fused kernels keep no [L, L] matrix for the backward pass.
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
        projected: Tensor = self.out_proj(mixed.transpose(1, 2).reshape(n, length, width))
        return projected


class MLP(nn.Module):
    def __init__(self, width: int, hidden: int, activation: Activation) -> None:
        super().__init__()
        self.c_fc = nn.Linear(width, hidden)
        self.c_proj = nn.Linear(hidden, width)
        self.activation: Callable[[Tensor], Tensor] = ACTIVATIONS[activation]

    def forward(self, x: Tensor) -> Tensor:
        projected: Tensor = self.c_proj(self.activation(self.c_fc(x)))
        return projected


class ResidualAttentionBlock(nn.Module):
    def __init__(self, width: int, heads: int, mlp_width: int, details: BlockDetails) -> None:
        super().__init__()
        self.attn = Attention(width, heads)
        self.ln_1 = LayerNorm(width, eps=details.layer_norm_eps)
        self.mlp = MLP(width, mlp_width, details.activation)
        self.ln_2 = LayerNorm(width, eps=details.layer_norm_eps)
        self.ls_1 = LayerScale(width) if details.layer_scale else nn.Identity()
        self.ls_2 = LayerScale(width) if details.layer_scale else nn.Identity()

    def forward(self, x: Tensor, *, causal: bool = False) -> Tensor:
        # Norm before each half of a block and none after it: the residual stream itself is never normed.
        x = x + self.ls_1(self.attn(self.ln_1(x), causal=causal))
        out: Tensor = x + self.ls_2(self.mlp(self.ln_2(x)))
        return out


class Transformer(nn.Module):
    """A stack of blocks, [N, L, D] -> [N, L, D].

    `gradient_checkpointing` recomputes each block in the backward pass: memory for one block's
    activations instead of all, for about a third more time.
    """

    def __init__(
        self,
        width: int,
        layers: int,
        heads: int,
        *,
        mlp_width: int | None,
        details: BlockDetails,
        causal: bool,
    ) -> None:
        super().__init__()
        self.causal = causal
        self.gradient_checkpointing = False
        self.resblocks = nn.ModuleList(
            ResidualAttentionBlock(width, heads, mlp_width or 4 * width, details) for _ in range(layers)
        )

    def forward(self, x: Tensor) -> Tensor:
        for block in self.resblocks:
            if self.gradient_checkpointing and torch.is_grad_enabled():
                # The reentrant form takes no keyword arguments.
                x = checkpoint(block, x, causal=self.causal, use_reentrant=False)
            else:
                x = block(x, causal=self.causal)
        return x
