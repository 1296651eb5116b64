"""What must not change an embedding; test_convert.py compares the towers with other implementations."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from clipmodel.architecture.clip import CLIP
from clipmodel.architecture.text_transformer import trim_padding
from clipmodel.config import Activation, CLIPConfig, TextConfig, ViTConfig

VOCAB = 99


def _config(activation: Activation) -> CLIPConfig:
    return CLIPConfig(
        embed_dim=24,
        vision=ViTConfig(image_size=32, patch_size=8, width=48, layers=2, heads=4),
        text=TextConfig(context_length=12, vocab_size=VOCAB, width=32, layers=2, heads=2),
        activation=activation,
    )


def _tokens() -> Tensor:
    tokens = torch.zeros(5, 12, dtype=torch.long)
    for row, length in enumerate([3, 12, 5, 7, 4]):
        tokens[row, :length] = torch.randint(
            1, VOCAB - 2, (length,), generator=torch.Generator().manual_seed(row)
        )
        tokens[row, length - 1] = VOCAB - 1
    return tokens


def test_positions_after_the_longest_text_change_nothing() -> None:
    torch.manual_seed(1)
    clip = CLIP(_config("gelu")).eval()
    tokens = _tokens()[[0, 2, 4]]  # lengths 3, 5, 4
    assert trim_padding(tokens).shape == (3, 5)
    assert (clip.encode_text(tokens) - clip.encode_text(trim_padding(tokens))).abs().max() < 1e-6


def test_an_image_does_not_depend_on_its_batch() -> None:
    torch.manual_seed(2)
    clip = CLIP(_config("gelu")).eval()
    pixels = torch.randn(9, 3, 32, 32)
    alone = torch.cat([clip.encode_image(one[None]) for one in pixels])
    assert (clip.encode_image(pixels) - alone).abs().max() < 1e-6


def test_gradient_checkpointing_changes_no_gradient() -> None:
    gradients = []
    for checkpointing in (False, True):
        torch.manual_seed(3)
        clip = CLIP(_config("gelu"))
        clip.visual.transformer.gradient_checkpointing = checkpointing
        clip.encode_image(torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0)))[
            :, 0
        ].sum().backward()
        assert clip.visual.conv1.weight.grad is not None
        gradients.append(clip.visual.conv1.weight.grad)
    assert torch.equal(*gradients)


def test_temperature_starts_at_the_paper_and_is_clamped() -> None:
    clip = CLIP(_config("gelu"))
    assert float(clip.logit_scale.detach()) == pytest.approx(1 / 0.07, rel=1e-5)
    with torch.no_grad():
        clip.log_scale.fill_(9.0)
    clip.clamp_logit_scale()
    assert float(clip.logit_scale.detach()) == pytest.approx(100, rel=1e-5)
    clip.clamp_logit_scale(16)
    assert float(clip.logit_scale.detach()) == pytest.approx(16, rel=1e-5)
