"""Demographic data sets, by name: `load_dataset("emoji")`, `load_dataset("table:FILE")`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from clipmodel.errors import UserError
from clipmodel.yamlfile import closest
from probes.datasets.base import DataCard, DemographicDataset, UnreadableImageError
from probes.datasets.casual_conversations import load_casual_conversations_v1
from probes.datasets.celeba import load_celeba
from probes.datasets.congress import load_congress
from probes.datasets.embedded import EmbeddedDataset, load_embeddings
from probes.datasets.emoji import EmojiDataset
from probes.datasets.facet import load_facet
from probes.datasets.fairface import load_fairface
from probes.datasets.folder import load_image_folder, load_webdataset
from probes.datasets.geography import load_dollar_street, load_geode
from probes.datasets.miap import load_miap
from probes.datasets.predictions import load_predictions
from probes.datasets.social_counterfactuals import SocialCounterfactuals
from probes.datasets.table import TableDataset
from probes.datasets.utkface import load_utkface

__all__ = ["DataCard", "DemographicDataset", "EmbeddedDataset", "UnreadableImageError", "load_dataset"]

EMBEDDED: dict[str, Callable[[], DemographicDataset]] = {"emoji": EmojiDataset}
AT_PATH: dict[str, Callable[[Path], DemographicDataset]] = {
    "table": TableDataset,
    "fairface": load_fairface,
    "utkface": load_utkface,
    "celeba": load_celeba,
    "congress": load_congress,
    "casual_conversations_v1": load_casual_conversations_v1,
    "facet": load_facet,
    "miap": load_miap,
    "geode": load_geode,
    "dollar_street": load_dollar_street,
    "social_counterfactuals": SocialCounterfactuals,
    "folder": load_image_folder,
    "webdataset": load_webdataset,
    "embeddings": load_embeddings,
    "predictions": load_predictions,
}


def load_dataset(spec: str) -> DemographicDataset:
    """A data set by what the command line calls it.

    Parameters
    ----------
    spec
        "emoji", the embedded one, or KIND:PATH, such as "table:people.csv".

    Raises
    ------
    UserError
        There is no such kind, the path is missing, or the data are damaged.
    """
    kind, _, path = spec.partition(":")
    if kind in EMBEDDED and not path:
        return EMBEDDED[kind]()
    if kind in AT_PATH:
        if not path:
            raise UserError(f"the data set {spec!r} needs a path", remedy=f"write {kind}:PATH")
        return AT_PATH[kind](Path(path))
    raise UserError(f"unknown data set {spec!r}", remedy=closest(kind, [*EMBEDDED, *AT_PATH]))
