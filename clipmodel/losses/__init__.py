"""The losses of matching pairs: softmax (Radford et al. 2021, figure 3) and sigmoid (Zhai et al. 2023).

Each is exact whole, in row chunks, and split over processes. Split means that every process holds its own
M of the N pairs, in the order of ranks; the losses returned then average over the processes to the loss
of all N pairs, and so do the gradients of the parameters that made the embeddings (DDP and FSDP average
them). A loss over each process's own pairs alone would be another, easier loss.

Shapes: N pairs, M of them in this process (M = N without a split), D embedding.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor

from clipmodel.losses.chunked import chunked_sigmoid, chunked_softmax
from clipmodel.losses.collectives import gather, gather_with_gradients

__all__ = ["Split", "contrastive_loss", "sigmoid_loss"]

Split = Literal["local", "global"]


def contrastive_loss(
    image_embeddings: Tensor,
    text_embeddings: Tensor,
    logit_scale: Tensor | float,
    chunk: int | None = None,
    *,
    ignore: Tensor | None = None,
    split: Split | None = None,
) -> Tensor:
    """Mean over both directions of the cross entropy of matching pairs in the batch.

    Parameters
    ----------
    image_embeddings, text_embeddings
        [M, D], unit norm; row i of one belongs to row i of the other.
    logit_scale
        The multiplier on cosine similarities (exp of the learned parameter): one number above 0, also as a
        tensor of shape [1], as sharded training and SigLIP's files keep it.
    chunk
        Rows handled at a time. None holds the whole [M, N] matrix; with a number memory grows with
        chunk * N, the values and gradients are the same.
    ignore
        [M, N] bool: True where image i also satisfies text j although they are no pair. Such pairs are
        no negatives and are left out of both directions. Matching pairs must be False.
    split
        None: the batch is in this process. "local": each process computes the rows of its own images
        against the texts of all; only texts and the columns' log-sum-exp travel. "global": each
        computes the whole loss of all pairs, at as many times the cost as there are processes.

    Returns
    -------
    Tensor
        Scalar. NaN embeddings give NaN.

    Raises
    ------
    ValueError
        Shapes differ, chunk is below 1, or the scale is negative, NaN or several numbers.

    Examples
    --------
    Two pairs at right angles: of two classes with the logits 1 and 0 the right one has -log(e / (e + 1)).

    >>> pairs = torch.eye(2)
    >>> round(float(contrastive_loss(pairs, pairs, 1.0)), 4)
    0.3133
    >>> round(float(contrastive_loss(pairs, pairs, 1.0, chunk=1)), 4)
    0.3133
    """
    _check(image_embeddings, text_embeddings, chunk)
    scale = _scale(logit_scale, image_embeddings)
    if split == "local":
        texts, first = gather_with_gradients(text_embeddings), _first_column(len(image_embeddings))
        rows = chunk or len(image_embeddings)
        return chunked_softmax(image_embeddings, texts, scale, first, rows, ignore, True)
    if split == "global":
        images, texts, ignore = _gather_all(image_embeddings, text_embeddings, ignore)
        return contrastive_loss(images, texts, scale, chunk, ignore=ignore)
    if chunk is not None:
        return chunked_softmax(image_embeddings, text_embeddings, scale, 0, chunk, ignore, False)
    logits = scale * (image_embeddings @ text_embeddings.T)
    if ignore is not None:
        # exp(-inf) = 0: a pair that is ignored has no part in the denominators of its row and column.
        logits = logits.masked_fill(ignore, -torch.inf)
    labels = torch.arange(len(logits), device=logits.device)
    return (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2


def sigmoid_loss(
    image_embeddings: Tensor,
    text_embeddings: Tensor,
    logit_scale: Tensor | float,
    logit_bias: Tensor | float,
    chunk: int | None = None,
    *,
    ignore: Tensor | None = None,
    split: Split | None = None,
) -> Tensor:
    """Each pair on its own: -log sigmoid(z (scale * cosine + bias)), summed over all pairs, over N.

    z is 1 for matching pairs and -1 for the others (Zhai et al. 2023, arXiv 2303.15343, section 3.2). The
    parameters are those of `contrastive_loss`, besides:

    Parameters
    ----------
    logit_bias
        Added to every logit; the paper starts it at -10, so that the many negatives begin near zero.

    Returns
    -------
    Tensor
        Scalar. NaN embeddings give NaN.

    Raises
    ------
    ValueError
        Shapes differ, chunk is below 1, the scale is negative or NaN, or scale or bias are several numbers.
    """
    _check(image_embeddings, text_embeddings, chunk)
    images, texts, first = image_embeddings, text_embeddings, 0
    if split == "global":
        images, texts, ignore = _gather_all(images, texts, ignore)
    elif split == "local":
        texts, first = gather_with_gradients(texts), _first_column(len(images))
    scale, bias = _scale(logit_scale, images), _scalar(logit_bias, images, "logit_bias")
    return chunked_sigmoid(images, texts, scale, bias, first, chunk or len(images), ignore)


def _check(images: Tensor, texts: Tensor, chunk: int | None) -> None:
    if images.shape != texts.shape:
        raise ValueError(f"pairs must match: images {tuple(images.shape)}, texts {tuple(texts.shape)}")
    if chunk is not None and chunk < 1:
        raise ValueError(f"chunk must be at least 1, got {chunk}")


def _scalar(value: Tensor | float, like: Tensor, name: str) -> Tensor:
    # The type of the embeddings: a Python number would make a half-precision product fp32 or fp64.
    tensor = torch.as_tensor(value, dtype=like.dtype, device=like.device)
    if tensor.numel() != 1:
        raise ValueError(f"{name} must be one number, got the shape {tuple(tensor.shape)}")
    return tensor.reshape(())


def _scale(value: Tensor | float, like: Tensor) -> Tensor:
    scale = _scalar(value, like, "logit_scale")
    # Only where it costs nothing: a look at a number on an accelerator waits for all that is queued there.
    if scale.device.type == "cpu" and not float(scale.detach()) > 0:
        raise ValueError(f"logit_scale must be above 0, got {float(scale.detach())}")
    return scale


def _first_column(rows: int) -> int:
    # Every process holds equally many pairs (`collectives.gather`).
    return dist.get_rank() * rows


def _gather_all(images: Tensor, texts: Tensor, ignore: Tensor | None) -> tuple[Tensor, Tensor, Tensor | None]:
    mask = None if ignore is None else gather(ignore)
    return gather_with_gradients(images), gather_with_gradients(texts), mask
