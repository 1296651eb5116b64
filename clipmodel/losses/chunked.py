"""Losses over k rows of logits at a time; the backward pass computes the logits again.

Memory grows with k x N instead of M x N. The rows may be one process's share of a batch whose texts were
gathered: row i belongs to column `first + i`.

Shapes: M images (rows), N texts (columns), D embedding, k rows a chunk.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from clipmodel.losses.collectives import logsumexp_over_processes


class ChunkedSoftmax(torch.autograd.Function):
    """Mean over the rows of (row cross entropy + cross entropy of the row's own column) / 2.

    With p the row softmax and q the column softmax, d loss / d logits = (p + q - 2 I) / 2M. With `across`
    the columns are normalised over the rows of all processes; the gradients are then those of this
    process's rows in all processes' losses, so their mean over processes is the whole batch's.
    """

    @staticmethod
    def forward(
        ctx: Any,
        images: Tensor,
        texts: Tensor,
        scale: Tensor,
        first: int,
        chunk: int,
        ignore: Tensor | None,
        across: bool,
    ) -> Tensor:
        # The backward pass needs only these sums, N + M numbers, to make p and q again.
        row_lse = images.new_empty(len(images))
        column_lse = images.new_full((len(texts),), -torch.inf)
        for rows in _chunks(len(images), chunk):
            logits = _logits(images[rows], texts, scale, _part(ignore, rows))
            row_lse[rows] = logits.logsumexp(dim=1)
            # A running log-sum-exp: the columns are normalised over rows that are never in memory together.
            column_lse = torch.logaddexp(column_lse, logits.logsumexp(dim=0))
        if across:
            column_lse = logsumexp_over_processes(column_lse)
        own = slice(first, first + len(images))
        ctx.save_for_backward(images, texts, scale, row_lse, column_lse)
        ctx.first, ctx.chunk, ctx.ignore = first, chunk, ignore
        matching = scale * (images * texts[own]).sum(dim=1)
        return ((row_lse + column_lse[own]) / 2 - matching).mean()

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        # The logits are computed a second time: one more matrix product instead of M x N values in memory.
        images, texts, scale, row_lse, column_lse = ctx.saved_tensors
        sums = _GradientSums(images, texts)
        for rows in _chunks(len(images), ctx.chunk):
            logits = _logits(images[rows], texts, scale, _part(ctx.ignore, rows))
            # p and q of the docstring, in place: a chunk needs one buffer beside its logits.
            weights = (logits - row_lse[rows, None]).exp_()
            weights.add_(logits.sub_(column_lse).exp_()).div_(2)
            weights.diagonal(ctx.first + rows.start).sub_(1)
            sums.add(rows, weights)
        step = grad_outputs[0] / len(images)
        pull = scale * step
        return sums.images.mul_(pull), sums.texts.mul_(pull), sums.scale * step, None, None, None, None


class ChunkedSigmoid(torch.autograd.Function):
    """Sum over all pairs of -log sigmoid(z logit), over M; z is 1 for matching pairs and -1 for the others.

    d loss / d logits = (sigmoid(logits) - I) / M.
    """

    @staticmethod
    def forward(
        ctx: Any,
        images: Tensor,
        texts: Tensor,
        scale: Tensor,
        bias: Tensor,
        first: int,
        chunk: int,
        ignore: Tensor | None,
    ) -> Tensor:
        total = images.new_zeros(())
        for rows in _chunks(len(images), chunk):
            logits = _logits(images[rows], texts, scale, _part(ignore, rows), bias)
            # Row i of the chunk belongs to column first + rows.start + i, which is a diagonal of the chunk.
            # Its logit changes its sign, and the loss of all pairs is one softplus.
            logits.diagonal(first + rows.start).neg_()
            # softplus does not overflow for large logits, where log(1 + exp(x)) would.
            total += F.softplus(logits).sum()  # -log sigmoid(-x) = softplus(x)
        ctx.save_for_backward(images, texts, scale, bias)
        ctx.first, ctx.chunk, ctx.ignore = first, chunk, ignore
        return total / len(images)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        images, texts, scale, bias = ctx.saved_tensors
        sums, d_bias = _GradientSums(images, texts), torch.zeros_like(bias)
        for rows in _chunks(len(images), ctx.chunk):
            weights = _logits(images[rows], texts, scale, _part(ctx.ignore, rows), bias).sigmoid_()
            weights.diagonal(ctx.first + rows.start).sub_(1)
            sums.add(rows, weights)
            d_bias += weights.sum()
        step = grad_outputs[0] / len(images)
        pull = scale * step
        return (
            sums.images.mul_(pull),
            sums.texts.mul_(pull),
            sums.scale * step,
            d_bias * step,
            None,
            None,
            None,
        )


class _GradientSums:
    """What chunks of weights, d loss / d logits, add up to; not yet times the scale."""

    def __init__(self, images: Tensor, texts: Tensor) -> None:
        self._image_rows, self._text_rows = images, texts
        self.images, self.texts = torch.empty_like(images), torch.zeros_like(texts)
        self.scale = images.new_zeros(())

    def add(self, rows: slice, weights: Tensor) -> None:
        # This product serves two gradients: of the images, and of the scale by the sum over rows.
        pulled = weights @ self._text_rows
        self.images[rows] = pulled
        self.texts.addmm_(weights.T, self._image_rows[rows])
        self.scale += (pulled * self._image_rows[rows]).sum()


def _chunks(n: int, chunk: int) -> list[slice]:
    return [slice(start, start + chunk) for start in range(0, n, chunk)]


def _part(ignore: Tensor | None, rows: slice) -> Tensor | None:
    return None if ignore is None else ignore[rows]


def _logits(
    images: Tensor, texts: Tensor, scale: Tensor, ignore: Tensor | None, bias: Tensor | None = None
) -> Tensor:
    logits = (images @ texts.T).mul_(scale)
    if bias is not None:
        logits.add_(bias)
    return logits if ignore is None else logits.masked_fill_(ignore, -torch.inf)


# `apply` of torch has no types.
chunked_softmax: Callable[..., Tensor] = ChunkedSoftmax.apply
chunked_sigmoid: Callable[..., Tensor] = ChunkedSigmoid.apply
