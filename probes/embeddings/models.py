"""Which model answers for a data set: one that is loaded, or what a file or folder of embeddings knows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clipmodel.loading import EmbeddingModel, load_model
from clipmodel.loading.reduced_precision import ReducedModel
from probes.datasets.demographic_dataset import DemographicDataset
from probes.embeddings.folder import FolderDataset
from probes.embeddings.precomputed import precomputed_model

DEFAULT = "tiny"


def model_for(
    dataset: DemographicDataset,
    spec: str | None,
    *,
    device: str = "cpu",
    told: Mapping[str, Any] | None = None,
) -> EmbeddingModel:
    """The model of a run.

    Parameters
    ----------
    dataset
        Images need a model. A file of embeddings or predictions brings what is known of one. A folder of
        embeddings needs the texts of the model that made it, and refuses every other one.
    spec
        As for `load_model`; None for the bundled model, or for the one that a folder names.
    device
        Where it computes.
    told
        Further arguments of `load_model`, for a file that does not say what they do.

    Raises
    ------
    UserError
        There is no such model, or it is not the one whose embeddings these are.
    """
    if found := precomputed_model(dataset):
        return found
    if not isinstance(dataset, FolderDataset):
        return load_model(spec or DEFAULT, device=device, **(told or {}))
    own = dataset.job.model
    loaded = load_model(spec or own["name"], device=device, **(told or {}))
    dataset.check_model(loaded.fingerprint, loaded.preprocess_id, loaded.name)
    return loaded if own["reduction"] is None else ReducedModel(loaded, loaded, own["reduction"])
