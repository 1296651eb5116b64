"""The data sets and formats by name; the module of one is imported when it is asked for.

A new one is a file that ends in `KINDS`, and a line with the names of these kinds in `NAMES`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from importlib import import_module
from pathlib import Path
from typing import Final

from probes.datasets.dataset_kind import DatasetKind
from probes.datasets.demographic_dataset import DemographicDataset

NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "emoji": ("emoji",),
    "published.fairface": ("fairface",),
    "published.utkface": ("utkface",),
    "published.celeba": ("celeba",),
    "published.lfwa": ("lfwa",),
    "published.facet": ("facet",),
    "published.miap": ("miap",),
    "published.ppb": ("ppb",),
    "published.congress": ("congress",),
    "published.casual_conversations_v1": ("casual_conversations_v1",),
    "published.casual_conversations_v2": ("casual_conversations_v2",),
    "published.visogender": ("visogender",),
    "published.pata": ("pata",),
    "published.social_counterfactuals": ("social_counterfactuals",),
    "published.geode_dollar_street": ("geode", "dollar_street"),
    "published.fhibe": ("fhibe", "fhibe_face"),
    "published.phase": ("phase",),
    "published.mst_e": ("mst_e",),
    "published.ai_face": ("ai_face",),
    "published.pairs": ("pairs",),
    "published.fair_vlmed": ("fair_vlmed",),
    "published.datacomp_sets": (
        "fairface_wds", "utkface_wds", "geode_wds", "dollar_street_wds", "iwildcam_wds", "fmow_wds",
        "camelyon17_wds",
    ),
    "formats.table": ("table",),
    "formats.folders_and_tars": ("folder", "webdataset"),
    "formats.hugging_face": ("hugging_face",),
    "dataset_registry": ("embeddings",),
    "formats.predictions": ("predictions",),
}  # fmt: skip
"""Module of this room -> the names of its kinds, in the order in which they are listed.

Written here although the modules say them too: to import all of them takes longer than to audit.
"""


class _Kinds(MutableMapping[str, DatasetKind]):
    """Name -> kind; a module is imported with the first of its kinds that is asked for."""

    def __init__(self, names: Mapping[str, tuple[str, ...]]) -> None:
        self._modules = {name: module for module, own in names.items() for name in own}
        self._kinds: dict[str, DatasetKind | None] = dict.fromkeys(self._modules)

    def __getitem__(self, name: str) -> DatasetKind:
        kind = self._kinds[name]
        if kind is None:
            module = import_module(f"{__package__}.{self._modules[name]}")
            self._kinds[name] = kind = next(one for one in module.KINDS if one.name == name)
        return kind

    def __setitem__(self, name: str, kind: DatasetKind) -> None:
        self._kinds[name] = kind

    def __delitem__(self, name: str) -> None:
        del self._kinds[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._kinds)

    def __len__(self) -> int:
        return len(self._kinds)


def _embeddings(path: Path) -> DemographicDataset:
    # Not on loading: a folder of embeddings is a data set itself, so its module loads this package.
    from probes.datasets.formats.embeddings import load_embeddings
    from probes.embeddings.folder import FolderDataset

    return FolderDataset(path) if path.is_dir() else load_embeddings(path)


# A file of embeddings and a folder of them are one kind to a user, and two rooms of this package.
KINDS: Final = (
    DatasetKind(
        name="embeddings",
        load=_embeddings,
        title="npz or parquet: embeddings of images and texts; or a folder that embed wrote",
    ),
)
DATASETS: Final[MutableMapping[str, DatasetKind]] = _Kinds(NAMES)
"""By the name on the command line, in the order in which they are listed."""
