"""Tokens before a text: those of a word are the word, gradients reach them, long texts keep their end."""

from __future__ import annotations

import pytest
import torch

from clipmodel import load_model
from clipmodel.errors import UserError
from clipmodel.loading.embedding_model import LoadedModel
from clipmodel.loading.prefixed_texts import encode_with_prefix


@pytest.fixture(scope="module")
def tiny() -> LoadedModel:
    model = load_model("tiny")
    assert isinstance(model, LoadedModel)
    return model


def embedded(model: LoadedModel, words: str) -> torch.Tensor:
    """[K, W] the token embeddings of some words, without start and end."""
    tokens = model.tokenizer([words])[0]
    end = int(tokens.argmax())
    return model.clip.text.token_embedding(tokens[1:end]).detach()


def test_the_embeddings_of_a_word_are_the_word(tiny: LoadedModel) -> None:
    texts = ["a cook", "woman"]
    found = encode_with_prefix(tiny, texts, embedded(tiny, "older"))
    wanted = tiny.encode_text([f"older {text}" for text in texts])
    torch.testing.assert_close(found.detach(), wanted, atol=1e-5, rtol=0)
    nothing = torch.zeros(0, tiny.clip.config.text.width)
    torch.testing.assert_close(
        encode_with_prefix(tiny, texts, nothing).detach(), tiny.encode_text(texts), atol=1e-5, rtol=0
    )


def test_gradients_reach_the_tokens(tiny: LoadedModel) -> None:
    prefix = torch.zeros(2, tiny.clip.config.text.width, requires_grad=True)
    (gradient,) = torch.autograd.grad(encode_with_prefix(tiny, ["a judge"], prefix)[:, 0].sum(), prefix)
    assert gradient.shape == prefix.shape and (gradient.abs().sum(dim=1) > 0).all()


def test_a_text_that_does_not_fit_any_more_is_truncated(tiny: LoadedModel) -> None:
    long = "woman " * 40
    prefix = torch.zeros(3, tiny.clip.config.text.width)
    length = tiny.clip.config.text.context_length
    tokens = tiny.tokenizer([long], truncate=True)
    room = length - 3
    cut = tokens[:, :room].clone()
    cut[0, room - 1] = tokens.max()
    wanted = torch.nn.functional.normalize(tiny.clip.text(cut, prefix), dim=-1)
    torch.testing.assert_close(
        encode_with_prefix(tiny, [long, "a man"], prefix)[:1], wanted, atol=1e-5, rtol=0
    )


@pytest.mark.parametrize("shape", [(2, 7), (31, 128)])
def test_tokens_of_another_tower_are_refused(tiny: LoadedModel, shape: tuple[int, int]) -> None:
    with pytest.raises(UserError, match="tokens of shape"):
        encode_with_prefix(tiny, ["a man"], torch.zeros(shape))
