"""A rate that two tables hold is equal in both, interval included."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from audit.result import AuditResult
from probes.datasets.formats.table import TableDataset
from probes.embeddings.embed import EmbeddingStore
from probes.runner import run_suite
from probes.suite.suite import Suite
from tests.probes.conftest import FakeModel

COLOURS = {"sets": {"identity": [{"name": c, "is": {"label": c}} for c in ("red", "green", "blue")]}}


@pytest.mark.parametrize("clustered", [False, True])
def test_accuracy_and_top_1_accuracy_are_one_number(
    write_table: Callable[[pd.DataFrame], Path], model: FakeModel, store: EmbeddingStore, *, clustered: bool
) -> None:
    """Sixty images, of persons of four or each of its own, in two groups."""
    rng = np.random.default_rng(0)
    colour = rng.choice(["red", "green", "blue"], 60)
    people = pd.DataFrame(
        {
            "path": [f"{i}.png" for i in range(60)], "colour": colour,
            "label": np.where(rng.random(60) < 0.3, rng.permutation(colour), colour),
            "gender": np.repeat(["woman", "man"], 30), "person": [f"p{i // 4}" for i in range(60)],
        }
    )  # fmt: skip
    data = TableDataset(write_table(people))
    if clustered:
        data.card = replace(data.card, cluster="person")
    suite = Suite.model_validate(
        {"suite": "s", "label_sets": {"colours": COLOURS}, "probes": [
            {"name": "a", "label_set": "colours", "truth": "label", "groups": [["gender"]],
             "outcomes": ["misclassified"]},
            {"name": "b", "kind": "group_accuracy", "label_set": "colours", "truth": "label", "k": [1],
             "groups": [["gender"]]},
        ]}
    )  # fmt: skip
    result = AuditResult.from_records(run_suite(suite, model, data, store=store))
    own = result.accuracy.set_index("gender")
    other = result.measures[result.measures["metric"] == "top-1 accuracy"].set_index("gender")
    assert list(own.index) == list(other.index) == ["(all)", "man", "woman"]
    assert 0 < own["rate"]["(all)"] < 1
    for name, theirs in (("n", "n"), ("rate", "value"), ("low", "low"), ("high", "high")):
        assert own[name].to_numpy() == pytest.approx(other[theirs].to_numpy(), abs=1e-12)
