from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from clipmodel.errors import UserError
from probes.datasets.formats.table import TableDataset
from probes.suite.held_out_images import Confirmation


@pytest.fixture
def data(write_table: Callable[[pd.DataFrame], Path]) -> TableDataset:
    n = 60
    splits, drawings = ["train", "test", ""] * (n // 3), [f"d{i // 3}" for i in range(n)]
    table = pd.DataFrame({"path": [f"{i}.png" for i in range(n)], "colour": "red", "split": splits})
    table["drawing"] = drawings
    dataset = TableDataset(write_table(table))
    dataset.card = replace(dataset.card, cluster="drawing")
    return dataset


def test_images_with_the_values_are_held_out_and_missing_ones_explore(data: TableDataset) -> None:
    held = Confirmation.model_validate({"attribute": "split", "values": ["test"]}).held_out(data, seed=0)
    assert held.tolist() == [False, True, False] * 20


def test_a_share_divides_no_cluster_and_follows_the_seed(data: TableDataset) -> None:
    rule = Confirmation.model_validate({"share": 0.4})
    held = rule.held_out(data, seed=1)
    whole = held.reshape(-1, 3)
    assert (whole.all(axis=1) | ~whole.any(axis=1)).all()
    assert 3 <= whole[:, 0].sum() <= 13  # of 20 clusters 8 are expected
    np.testing.assert_array_equal(rule.held_out(data, seed=1), held)
    assert (rule.held_out(data, seed=2) != held).any()
    # A larger share holds out the same clusters and more.
    assert (Confirmation.model_validate({"share": 0.8}).held_out(data, seed=1) >= held).all()


@pytest.mark.parametrize(
    "written",
    [
        {},
        {"attribute": "split"},
        {"values": ["test"]},
        {"attribute": "split", "values": ["test"], "share": 0.3},
    ],
)
def test_either_values_of_an_attribute_or_a_share(written: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="an attribute with values, or a share"):
        Confirmation.model_validate(written)


@pytest.mark.parametrize("share", [0, 1, float("nan")])
def test_a_share_leaves_something_on_both_sides(share: float) -> None:
    with pytest.raises(ValidationError):
        Confirmation.model_validate({"share": share})


def test_what_the_data_lack_is_named(data: TableDataset) -> None:
    with pytest.raises(UserError, match="no attribute 'splt'"):
        Confirmation.model_validate({"attribute": "splt", "values": ["test"]}).held_out(data, seed=0)
    with pytest.raises(UserError, match="no image has split 'tset'"):
        Confirmation.model_validate({"attribute": "split", "values": ["tset"]}).held_out(data, seed=0)
