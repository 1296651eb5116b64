"""Images divided into groups by one or several attributes.

Shapes: N images, G groups.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from probes.datasets.demographic_dataset import DemographicDataset


@dataclass(frozen=True, kw_only=True)
class Groups:
    """Images divided by one or several attributes.

    Attributes
    ----------
    spec
        The attributes.
    codes
        [N] the group of each image, -1 if an attribute is missing.
    values
        [G] the values of the attributes of each group, in their natural order.
    """

    spec: tuple[str, ...]
    codes: np.ndarray
    values: tuple[dict[str, str], ...]

    @property
    def known(self) -> np.ndarray:
        """[N] whether an image is in a group."""
        return self.codes >= 0

    @property
    def sizes(self) -> np.ndarray:
        """[G] images of each group."""
        return np.bincount(self.codes[self.known], minlength=len(self.values))

    def __len__(self) -> int:
        return len(self.values)


def divide(dataset: DemographicDataset, rows: np.ndarray, spec: Sequence[str]) -> Groups:
    """The groups of some rows by some attributes; only those that have images."""
    columns = pd.RangeIndex(len(spec))  # an attribute may have the name of a column of the merge
    labels = pd.DataFrame(
        {
            place: pd.Categorical(dataset.values(name).iloc[rows], dataset.levels(name), ordered=True)
            for place, name in enumerate(spec)
        },
        columns=columns,
    )
    # A group exists if an image has it; the product of the levels would give empty ones.
    distinct = labels.dropna().drop_duplicates()
    # Sorted while categorical, hence in the natural order; then plain text to merge by.
    present = distinct.sort_values(list(distinct.columns), ignore_index=True).astype("str")
    numbered = present.assign(code=range(len(present)))
    codes = labels.astype(object).merge(numbered, on=list(columns), how="left")["code"].fillna(-1)
    values = tuple(
        dict(zip(spec, map(str, one), strict=True)) for one in present.itertuples(index=False, name=None)
    )
    return Groups(spec=tuple(spec), codes=codes.to_numpy(int), values=values)
