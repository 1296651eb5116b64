"""One function for every model: bundled, from a path, of the Hugging Face hub, of open_clip, of one's own."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clipmodel.loading.embedding_model import EmbeddingModel, LoadedModel
    from clipmodel.loading.single_entry import BUNDLED, load_model, model_path

__all__ = ["BUNDLED", "EmbeddingModel", "LoadedModel", "load_model", "model_path"]

_HOMES = {
    "BUNDLED": "clipmodel.loading.single_entry",
    "EmbeddingModel": "clipmodel.loading.embedding_model",
    "LoadedModel": "clipmodel.loading.embedding_model",
    "load_model": "clipmodel.loading.single_entry",
    "model_path": "clipmodel.loading.single_entry",
}


def __getattr__(name: str) -> Any:
    # Loaded on first use: an audit of stored embeddings loads this package, and needs no torch.
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
