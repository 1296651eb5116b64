"""Which images a query of a ranking searches for, as far as the labels of the data say it.

Shapes: N images.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from probes.datasets.demographic_dataset import ID, DemographicDataset
from probes.scoring.outcome_bits import digests
from probes.suite.label_sets import as_tokenized

__all__ = ["relevant_images"]


class Queries(Protocol):
    """What is read of a ranking: its queries, and the digests of its N images."""

    @property
    def queries(self) -> tuple[str, ...]: ...
    @property
    def image(self) -> NDArray[Any]: ...


def relevant_images(dataset: DemographicDataset, ranking: Queries) -> dict[str, NDArray[np.bool_]]:
    """Query -> [N] whether an image has the label that the query is.

    A query is compared with the values of every attribute, as texts are tokenized. One that is a value of no
    attribute, or of several, is left out: nothing says which images it searches for. An image whose label is
    missing is not relevant.
    """
    places: dict[str, list[tuple[str, str]]] = {}
    for attribute in dataset.attributes:
        for level in dataset.levels(attribute):
            places.setdefault(as_tokenized(level), []).append((attribute, level))
    known = dict(zip(digests(dataset.frame[ID]), range(len(dataset)), strict=True))
    rows = np.array([known[str(image)] for image in ranking.image], dtype=np.int64)
    found = {}
    for query in ranking.queries:
        named = places.get(as_tokenized(query), [])
        if len(named) == 1:
            attribute, level = named[0]
            found[query] = (dataset.values(attribute) == level).fillna(False).to_numpy(dtype=bool)[rows]
    return {query: own for query, own in found.items() if own.any()}
