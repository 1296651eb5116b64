"""A smaller data set: images at equal distances through another one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from probes.datasets.demographic_dataset import DemographicDataset

if TYPE_CHECKING:
    from PIL import Image


class SampledDataset(DemographicDataset):
    """At most `n` images of a data set, at equal distances, so that every part of it is met.

    Parameters
    ----------
    original
        The data set.
    n
        How many; all if it has no more.
    """

    def __init__(self, original: DemographicDataset, n: int) -> None:
        total = len(original)
        # Files are often sorted by person or class, so the first n would be a few of them.
        self._rows = np.unique(np.linspace(0, total - 1, min(n, total)).round().astype(int))
        super().__init__(
            original.frame.iloc[self._rows],
            attributes=original.attributes,
            card=original.card,
            orders=original.orders,
            derived=original.derived,
        )
        self._original = original

    def read_bytes(self, row: int) -> bytes:
        return self._original.read_bytes(int(self._rows[row]))

    def image_of(
        self, row: int, data: bytes, *, convert: bool = True, least_side: int | None = None
    ) -> Image.Image:
        own = int(self._rows[row])
        return self._original.image_of(own, data, convert=convert, least_side=least_side)

    def hash_of(self, row: int, data: bytes) -> str:
        return self._original.hash_of(int(self._rows[row]), data)
