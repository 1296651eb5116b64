"""The record of a data set or format: all that the rest of the program knows of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from probes.datasets.cards import DataCard
from probes.datasets.demographic_dataset import DemographicDataset


@dataclass(frozen=True, kw_only=True)
class DatasetKind:
    """What a name of a data set reads: a published data set with its card, or a format for data of one's own.

    Attributes
    ----------
    name
        On the command line and in a suite: NAME:PATH.
    load
        (path) -> the data set; without an argument if it is embedded. UserError if the data are damaged.
    card
        Of a published data set; None for a format.
    title
        What a format reads, in a few words.
    embedded
        Whether the data come with the package, so that the name is enough.
    """

    name: str
    load: Callable[..., DemographicDataset]
    card: DataCard | None = None
    title: str = ""
    embedded: bool = False

    @classmethod
    def published(cls, load: Callable[[Any], DemographicDataset], card: DataCard) -> DatasetKind:
        """A data set that others published, by the name on its card."""
        return cls(name=card.name, load=load, card=card)

    @property
    def spec(self) -> str:
        """What to write for it: "emoji", "fairface:PATH"."""
        return self.name if self.embedded else f"{self.name}:PATH"
