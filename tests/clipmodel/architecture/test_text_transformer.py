from __future__ import annotations

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


def test_the_embedding_is_read_at_the_end_of_text_and_sees_no_later_token() -> None:
    torch.manual_seed(2)
    clip = CLIP(_config("gelu")).eval()
    tokens = _tokens()
    other = tokens.clone()
    other[0, 5:] = 7  # behind the end of the first text, below its id
    assert torch.equal(clip.encode_text(tokens)[0], clip.encode_text(other)[0])
    other[0, 1] += 1
    assert not torch.equal(clip.encode_text(tokens)[0], clip.encode_text(other)[0])


def test_no_texts_are_not_trimmed() -> None:
    assert trim_padding(torch.zeros(0, 12, dtype=torch.long)).shape == (0, 12)
