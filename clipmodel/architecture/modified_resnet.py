"""Modified ResNet tower (paper, section 2.4). Parameter names are those of OpenAI's files.

Shapes: N images, C channels, H x W feature map, L = H * W + 1 tokens of the pooling,
E width of a head, D joint embedding.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from clipmodel.architecture.batch_norm_folding import FoldingConv2d
from clipmodel.config import ResNetConfig

EXPANSION = 4  # channels a bottleneck puts out, over those inside it


def _conv(channels_in: int, channels_out: int, size: int, *, stride: int = 1) -> FoldingConv2d:
    return FoldingConv2d(channels_in, channels_out, size, stride=stride, padding=size // 2, bias=False)


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1 convolutions; a stride is an average pool before the last one, on both branches."""

    def __init__(self, channels_in: int, channels: int, *, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = _conv(channels_in, channels, 1), nn.BatchNorm2d(channels)
        self.conv2, self.bn2 = _conv(channels, channels, 3), nn.BatchNorm2d(channels)
        # A stride of the 3x3 convolution would skip positions; pooling before the last convolution is the
        # anti-aliased form (Zhang 2019, arXiv 1904.11486), as the paper has it.
        self.avgpool = nn.AvgPool2d(stride) if stride > 1 else nn.Identity()
        channels_out = channels * EXPANSION
        self.conv3, self.bn3 = _conv(channels, channels_out, 1), nn.BatchNorm2d(channels_out)
        nn.init.zeros_(self.bn3.weight)  # a new block is the identity
        self.downsample: nn.Sequential | None = None
        if stride > 1 or channels_in != channels_out:
            # The names of OpenAI's files: a pool has no weights, so the convolution is `downsample.0`.
            parts = [
                ("-1", nn.AvgPool2d(stride)),
                ("0", _conv(channels_in, channels_out, 1)),
                ("1", nn.BatchNorm2d(channels_out)),
            ]
            self.downsample = nn.Sequential(OrderedDict(parts))

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.conv1.normalized(self.bn1, x), inplace=True)
        out = F.relu(self.conv2.normalized(self.bn2, out), inplace=True)
        out = self.conv3.normalized(self.bn3, self.avgpool(out))
        if self.downsample is not None:
            pool, conv, norm = self.downsample
            assert isinstance(conv, FoldingConv2d) and isinstance(norm, nn.BatchNorm2d)
            x = conv.normalized(norm, pool(x))
        return F.relu(out.add_(x), inplace=True)  # no new memory, whose pages cost more than the sum


