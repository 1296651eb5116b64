"""How each kind of probe that is no classification is run; its YAML is in `probes.measures`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from probes import markedness
from probes.datasets.base import DemographicDataset
from probes.embeddings import EmbeddedImages
from probes.schema import Suite
from probes.scoring import Head

Texts = Callable[[Any, Suite, DemographicDataset], Collection[str]]
Run = Callable[[Any, Suite, DemographicDataset, EmbeddedImages, Mapping[str, np.ndarray], Head], pd.DataFrame]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of probe.

    Attributes
    ----------
    texts
        (probe, suite, dataset) -> the texts that it needs embedded.
    run
        (probe, suite, dataset, images, embedded texts, head) -> rows of `Records.measures`: the columns of
        the contract and the group attributes of the probe. `images` are those the probe asks about that
        could be read; `images.rows` are their rows in the data set.
    """

    texts: Texts
    run: Run


KINDS: dict[str, Kind] = {"markedness": Kind(texts=markedness.texts, run=markedness.run)}
