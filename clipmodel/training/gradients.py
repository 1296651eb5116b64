"""Gradients of a batch, at once or in chunks with cached embeddings.

A contrastive loss needs the embeddings of the whole batch, so gradients of chunks do not simply add up.
Cached-feature accumulation (Gao et al. 2021, arXiv 2101.06983) first embeds all chunks without keeping
activations, takes the loss and its gradients by embedding, then embeds each chunk again and pulls those
gradients back: memory for one chunk's activations, for about 1.5 to 1.9 times the time, and the exact
gradients of the whole batch. Only batch norm sees the difference: its statistics are those of a chunk (as
they are those of a process when there are several), so a tower with it learns the gradients of encoders
that normalise chunk by chunk.

Shapes: M pairs of this process, D embedding, L tokens.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import torch
from torch import Tensor, nn

from clipmodel.architecture.clip import CLIP, DTYPES, Precision
from clipmodel.architecture.modified_resnet import statistics_kept

LossOf = Callable[..., Tensor]  # (images, texts, logit scale[, logit bias]) -> scalar
Averaging = Callable[[bool], AbstractContextManager[None]]


class Encoders(nn.Module):
    """Both towers and the temperature in one forward pass, which is what DDP and FSDP wrap."""

    def __init__(self, clip: CLIP, *, precision: Precision) -> None:
        super().__init__()
        self.clip = clip
        self.precision: Precision = precision

    def forward(self, pixels: Tensor, tokens: Tensor) -> tuple[Tensor, ...]:
        """[M, 3, H, W] and [M, L] -> unit-norm [M, D] twice, logit scale, logit bias where there is one."""
        mixed = self.precision != "fp32"
        with torch.autocast(pixels.device.type, dtype=DTYPES[self.precision], enabled=mixed):
            images = self.clip.encode_image(pixels)
            texts = self.clip.encode_text(tokens)
        # A sum, since sharded scalars have shape [1] and FSDP2 wants no views of its parameters back.
        scalars = [self.clip.logit_scale.sum()]
        if self.clip.logit_bias is not None:
            scalars.append(self.clip.logit_bias.sum())
        return images.float(), texts.float(), *scalars


def add_gradients(
    encoders: nn.Module,
    pixels: Tensor,
    tokens: Tensor,
    *,
    loss_of: LossOf,
    chunks: int,
    scaler: torch.amp.GradScaler,
    averaging: Averaging,
) -> Tensor:
    """Add the gradients of the loss to the parameters' and return the loss of this process.

    Parameters
    ----------
    encoders
        `Encoders`, alone or wrapped by DDP or FSDP; any module that turns the two inputs into embeddings
        and scalars.
    pixels, tokens
        [M, 3, H, W] and [M, L].
    loss_of
        Called with what `encoders` returns for all M pairs.
    chunks
        In how many parts the pairs are embedded; M must be a multiple.
    scaler
        Multiplies the loss for fp16; a disabled one leaves it.
    averaging
        Called with True around the last backward pass, after which processes average their gradients.
    """
    if chunks == 1:
        with averaging(True):
            loss = loss_of(*encoders(pixels, tokens))
            # A function instead of `loss.backward()`, which has no types.
            torch.autograd.backward(scaler.scale(loss))
        return loss.detach()
    inputs = list(zip(pixels.chunk(chunks), tokens.chunk(chunks), strict=True))
    random_states, cached = [], []
    # Running statistics of batch norm would count each chunk twice, here and where gradients are taken.
    with torch.no_grad(), statistics_kept(encoders):
        for part in inputs:
            random_states.append(_random_state(pixels.device))
            cached.append(encoders(*part))
    embeddings = [torch.cat(parts) for parts in list(zip(*cached, strict=True))[:2]]
    # Leaves: the backward pass ends at the embeddings, whose gradients are what the chunks are given below.
    outputs = [tensor.requires_grad_() for tensor in (*embeddings, *cached[0][2:])]
    loss = loss_of(*outputs)
    torch.autograd.backward(scaler.scale(loss))
    gradients = [tensor.grad for tensor in outputs]
    for i, (part, state) in enumerate(zip(inputs, random_states, strict=True)):
        last = i == chunks - 1
        _restore(state, pixels.device)  # dropout must draw what it drew for the cached embeddings
        # Only after the last chunk: averaging each time would send the gradients `chunks` times.
        with averaging(last):
            torch.autograd.backward(encoders(*part), _gradients_of_part(gradients, i, chunks=chunks))
    return loss.detach()


def _gradients_of_part(gradients: list[Tensor | None], part: int, *, chunks: int) -> list[Tensor]:
    images, texts, *scalars = [gradient for gradient in gradients if gradient is not None]
    # The temperature belongs to the batch: given to each chunk, its gradient would count as often.
    last = part == chunks - 1
    once = [scalar if last else torch.zeros_like(scalar) for scalar in scalars]
    return [images.chunk(chunks)[part], texts.chunk(chunks)[part], *once]


def _random_state(device: torch.device) -> list[Tensor]:
    states = [torch.get_rng_state()]
    return [*states, torch.cuda.get_rng_state(device)] if device.type == "cuda" else states


def _restore(states: list[Tensor], device: torch.device) -> None:
    torch.set_rng_state(states[0])
    if device.type == "cuda":
        torch.cuda.set_rng_state(states[1], device)
