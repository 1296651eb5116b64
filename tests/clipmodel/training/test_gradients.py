"""Cached-feature accumulation against the same graph kept whole, dropout and batch norm included."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clipmodel.losses import contrastive_loss, sigmoid_loss
from clipmodel.training.gradients import add_gradients

PAIRS = 12
UNSCALED = torch.amp.GradScaler("cpu", enabled=False)


class TwoTowers(nn.Module):
    """Two small encoders with dropout, one with batch norm if asked for, and two scalars."""

    def __init__(self, *, dropout: float = 0.0, batch_norm: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        norm = nn.BatchNorm2d(4) if batch_norm else nn.Identity()
        self.visual = nn.Sequential(
            nn.Conv2d(3, 4, 2), norm, nn.ReLU(), nn.Dropout(dropout), nn.Flatten(), nn.Linear(36, 8)
        )
        self.text = nn.Sequential(nn.Embedding(20, 6), nn.Dropout(dropout), nn.Flatten(), nn.Linear(30, 8))
        self.log_scale = nn.Parameter(torch.tensor(2.0))
        self.logit_bias = nn.Parameter(torch.tensor(-3.0))

    def forward(self, pixels: Tensor, tokens: Tensor) -> tuple[Tensor, ...]:
        images, texts = (F.normalize(x, dim=-1) for x in (self.visual(pixels), self.text(tokens)))
        return images, texts, self.log_scale.exp(), self.logit_bias.sum()


def softmax(images: Tensor, texts: Tensor, scale: Tensor, bias: Tensor) -> Tensor:
    # The softmax does not depend on a bias; its zero share gives it a gradient all the same.
    return contrastive_loss(images, texts, scale, 5) + 0 * bias


def _inputs() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    pixels = torch.randn(PAIRS, 3, 4, 4, generator=generator)
    return pixels, torch.randint(0, 20, (PAIRS, 5), generator=generator)


def _gradients(
    towers: TwoTowers, loss: Callable[..., Tensor], *, chunks: int, scale: float = 1.0
) -> list[Tensor]:
    scaler = torch.amp.GradScaler("cpu", init_scale=scale) if scale != 1 else UNSCALED
    torch.manual_seed(7)
    add_gradients(
        towers, *_inputs(), loss_of=loss, chunks=chunks, scaler=scaler, averaging=lambda _: nullcontext()
    )
    return [parameter.grad for parameter in towers.parameters() if parameter.grad is not None]


def _kept_whole(towers: TwoTowers, loss: Callable[..., Tensor], *, chunks: int) -> list[Tensor]:
    """Naively: embed chunk by chunk, keep every graph, one backward pass."""
    torch.manual_seed(7)
    outputs = [towers(*part) for part in zip(*(x.chunk(chunks) for x in _inputs()), strict=True)]
    images, texts = (torch.cat([output[i] for output in outputs]) for i in (0, 1))
    return list(torch.autograd.grad(loss(images, texts, *outputs[0][2:]), list(towers.parameters())))


def _largest_difference(first: list[Tensor], second: list[Tensor]) -> float:
    return max(float((a - b).abs().max()) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("loss", [softmax, sigmoid_loss, partial(sigmoid_loss, chunk=5)])
@pytest.mark.parametrize("chunks", [1, 2, 6])
def test_equals_the_whole_batch(loss: Callable[..., Tensor], chunks: int) -> None:
    found = _gradients(TwoTowers(), loss, chunks=chunks)
    assert _largest_difference(found, _kept_whole(TwoTowers(), loss, chunks=1)) < 1e-6
    assert min(float(gradient.abs().max()) for gradient in (found[0], *found[2:])) > 1e-4


@pytest.mark.parametrize("chunks", [2, 3])
def test_dropout_draws_the_same_twice(chunks: int) -> None:
    found = _gradients(TwoTowers(dropout=0.4), softmax, chunks=chunks)
    drawn_next = torch.rand(3)
    assert _largest_difference(found, _kept_whole(TwoTowers(dropout=0.4), softmax, chunks=chunks)) < 1e-6
    assert torch.equal(drawn_next, torch.rand(3))  # the generator is where one pass leaves it
    assert _largest_difference(found, _gradients(TwoTowers(), softmax, chunks=chunks)) > 1e-3


def test_batch_norm_normalises_and_counts_each_chunk_once() -> None:
    towers, naive = TwoTowers(batch_norm=True), TwoTowers(batch_norm=True)
    found = _gradients(towers, softmax, chunks=3)
    assert _largest_difference(found, _kept_whole(naive, softmax, chunks=3)) < 1e-6
    assert _largest_difference(found, _kept_whole(TwoTowers(batch_norm=True), softmax, chunks=1)) > 1e-4
    for name, statistic in naive.named_buffers():
        assert torch.equal(towers.get_buffer(name), statistic), name


def test_a_scaled_loss_scales_every_gradient() -> None:
    plain = _gradients(TwoTowers(), softmax, chunks=2)
    scaled = _gradients(TwoTowers(), softmax, chunks=2, scale=1024.0)
    assert _largest_difference([gradient * 1024 for gradient in plain], scaled) < 1e-3


def test_processes_average_after_the_last_chunk_only() -> None:
    told: list[bool] = []

    def averaging(enabled: bool) -> AbstractContextManager[None]:
        told.append(enabled)
        return nullcontext()

    add_gradients(TwoTowers(), *_inputs(), loss_of=softmax, chunks=3, scaler=UNSCALED, averaging=averaging)
    assert told == [False, False, True]
