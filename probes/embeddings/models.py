"""The model of a run: one that is loaded, or what a file or folder of embeddings says of its model."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import clipmodel
from probes.datasets.demographic_dataset import DemographicDataset
from probes.embeddings.folder import FolderDataset
from probes.embeddings.precomputed import precomputed_model
from probes.embeddings.remembered_models import load_or_remember
from probes.embeddings.store import EmbeddingStore

if TYPE_CHECKING:
    from clipmodel.loading import EmbeddingModel

DEFAULT = "tiny"


def model_for(
    dataset: DemographicDataset,
    spec: str | None,
    *,
    device: str = "cpu",
    told: Mapping[str, Any] | None = None,
    store: EmbeddingStore | None = None,
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
    store
        Where embeddings are kept. If it is given, a bundled model, or one of a path on the CPU, is loaded
        when it first embeds something (`probes.embeddings.remembered_models`); None: at once.

    Raises
    ------
    UserError
        There is no such model, or it is not the one whose embeddings these are.
    """
    if found := precomputed_model(dataset):
        return found
    own = dataset.job.model if isinstance(dataset, FolderDataset) else {"name": DEFAULT, "reduction": None}
    # Not `spec or ...`: an empty name, as of a variable that is not set, must not audit another model.
    name = str(own["name"] if spec is None else spec)
    load = partial(_load, name, device=device, **(told or {}))
    # A remembered model is on the CPU; one for another device is loaded at once.
    path = None if store is None or device != "cpu" or not name.strip() else _local_path(name)
    if path is None or store is None:
        loaded: EmbeddingModel = load()
    else:
        loaded = load_or_remember(store, name, path, load, told=told or {})
    if not isinstance(dataset, FolderDataset):
        return loaded
    dataset.check_model(loaded.fingerprint, loaded.preprocess_id, loaded.name)
    # The folder's images have the fingerprint of the reduced tower; texts come from the exact one.
    if own["reduction"] is None:
        return loaded
    from clipmodel.loading.reduced_precision import ReducedModel

    return ReducedModel(loaded, loaded, own["reduction"])


def _load(spec: str, **told: Any) -> EmbeddingModel:
    from clipmodel.loading import load_model

    return load_model(spec, **told)


def _local_path(spec: str) -> Path | None:
    """Where a model's files are, if it is the bundled one or a path; None for all that libraries find."""
    if spec == DEFAULT:
        return Path(clipmodel.__file__).parent / "data" / DEFAULT
    path = Path(spec)
    return path if path.exists() else None