class AttentionPool(nn.Module):
    """One query, the mean of the feature map, attends over the mean and every position."""

    def __init__(self, grid: int, width: int, heads: int, embed_dim: int) -> None:
        super().__init__()
        self.heads = heads
        self.positional_embedding = nn.Parameter(torch.empty(grid * grid + 1, width))
        nn.init.normal_(self.positional_embedding, std=width**-0.5)
        self.k_proj = nn.Linear(width, width)
        self.q_proj = nn.Linear(width, width)
        self.v_proj = nn.Linear(width, width)
        self.c_proj = nn.Linear(width, embed_dim)
        for projection in (self.q_proj, self.k_proj, self.v_proj, self.c_proj):
            nn.init.normal_(projection.weight, std=width**-0.5)

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] -> [N, D]."""
        projected: Tensor = self.c_proj(self.pooled(x))
        return projected

    def pooled(self, x: Tensor) -> Tensor:
        """[N, C, H, W] -> [N, C]: what the heads attended to, before the output projection."""
        x = x.flatten(2).transpose(1, 2)
        x = torch.cat([x.mean(dim=1, keepdim=True), x], dim=1)  # [N, L, C]
        x = x + self.positional_embedding.to(x.dtype)
        # The published poolings have heads of 64 channels.
        width = self.q_proj.out_features // self.heads  # E
        heads = (self.heads, width)
        q = torch.unflatten(self.q_proj(x[:, 0]), -1, heads) * width**-0.5
        # q (W_k x + b_k) = (q W_k) x + q b_k, and the mean of W_v x + b_v is W_v times the mean of x, plus
        # b_v: with one query that is two projections an image instead of two a token.
        key, value = (torch.unflatten(p.weight, 0, heads) for p in (self.k_proj, self.v_proj))
        asked = torch.einsum("nhe,hec->nhc", q, key)
        constant = (q * torch.unflatten(self.k_proj.bias, 0, heads)).sum(dim=-1, keepdim=True)
        attention = (asked @ x.mT + constant).softmax(dim=-1).to(x.dtype)  # [N, heads, L]
        seen = attention @ x  # [N, heads, C]
        return torch.einsum("nhc,hec->nhe", seen, value).flatten(1) + self.v_proj.bias


class ModifiedResNet(nn.Module):
    """Three-convolution stem, four stages of bottlenecks, attention pooling.

    `gradient_checkpointing` recomputes each bottleneck in the backward pass; running statistics are
    updated once all the same.
    """

    def __init__(self, config: ResNetConfig, embed_dim: int) -> None:
        super().__init__()
        width = config.width
        self.gradient_checkpointing = False
        self.conv1, self.bn1 = _conv(3, width // 2, 3, stride=2), nn.BatchNorm2d(width // 2)
        self.conv2, self.bn2 = _conv(width // 2, width // 2, 3), nn.BatchNorm2d(width // 2)
        self.conv3, self.bn3 = _conv(width // 2, width, 3), nn.BatchNorm2d(width)
        self.layer1 = _stage(width, width, config.layers[0], stride=1)
        self.layer2 = _stage(4 * width, 2 * width, config.layers[1], stride=2)
        self.layer3 = _stage(8 * width, 4 * width, config.layers[2], stride=2)
        self.layer4 = _stage(16 * width, 8 * width, config.layers[3], stride=2)
        # The stem halves the sides twice and the stages three times: 32 in all.
        self.attnpool = AttentionPool(config.image_size // 32, 32 * width, config.heads, embed_dim)

    def features(self, pixels: Tensor) -> Tensor:
        """[N, 3, H, W] -> [N, 32 width]: the attention pool before its output projection.

        The projection into the joint space is the last matrix of the pool here, that of the class token in
        a vision transformer; linear probes use what comes before it (paper, appendix A.3, figure 3).
        """
        return self.attnpool.pooled(self._feature_map(pixels))

    def forward(self, pixels: Tensor) -> Tensor:
        """[N, 3, H, W] -> [N, D], not normalised."""
        embedding: Tensor = self.attnpool(self._feature_map(pixels))
        return embedding

    def _feature_map(self, pixels: Tensor) -> Tensor:
        """[N, 3, H, W] -> [N, 32 width, H / 32, W / 32]."""
        # Channels last: oneDNN and cuDNN convolve in this layout without reordering.
        x = pixels.to(self.conv1.weight.dtype, memory_format=torch.channels_last)
        for conv, norm in ((self.conv1, self.bn1), (self.conv2, self.bn2), (self.conv3, self.bn3)):
            x = F.relu(conv.normalized(norm, x), inplace=True)
        x = F.avg_pool2d(x, 2)
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            for block in stage:
                x = self._block(block, x)
        return x

    def _block(self, block: nn.Module, x: Tensor) -> Tensor:
        if not (self.gradient_checkpointing and torch.is_grad_enabled()):
            plain: Tensor = block(x)
            return plain

        def contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
            return nullcontext(), statistics_kept(block)

        # `context_fn` exists only in the non-reentrant form. The second pass runs inside `statistics_kept`,
        # since the first one has recorded the batch already.
        recomputed: Tensor = checkpoint(block, x, use_reentrant=False, context_fn=contexts)
        return recomputed


def _stage(channels_in: int, channels: int, blocks: int, *, stride: int) -> nn.Sequential:
    first = Bottleneck(channels_in, channels, stride=stride)
    return nn.Sequential(
        first, *(Bottleneck(channels * EXPANSION, channels, stride=1) for _ in range(blocks - 1))
    )


@contextmanager
def statistics_kept(module: nn.Module) -> Iterator[None]:
    """Batch norms in training normalise by the batch and record nothing: for a pass that is done again.

    Without running statistics at all they would save fewer tensors than in the first pass, which
    checkpointing refuses.
    """
    norms = [part for part in module.modules() if isinstance(part, nn.BatchNorm2d)]
    before = [(norm.momentum, norm.num_batches_tracked) for norm in norms]
    for norm in norms:
        norm.momentum, norm.num_batches_tracked = 0.0, None
    try:
        yield
    finally:
        for norm, (momentum, count) in zip(norms, before, strict=True):
            norm.momentum, norm.num_batches_tracked = momentum, count
