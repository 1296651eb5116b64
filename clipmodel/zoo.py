"""The former place of `clipmodel.loading`; kept for one release."""

from clipmodel.loading import BUNDLED, EmbeddingModel, LoadedModel, load_model, model_path

__all__ = ["BUNDLED", "EmbeddingModel", "LoadedModel", "load_model", "model_path"]
