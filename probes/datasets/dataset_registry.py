"""The data sets and formats by name.

A new one is a file that ends in `KINDS`, an import, and a name in `MODULES`.
"""

from __future__ import annotations

from pathlib import Path

from probes.datasets import emoji
from probes.datasets.dataset_kind import DatasetKind
from probes.datasets.demographic_dataset import DemographicDataset
from probes.datasets.formats import folders_and_tars, hugging_face, predictions, table
from probes.datasets.formats.embeddings import load_embeddings
from probes.datasets.published import (
    ai_face,
    casual_conversations_v1,
    casual_conversations_v2,
    celeba,
    congress,
    datacomp_sets,
    facet,
    fair_vlmed,
    fairface,
    fhibe,
    geode_dollar_street,
    lfwa,
    miap,
    mst_e,
    pairs,
    pata,
    phase,
    ppb,
    social_counterfactuals,
    utkface,
    visogender,
)

MODULES = (
    emoji, fairface, utkface, celeba, lfwa, facet, miap, ppb, congress, casual_conversations_v1,
    casual_conversations_v2, visogender, pata, social_counterfactuals, geode_dollar_street, fhibe, phase,
    mst_e, ai_face, pairs, fair_vlmed, datacomp_sets, table, folders_and_tars, hugging_face,
)  # fmt: skip


def _embeddings(path: Path) -> DemographicDataset:
    # Not on loading: a folder of embeddings is a data set itself, so its module loads this package.
    from probes.embeddings.folder import FolderDataset

    return FolderDataset(path) if path.is_dir() else load_embeddings(path)


# A file of embeddings and a folder of them are one kind to a user, and two rooms of this package.
_EMBEDDINGS = DatasetKind(
    name="embeddings",
    load=_embeddings,
    title="npz or parquet: embeddings of images and texts; or a folder that embed wrote",
)
DATASETS: dict[str, DatasetKind] = {
    kind.name: kind
    for kind in (*(kind for module in MODULES for kind in module.KINDS), _EMBEDDINGS, *predictions.KINDS)
}
"""By the name on the command line, in the order in which they are listed."""
