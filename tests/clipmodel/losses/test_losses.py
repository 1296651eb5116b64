"""The losses against their definitions, whole and chunked, values and gradients."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from clipmodel.losses import contrastive_loss, sigmoid_loss


def _pairs(n: int, d: int = 8, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    images, texts = (
        F.normalize(torch.randn(n, d, dtype=torch.float64, generator=generator), dim=-1) for _ in range(2)
    )
    scale = torch.tensor(9.0, dtype=torch.float64)
    return images.requires_grad_(), texts.requires_grad_(), scale.requires_grad_()


def test_two_orthogonal_pairs_by_hand() -> None:
    # Logits are s on the diagonal and 0 off it: each cross entropy is log(e^s + 1) - s.
    loss = contrastive_loss(torch.eye(2), torch.eye(2), 3.0)
    assert float(loss) == pytest.approx(math.log(math.exp(3) + 1) - 3, abs=1e-6)


def test_ignored_pair_changes_the_loss() -> None:
    images, texts, scale = _pairs(5)
    ignore = torch.zeros(5, 5, dtype=torch.bool)
    ignore[0, 1] = True
    assert contrastive_loss(images, texts, scale, ignore=ignore) < contrastive_loss(images, texts, scale)


def test_sigmoid_of_two_orthogonal_pairs_by_hand() -> None:
    # Logits are 3 - 1 on the diagonal and 0 - 1 off it; each image has one of either.
    expected = math.log(1 + math.exp(-2)) + math.log(1 + math.exp(-1))
    assert float(sigmoid_loss(torch.eye(2), torch.eye(2), 3.0, -1.0)) == pytest.approx(expected, abs=1e-6)


def test_refuses_what_cannot_be_paired() -> None:
    with pytest.raises(ValueError, match="pairs must match"):
        contrastive_loss(torch.eye(3), torch.eye(3)[:2], 1.0)
    with pytest.raises(ValueError, match="chunk"):
        contrastive_loss(torch.eye(3), torch.eye(3), 1.0, 0)
    with pytest.raises(ValueError, match="pairs must match"):
        sigmoid_loss(torch.eye(3), torch.eye(3)[:2], 1.0, 0.0)


@pytest.mark.parametrize("chunk", [None, 2])
def test_a_scale_of_shape_one_is_a_number(chunk: int | None) -> None:
    """Values and gradients are those of the scalar; the gradient has the parameter's own shape."""
    images, texts, scale = _pairs(5)
    one = scale.detach().reshape(1).requires_grad_()
    bias = torch.tensor([-3.0], dtype=torch.float64, requires_grad=True)
    for found, expected, inputs in (
        (contrastive_loss(images, texts, one, chunk), contrastive_loss(images, texts, scale, chunk), [one]),
        (
            sigmoid_loss(images, texts, one, bias, chunk),
            sigmoid_loss(images, texts, scale, bias.reshape(()), chunk),
            [one, bias],
        ),
    ):
        assert found.shape == () and found.item() == pytest.approx(expected.item(), abs=1e-12)
        gradients = torch.autograd.grad(found, inputs)
        assert [gradient.shape for gradient in gradients] == [torch.Size([1])] * len(inputs)
        (scalar,) = torch.autograd.grad(expected, scale)
        assert gradients[0].item() == pytest.approx(scalar.item(), abs=1e-12)


@pytest.mark.parametrize("chunk", [None, 2])
@pytest.mark.parametrize(
    ("scale", "message"),
    [
        (-1.0, "above 0, got -1.0"),
        (0.0, "above 0"),
        (math.nan, "above 0, got nan"),
        (torch.ones(3), r"one number, got the shape \(3,\)"),
    ],
)
def test_a_scale_that_is_none_is_refused(chunk: int | None, scale: float | Tensor, message: str) -> None:
    images, texts, _ = _pairs(4)
    with pytest.raises(ValueError, match=message):
        contrastive_loss(images, texts, scale, chunk)
    with pytest.raises(ValueError, match=message):
        sigmoid_loss(images, texts, scale, -10.0, chunk)
