"""Texts with learned tokens in front of them, through the text tower of a CLIP.

Shapes: C texts, K tokens in front, W width of the text tower, L tokens, D joint embedding.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor

from clipmodel.architecture.text_transformer import trim_padding
from clipmodel.errors import UserError
from clipmodel.loading.embedding_model import LoadedModel

__all__ = ["encode_with_prefix"]


def encode_with_prefix(model: LoadedModel, texts: Sequence[str], prefix: Tensor) -> Tensor:
    """[C, D] unit-norm embeddings of texts behind K token embeddings [K, W], with gradients to these.

    The tokens follow the start of text. A text that does not fit any more is truncated.

    Raises
    ------
    UserError
        The tokens are of another width than the text tower's, or leave no room for a text.
    """
    config = model.clip.config.text
    room = config.context_length - len(prefix)
    if prefix.ndim != 2 or prefix.shape[1] != config.width or room < 3:
        raise UserError(
            f"tokens of shape {tuple(prefix.shape)} before texts of a tower of width {config.width} and "
            f"{config.context_length} tokens",
            remedy="use the model that they were trained with",
        )
    tokens = trim_padding(model.tokenizer(list(texts), truncate=True))
    if tokens.shape[1] > room:
        end = int(tokens.max())
        cut = tokens.argmax(dim=1) >= room
        tokens = tokens[:, :room].clone()
        tokens[cut, room - 1] = end
    embedded = model.clip.text(tokens.to(model.device), prefix.to(model.device))
    return F.normalize(embedded.float(), dim=-1)
