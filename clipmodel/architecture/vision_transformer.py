"""Vision transformer tower. Shapes: N images, L = grid^2 + 1 tokens, W width, D joint embedding."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from clipmodel.architecture.transformer import BlockDetails, LayerNorm, Transformer
from clipmodel.config import Activation, ViTConfig


class VisionTransformer(nn.Module):
    """Patches, a class token, pre-norm blocks; the class token is projected (paper, section 2.4)."""

    def __init__(self, config: ViTConfig, embed_dim: int, *, activation: Activation) -> None:
        super().__init__()
        width = config.width
        grid = config.image_size // config.patch_size
        self.stem = _stem(config.stem_channels)
        stride = config.patch_stride
        self.conv1 = nn.Conv2d(
            # Without a stem the patches are cut from the three colour channels.
            (3, *config.stem_channels)[-1],
            width,
            kernel_size=stride,
            stride=stride,
            bias=False,
        )
        self.class_embedding = nn.Parameter(torch.empty(width))
        self.positional_embedding = nn.Parameter(torch.empty(grid * grid + 1, width))
        # Before the blocks: the order of the draws is part of what a recipe and a seed give.
        nn.init.normal_(self.class_embedding, std=width**-0.5)
        nn.init.normal_(self.positional_embedding, std=width**-0.5)
        eps = config.layer_norm_eps
        self.ln_pre = LayerNorm(width, eps=eps) if config.ln_pre else nn.Identity()
        self.transformer = Transformer(
            width,
            config.layers,
            config.heads,
            mlp_width=config.mlp_width,
            details=BlockDetails.of(config, activation),
            causal=False,
        )
        self.ln_post = LayerNorm(width, eps=eps)
        self.proj = nn.Parameter(torch.empty(width, embed_dim))
        nn.init.normal_(self.proj, std=width**-0.5)

    def features(self, pixels: Tensor) -> Tensor:
        """[N, 3, H, W] -> [N, W]: the class token before the projection, as linear probes use it."""
        x = self.conv1(self.stem(pixels.to(self.conv1.weight.dtype)))
        x = x.flatten(2).transpose(1, 2)  # [N, grid^2, W]
        cls = self.class_embedding.to(x.dtype).expand(len(x), 1, -1)
        x = torch.cat([cls, x], dim=1) + self.positional_embedding.to(x.dtype)
        x = self.transformer(self.ln_pre(x))
        # Only the class token is read, so only its row is normed.
        pooled: Tensor = self.ln_post(x[:, 0])
        return pooled

    def forward(self, pixels: Tensor) -> Tensor:
        """[N, 3, H, W] -> [N, D], not normalised."""
        return self.features(pixels) @ self.proj


def _stem(channels: tuple[int, ...]) -> nn.Sequential:
    """3x3 convolutions with stride 2, batch norm, ReLU; without channels the identity."""
    layers: list[nn.Module] = []
    for before, after in zip((3, *channels), channels, strict=False):
        conv = nn.Conv2d(before, after, kernel_size=3, stride=2, padding=1, bias=False)
        layers += [conv, nn.BatchNorm2d(after), nn.ReLU()]
    return nn.Sequential(*layers)
