"""Markedness: whose pictures are nearer to "a person" than to any prompt that names their group.

Wolfe and Caliskan 2022, "Markedness in visual semantic AI": a picture is unmarked where the bare prompt has
the greatest similarity.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from probes.datasets.base import DemographicDataset
from probes.embeddings import EmbeddedImages
from probes.measures import Markedness
from probes.records import ALL, MISSING
from probes.schema import Suite
from probes.scoring import Head

METRIC = "unmarked share"


def texts(probe: Markedness, suite: Suite, dataset: DemographicDataset) -> list[str]:
    """The bare prompt and those that name groups."""
    return [probe.neutral, *probe.marked]


def run(
    probe: Markedness,
    suite: Suite,
    dataset: DemographicDataset,
    images: EmbeddedImages,
    embedded: Mapping[str, np.ndarray],
    head: Head,
) -> pd.DataFrame:
    """The share of unmarked pictures, over all and by each group; a tie counts as marked."""
    similarities = images.embeddings @ np.stack([embedded[text] for text in texts(probe, suite, dataset)]).T
    unmarked = similarities[:, 0] > similarities[:, 1:].max(axis=1)
    labels = pd.DataFrame(
        {name: dataset.values(name).iloc[images.rows].fillna(MISSING) for name in probe.attributes}
    ).assign(unmarked=unmarked)
    rows = [_row(probe, {}, unmarked)]
    for spec in probe.groups:
        known = labels[(labels[spec] != MISSING).all(axis=1)]
        for values, own in known.groupby(spec, sort=True):
            group = dict(zip(spec, map(str, values), strict=True))
            rows.append(_row(probe, group, own["unmarked"].to_numpy()))
    return pd.DataFrame(rows)


def _row(probe: Markedness, group: Mapping[str, str], unmarked: np.ndarray) -> dict[str, object]:
    enough = len(unmarked) >= probe.min_group
    return {
        "metric": METRIC,
        "item": probe.neutral,
        **{name: group.get(name, ALL) for name in probe.attributes},
        "n": len(unmarked),
        "value": float(unmarked.mean()) if enough else np.nan,
        "note": "" if enough else f"fewer than {probe.min_group} images",
    }
