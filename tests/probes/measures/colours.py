"""Twelve images of which all is known, and suites that ask about them.

An image has its mean colour as embedding, a text the colour that it names (see tests/probes/conftest.py).
So "a red person" is most similar to red images, and what every measure must be can be said beforehand.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from probes.datasets.demographic_dataset import DemographicDataset
from probes.suite.suite import Suite
from tests.probes.conftest import FakeModel

# Twelve images: of six women four are red, of six men one is. The two of a set differ in gender.
WOMEN = ["red", "red", "red", "red", "green", "blue"]
MEN = ["red", "green", "green", "green", "blue", "blue"]
PEOPLE = [
    *[(f"w{i}.png", colour, "woman", "north", 100 * i, f"s{i}") for i, colour in enumerate(WOMEN)],
    *[
        (f"m{i}.png", colour, "man", "south" if i else "north", 100 * i + 50, f"s{i}")
        for i, colour in enumerate(MEN)
    ],
]
COLUMNS = ["path", "colour", "gender", "region", "income", "set"]
COLOURS = {"sets": {"identity": [{"name": c, "is": {"colour": c}} for c in ("red", "green", "blue")]}}
WORDS = {"warm": ["red"], "cold": ["green", "blue"]}


def suite_of(**probe: Any) -> Suite:
    label_sets = {"colours": COLOURS}
    return Suite.model_validate(
        {"suite": "one", "data": "x", "label_sets": label_sets, "probes": [{"name": "p", **probe}]}
    )


def one(rows: pd.DataFrame, **keys: Any) -> pd.Series:
    for name, value in keys.items():
        rows = rows[rows[name] == value]
    assert len(rows) == 1, rows
    return rows.iloc[0]


def similarities(model: FakeModel, data: DemographicDataset, words: list[str]) -> np.ndarray:
    pixels = [model.preprocess(data.open_image(row)) for row in range(len(data))]
    images = np.stack([model.encode_image(each[None])[0].numpy() for each in pixels])
    return images @ model.encode_text([f"a {word}" for word in words]).numpy().T
