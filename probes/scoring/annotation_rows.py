"""What each annotator said of each image, as the records keep it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from probes.datasets.demographic_dataset import ID, DemographicDataset
from probes.records import attribute_column
from probes.scoring.outcome_bits import digests


def annotation_rows(
    dataset: DemographicDataset, attributes: Sequence[str], rows: np.ndarray
) -> pd.DataFrame | None:
    """`Records.annotations` of some images; None if none of the attributes has several annotators.

    Parameters
    ----------
    attributes
        The group attributes of the suite.
    rows
        Rows of the data set.
    """
    named = [name for name in attributes if name in dataset.annotations]
    if not named:
        return None
    images = np.array(digests(dataset.frame[ID].iloc[rows]), dtype=object)
    tables = []
    for name in named:
        said = dataset.annotations[name].iloc[rows]
        # Long form: most data sets have a few annotators of some images, and a wide table would be mostly
        # empty.
        place, annotator = np.nonzero(said.notna().to_numpy())
        tables.append(
            pd.DataFrame(
                {
                    "image": images[place],
                    "attribute": attribute_column(name),
                    "annotator": annotator.astype(np.int64),
                    "said": said.to_numpy(dtype=object)[place, annotator].astype(str),
                }
            )
        )
    return pd.concat(tables, ignore_index=True).astype({"image": "str", "attribute": "str", "said": "str"})
