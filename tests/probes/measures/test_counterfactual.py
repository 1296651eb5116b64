from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from audit.statistics.proportion.proportions import wilson
from probes.datasets.formats.table import TableDataset
from probes.embeddings.embed import EmbeddingStore
from probes.runner import run_suite
from probes.suite.suite import Suite
from tests.probes.conftest import FakeModel
from tests.probes.measures.colours import one
from tests.support.measured import measures_of


def test_flips_by_hand(ask: Callable[..., pd.DataFrame]) -> None:
    """Sets s0 (red, red), s1 to s3 (red, green), s4 (green, blue), s5 (blue, blue): four of six flip."""
    rows = ask(kind="counterfactual", label_set="colours", attribute="gender", same=["set"])
    found = one(rows, metric="flip rate", item="any change")
    assert (found["n"], found["value"]) == (6, pytest.approx(4 / 6))
    assert (found["low"], found["high"]) == tuple(map(float, wilson(4, 6)))
    assert one(rows, metric="flip rate", item="man to woman")["value"] == found["value"]


def test_turns_to_a_set_by_hand(model: FakeModel, data: TableDataset, store: EmbeddingStore) -> None:
    sets = {"identity": ["green", "blue"], "harm: red": ["red"]}
    suite = Suite.model_validate(
        {"suite": "s", "label_sets": {"c": {"sets": sets}}, "probes": [
            {"name": "p", "kind": "counterfactual", "label_set": "c", "attribute": "gender", "same": ["set"],
             "outcomes": {"harm": ["harm: red"]}}]}
    )  # fmt: skip
    rows = measures_of(run_suite(suite, model, data, store=store))
    # From man to woman, three sets turn to red and none away from it.
    found = one(rows, metric="turns to harm", item="man to woman: harm")
    assert found["value"] == pytest.approx(0.5)
    assert found["low"] > 0


def test_without_a_pair_the_rate_is_unknown_and_says_so(ask: Callable[..., pd.DataFrame]) -> None:
    """No two of the twelve images have one income, so each is a set of its own."""
    rows = ask(kind="counterfactual", label_set="colours", attribute="gender", same=["income"])
    found = one(rows, metric="flip rate")
    assert (found["n"], np.isnan(found["value"]), np.isnan(found["low"])) == (0, True, True)
    assert found["note"].startswith("0 pairs in 0 sets; fewer than")
