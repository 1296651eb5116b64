"""A convolution that takes over the scale and shift of the batch norm behind it when nothing is trained.

Shapes: O output channels, I input channels, K x K kernel.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class _Fold(NamedTuple):
    """Weights times the norm's scale, and what they were made from."""

    source: Tensor  # shares the weights' memory; while it lives, no other tensor gets their address
    version: int
    scale: Tensor  # [O]
    direction: Tensor  # [I * K * K]
    projection: Tensor  # [O], the weights along the direction
    weight: Tensor  # [O, I, K, K], channels_last as the feature maps are

    def is_of(self, weight: Tensor, scale: Tensor) -> bool:
        """Whether a new fold would give the same.

        A version counts what is written through autograd's eyes. Writing through `.data` or a NumPy view
        is not seen there; the projection shows that, for a tenth of the time of folding.
        """
        return (
            weight.is_set_to(self.source)
            and weight._version == self.version
            and torch.equal(scale, self.scale)
            and torch.equal(weight.flatten(1) @ self.direction, self.projection)
        )


class FoldingConv2d(nn.Conv2d):
    """A convolution without bias. Inference on the CPU keeps the folded weights: as much memory again.

    They are let go by `train()`, by a move to another type or device, and by a pass with gradients; they
    are no part of the state, of copies or of pickles.
    """

    _fold: _Fold | None = None

    def normalized(self, norm: nn.BatchNorm2d, x: Tensor) -> Tensor:
        """norm(self(x)), in evaluation as one convolution: a pass over the feature map less.

        A half convolution before an fp32 norm keeps the original's order, rounded between the two.
        """
        if norm.training or self.weight.dtype != norm.weight.dtype:
            normalised: Tensor = norm(self(x))
            return normalised
        # PyTorch allows batch norms without running statistics; the towers here have none of those.
        assert norm.running_mean is not None and norm.running_var is not None
        scale = norm.weight * (norm.running_var + norm.eps).rsqrt()
        shift = norm.bias - norm.running_mean * scale
        return F.conv2d(x, self._scaled(scale), shift, stride=self.stride, padding=self.padding)

    def _scaled(self, scale: Tensor) -> Tensor:
        """[O] -> [O, I, K, K]: the weights times the scale, kept from an earlier call if nothing changed."""
        if torch.compiler.is_compiling() or torch.jit.is_tracing():  # type: ignore[attr-defined, no-untyped-call]
            return self.weight * scale[:, None, None, None]
        if not self._may_keep(scale):
            self._fold = None
            return self.weight * scale[:, None, None, None]
        if self._fold is None or not self._fold.is_of(self.weight, scale):
            self._fold = None  # before the new one is made: never three times the weights
            self._fold = _fold(self.weight, scale)
        return self._fold.weight

    def _may_keep(self, scale: Tensor) -> bool:
        """Whether to keep them: on the CPU only, as a look for changes would stall an accelerator.

        Tensors made in inference mode have no version; parameters that are replaced for a call, sharded or
        vectorised over are no plain ones; in half precision the projection would miss small changes.
        """
        return (
            not torch.is_grad_enabled()
            and not torch.is_autocast_enabled("cpu")
            and type(self.weight) is nn.Parameter
            and type(scale) is Tensor
            and self.weight.device.type == "cpu"
            and self.weight.dtype in (torch.float32, torch.float64)
            and not self.weight.is_inference()
        )

    def train(self, mode: bool = True) -> FoldingConv2d:
        """As every module's; training lets the folded weights go."""
        if mode:
            self._fold = None
        return super().train(mode)

    def _apply(self, fn: Callable[..., Any], recurse: bool = True) -> FoldingConv2d:
        self._fold = None
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        return self

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_fold"}


def _fold(weight: Tensor, scale: Tensor) -> _Fold:
    # A generator of its own: inference must not move the caller's random numbers.
    # A random direction: a change of the weights is orthogonal to it only by coincidence.
    direction = torch.randn(weight[0].numel(), generator=torch.Generator().manual_seed(0), dtype=weight.dtype)
    scaled = weight * scale[:, None, None, None]
    return _Fold(
        source=weight.detach(),
        version=weight._version,
        scale=scale,
        direction=direction,
        projection=weight.flatten(1) @ direction,
        weight=scaled.contiguous(memory_format=torch.channels_last),
    )
