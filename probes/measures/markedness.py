"""Markedness: whose pictures are nearer to "a person" than to any prompt that names their group.

Wolfe and Caliskan 2022, "Markedness in visual semantic AI": a picture is unmarked where the bare prompt has
the greatest similarity.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from probes.datasets.base import DemographicDataset
from probes.measures.context import Given
from probes.measures.rate_rows import rate_rows
from probes.metrics.counterfactual import marked
from probes.suite.measure_probes import Markedness
from probes.suite.suite import Suite

METRIC = "unmarked share"


def texts(probe: Markedness, suite: Suite, dataset: DemographicDataset) -> list[str]:
    """The bare prompt and those that name groups."""
    return [probe.neutral, *probe.marked]


def run(probe: Markedness, given: Given) -> pd.DataFrame:
    """The share of unmarked pictures, over all and by each group; a tie counts as marked."""
    prompts = [given.embedded[text] for text in texts(probe, given.suite, given.dataset)]
    similarities = given.images.similarities(np.stack(prompts))
    unmarked = marked(similarities[:, 0], similarities[:, 1:])
    return pd.DataFrame(
        rate_rows(probe, given.dataset, given.images.rows, METRIC, unmarked, item=probe.neutral)
    )
