from __future__ import annotations

import itertools

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from clipmodel.losses import contrastive_loss, sigmoid_loss
from clipmodel.losses.chunked import chunked_sigmoid


def _pairs(n: int, d: int = 8, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    images, texts = (
        F.normalize(torch.randn(n, d, dtype=torch.float64, generator=generator), dim=-1) for _ in range(2)
    )
    scale = torch.tensor(9.0, dtype=torch.float64)
    return images.requires_grad_(), texts.requires_grad_(), scale.requires_grad_()


def _naive(images: Tensor, texts: Tensor, scale: Tensor, ignore: Tensor | None = None) -> Tensor:
    """Pair by pair, as the definition reads."""
    total = torch.zeros((), dtype=images.dtype)
    n = len(images)
    for i in range(n):
        row = [scale * images[i] @ texts[j] for j in range(n) if ignore is None or not ignore[i, j]]
        column = [scale * images[j] @ texts[i] for j in range(n) if ignore is None or not ignore[j, i]]
        total = total + torch.stack(row).logsumexp(0) + torch.stack(column).logsumexp(0)
        total = total - 2 * scale * images[i] @ texts[i]
    return total / (2 * n)


def _some_pairs(n: int) -> Tensor:
    """A mask of pairs to ignore, never the matching ones."""
    return (torch.rand(n, n, generator=torch.Generator().manual_seed(1)) < 0.3).fill_diagonal_(False)


@pytest.mark.parametrize("chunk", [None, 1, 3, 7, 100])
@pytest.mark.parametrize("masked", [False, True])
def test_matches_the_definition(chunk: int | None, masked: bool) -> None:
    inputs = _pairs(7)
    ignore = _some_pairs(7) if masked else None
    expected = _naive(*inputs, ignore)
    found = contrastive_loss(*inputs, chunk, ignore=ignore)
    assert found.item() == pytest.approx(expected.item(), abs=1e-12)
    for a, b in zip(torch.autograd.grad(found, inputs), torch.autograd.grad(expected, inputs), strict=True):
        assert (a - b).abs().max() < 1e-12


def _naive_sigmoid(
    images: Tensor, texts: Tensor, scale: Tensor, bias: Tensor, ignore: Tensor | None
) -> Tensor:
    """Pair by pair, as the definition reads."""
    total = torch.zeros((), dtype=images.dtype)
    for i, j in itertools.product(range(len(images)), repeat=2):
        if ignore is None or not ignore[i, j]:
            sign = 1 if i == j else -1
            total = total - torch.sigmoid(sign * (scale * images[i] @ texts[j] + bias)).log()
    return total / len(images)


@pytest.mark.parametrize("chunk", [None, 1, 3, 100])
@pytest.mark.parametrize("masked", [False, True])
def test_sigmoid_matches_its_definition(chunk: int | None, masked: bool) -> None:
    inputs = (*_pairs(7), torch.tensor(-2.0, dtype=torch.float64, requires_grad=True))
    ignore = _some_pairs(7) if masked else None
    expected = _naive_sigmoid(*inputs, ignore)
    found = sigmoid_loss(*inputs, chunk, ignore=ignore)
    assert found.item() == pytest.approx(expected.item(), abs=1e-12)
    for a, b in zip(torch.autograd.grad(found, inputs), torch.autograd.grad(expected, inputs), strict=True):
        assert (a - b).abs().max() < 1e-12


def test_rows_of_one_process_belong_to_columns_from_its_first() -> None:
    """Two processes with three rows each: the mean of their losses is that of the whole batch."""
    images, texts, scale = _pairs(6)
    bias = torch.tensor(-2.0, dtype=torch.float64)
    whole = chunked_sigmoid(images, texts, scale, bias, 0, 2, None)
    parts = [chunked_sigmoid(images[i : i + 3], texts, scale, bias, i, 2, None) for i in (0, 3)]
    assert sum(parts).item() / 2 == pytest.approx(whole.item(), abs=1e-12)
