"""What embeds further texts for a mitigation: a model's text tower, or a file that holds some embeddings.

Shapes: C texts, K tokens in front of a text, W width of the text tower, D joint embedding.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from clipmodel.array_types import Floats, Singles
from clipmodel.errors import UserError
from clipmodel.loading import EmbeddingModel
from clipmodel.loading.embedding_model import LoadedModel
from clipmodel.loading.prefixed_texts import encode_with_prefix
from probes.embeddings.embed import EmbeddingStore, embed_texts

__all__ = ["TextEncoder"]


class TextEncoder:
    """Texts -> unit-norm embeddings of one model.

    Parameters
    ----------
    model
        Of any kind.
    store
        Where embeddings are kept; nowhere if left out.
    """

    def __init__(self, model: EmbeddingModel, store: EmbeddingStore | None = None) -> None:
        self.model, self.store = model, store

    def __call__(self, texts: Sequence[str]) -> Singles:
        """C texts -> [C, D]; UserError for a file of embeddings that does not have them."""
        if self.store is None:
            return np.asarray(self.model.encode_text(list(texts)).cpu().numpy(), np.float32)
        return np.asarray(embed_texts(self.model, list(texts), store=self.store), np.float32)

    @property
    def tower(self) -> LoadedModel | None:
        """The model, if its text tower takes tokens in front of a text."""
        return self.model if isinstance(self.model, LoadedModel) else None

    def prefixed(self, texts: Sequence[str], prefix: Floats) -> Singles:
        """C texts behind K learned tokens [K, W] -> [C, D].

        Raises
        ------
        UserError
            The model is a file of embeddings, or of another library, or its text tower has another width.
        """
        if self.tower is None:
            raise UserError(
                f"{self.model.name} takes no learned tokens in front of a text",
                remedy="use a CLIP in this package's own format, not a file of embeddings",
            )
        with torch.inference_mode():
            found = encode_with_prefix(self.tower, texts, torch.from_numpy(prefix).float())
        return np.asarray(found.cpu().numpy(), np.float32)
