"""What losses exchange between processes. Everything here needs an initialised process group.

Shapes: M rows of one process, N = M x processes rows of all, D embedding.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor


def gather(local: Tensor) -> Tensor:
    """The rows of all processes in the order of their ranks, [M, ...] -> [N, ...]; no gradients."""
    sent = local.view(torch.uint8) if local.dtype == torch.bool else local  # not every backend knows bool
    parts = [
        torch.empty_like(sent, memory_format=torch.contiguous_format) for _ in range(dist.get_world_size())
    ]
    dist.all_gather(parts, sent.contiguous())
    return torch.cat(parts).view(local.dtype)


# torch.distributed.nn.all_gather is deprecated and its replacement private; these lines are stable.
class _GatherWithGradients(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, local: Tensor) -> Tensor:
        return gather(local)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Tensor:
        # Every process has a loss of its own that depends on these rows: their gradients add up.
        total = grad_outputs[0].clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total.chunk(dist.get_world_size())[dist.get_rank()]


# `apply` of torch has no types.
_gather_with_gradients: Callable[[Tensor], Tensor] = _GatherWithGradients.apply


def gather_with_gradients(local: Tensor) -> Tensor:
    """As `gather`; in the backward pass each process gets the sum of all processes' gradients of its rows.

    Gathered without gradients, the loss and the temperature's gradient would still be right and the
    encoders' gradients wrong.
    """
    return _gather_with_gradients(local)


def logsumexp_over_processes(values: Tensor) -> Tensor:
    """Element by element over the processes; no gradients."""
    return gather(values[None]).logsumexp(dim=0)
