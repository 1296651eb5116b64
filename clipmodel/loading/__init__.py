"""One function for every model: bundled, from a path, of the Hugging Face hub, of open_clip, of one's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clipmodel.lazy_names import lazy_names

if TYPE_CHECKING:
    from clipmodel.loading.embedding_model import EmbeddingModel, LoadedModel
    from clipmodel.loading.single_entry import BUNDLED, load_model, model_path

__all__ = ["BUNDLED", "EmbeddingModel", "LoadedModel", "load_model", "model_path"]

# An audit of stored embeddings loads this package, and needs no torch.
__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "BUNDLED": "clipmodel.loading.single_entry",
        "EmbeddingModel": "clipmodel.loading.embedding_model",
        "LoadedModel": "clipmodel.loading.embedding_model",
        "load_model": "clipmodel.loading.single_entry",
        "model_path": "clipmodel.loading.single_entry",
    },
)
