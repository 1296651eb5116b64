"""Association bias from YAML to rows, on the images of colours.py."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from audit.statistics.proportion.proportions import newcombe
from clipmodel.errors import UserError
from probes.datasets.demographic_dataset import DemographicDataset
from probes.datasets.formats.table import TableDataset
from probes.embeddings.embed import EmbeddingStore
from probes.records import validate
from probes.runner import run_suite
from probes.suite.suite import Suite
from tests.probes.conftest import FakeModel
from tests.probes.measures.colours import one, similarities
from tests.support.measured import measures_of

JOBS = {"sets": {"identity": ["red", "green", "blue"]}}


def ask_jobs(data: DemographicDataset, model: FakeModel, store: EmbeddingStore, **probe: Any) -> pd.DataFrame:
    written = {
        "name": "p", "kind": "association_bias", "label_set": "jobs", "permutations": 199,
        "contrast": {"gender": ["woman", "man"]}, **probe,
    }  # fmt: skip
    suite = Suite.model_validate({"suite": "s", "label_sets": {"jobs": JOBS}, "probes": [written]})
    records = run_suite(suite, model, data, store=store)
    validate(records)
    return measures_of(records)


def test_association_bias_by_hand(data: TableDataset, model: FakeModel, store: EmbeddingStore) -> None:
    """Of six women 4, 1, 1 are red, green, blue; of six men 1, 3, 2: differences 3, -2, -1 in six."""
    rows = ask_jobs(data, model, store)
    bias = one(rows, metric="association bias")
    assert (bias["item"], bias["n"]) == ("woman / man", 12)
    assert bias["value"] == pytest.approx((3 + 2 + 1) / 6 / 3)
    assert math.isnan(bias["low"]) and "mean over 3 classes" in bias["note"]
    red = one(rows, metric="difference by class", item="red")
    assert red["value"] == pytest.approx(0.5)
    assert (red["low"], red["high"]) == tuple(float(end) for end in newcombe(4, 6, 1, 6))
    assert red["note"] == "share of images that are assigned the class, woman less man"


def test_association_bias_of_probabilities(
    data: TableDataset, model: FakeModel, store: EmbeddingStore
) -> None:
    rows = ask_jobs(data, model, store, counted="probability")
    cosines = similarities(model, data, ["red", "green", "blue"])
    exponents = np.exp(model.logit_scale * cosines)
    probabilities = exponents / exponents.sum(axis=1, keepdims=True)
    expected = np.abs(probabilities[:6].mean(axis=0) - probabilities[6:].mean(axis=0)).mean()
    assert one(rows, metric="association bias")["value"] == pytest.approx(expected, rel=1e-4)


def test_association_bias_needs_images_of_both(
    data: TableDataset, model: FakeModel, store: EmbeddingStore
) -> None:
    rows = ask_jobs(data, model, store, min_group=7)
    assert len(rows) == 4 and rows["note"].str.contains("fewer than 7 images").all()
    assert rows["value"].isna().all()
    with pytest.raises(UserError, match="no image has gender 'men'"):
        ask_jobs(data, model, store, contrast={"gender": ["woman", "men"]})
