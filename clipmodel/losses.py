"""The symmetric contrastive loss (Radford et al. 2021, figure 3), whole or in row chunks.

Shapes: N pairs, D embedding, k rows a chunk.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


def contrastive_loss(
    image_embeddings: Tensor,
    text_embeddings: Tensor,
    logit_scale: Tensor | float,
    chunk: int | None = None,
    *,
    ignore: Tensor | None = None,
) -> Tensor:
    """Mean over both directions of the cross entropy of matching pairs in the batch.

    Parameters
    ----------
    image_embeddings, text_embeddings
        [N, D], unit norm; row i of one belongs to row i of the other.
    logit_scale
        The multiplier on cosine similarities (exp of the learned parameter).
    chunk
        Rows handled at a time. None holds the whole [N, N] matrix; with a number memory grows with
        chunk * N, the values and gradients are the same.
    ignore
        [N, N] bool: True where image i also satisfies text j although i != j. Such pairs are no
        negatives and are left out of both directions. The diagonal must be False.

    Returns
    -------
    Tensor
        Scalar. NaN embeddings give NaN.

    Raises
    ------
    ValueError
        Shapes differ, or chunk is below 1.
    """
    if image_embeddings.shape != text_embeddings.shape:
        raise ValueError(
            f"pairs must match: images {tuple(image_embeddings.shape)}, texts {tuple(text_embeddings.shape)}"
        )
    scale = torch.as_tensor(logit_scale, dtype=image_embeddings.dtype, device=image_embeddings.device)
    if chunk is not None:
        if chunk < 1:
            raise ValueError(f"chunk must be at least 1, got {chunk}")
        return _ChunkedContrastive.apply(image_embeddings, text_embeddings, scale, chunk, ignore)
    logits = _logits(image_embeddings, text_embeddings, scale, ignore=ignore)
    labels = torch.arange(len(logits), device=logits.device)
    return (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2


def _logits(rows: Tensor, columns: Tensor, scale: Tensor, *, ignore: Tensor | None) -> Tensor:
    logits = scale * (rows @ columns.T)
    return logits if ignore is None else logits.masked_fill(ignore, -torch.inf)


class _ChunkedContrastive(torch.autograd.Function):
    """Row chunks with a running column log-sum-exp; logits are computed again in the backward pass.

    With p the row softmax and q the column softmax, d loss / d logits = (p + q - 2 I) / 2N.
    """

    @staticmethod
    def forward(
        ctx: Any, images: Tensor, texts: Tensor, scale: Tensor, chunk: int, ignore: Tensor | None
    ) -> Tensor:
        n = len(images)
        column_lse = images.new_full((n,), -torch.inf)
        row_lse = torch.empty_like(column_lse)
        for start in range(0, n, chunk):
            rows = slice(start, start + chunk)
            logits = _logits(images[rows], texts, scale, ignore=None if ignore is None else ignore[rows])
            row_lse[rows] = logits.logsumexp(dim=1)
            column_lse = torch.logaddexp(column_lse, logits.logsumexp(dim=0))
        matching = scale * (images * texts).sum(dim=1)
        ctx.save_for_backward(images, texts, scale, row_lse, column_lse)
        ctx.chunk, ctx.ignore = chunk, ignore
        return ((row_lse + column_lse) / 2 - matching).mean()

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        images, texts, scale, row_lse, column_lse = ctx.saved_tensors
        n, chunk = len(images), ctx.chunk
        # The matching pairs' share of the gradient, -I/N, then (p + q)/2N chunk by chunk.
        d_images, d_texts = -texts.clone(), -images.clone()
        d_scale = -(images * texts).sum()
        for start in range(0, n, chunk):
            rows = slice(start, start + chunk)
            ignore = None if ctx.ignore is None else ctx.ignore[rows]
            logits = _logits(images[rows], texts, scale, ignore=ignore)
            weights = ((logits - row_lse[rows, None]).exp_() + (logits - column_lse).exp_()).div_(2)
            pulled = weights @ texts
            d_images[rows] += pulled
            d_texts += weights.T @ images[rows]
            d_scale += (pulled * images[rows]).sum()
        step = grad_outputs[0] / n
        return d_images * (scale * step), d_texts * (scale * step), d_scale * step, None, None
