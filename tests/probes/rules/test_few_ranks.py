"""Few ranks are counted as the matrix that they stand for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from probes.rules.few_ranks import FewRanks
from probes.scoring.class_events import ClassEvents
from probes.scoring.count_accumulator import add_few, add_ranks


@pytest.mark.parametrize(
    ("as_library", "device"), [(np.asarray, "cpu"), (torch.from_numpy, torch.device("cpu"))]
)
@pytest.mark.parametrize("least", [0, 2])
@pytest.mark.parametrize("share", [0.0, 0.02, 0.5])
def test_counts_and_events_are_those_of_the_matrix(
    share: float, least: int, as_library: Callable[[np.ndarray], Any], device: Any
) -> None:
    rng = np.random.default_rng(0)
    ranks = np.where(rng.random((7, 90)) < share, rng.integers(least + 1, 5, (7, 90)), least)
    ranks = ranks.astype(np.uint8)
    cells = as_library(rng.integers(0, 5, 90))
    row, image = np.nonzero(ranks > least)
    few = FewRanks(
        row=as_library(row),
        image=as_library(image),
        rank=as_library(ranks[row, image]),
        n_images=90,
        least=least,
    )
    expected, found = (as_library(np.zeros((7, 5, 4), np.int64)) for _ in range(2))
    add_ranks(expected, as_library(ranks), cells)
    add_few(found, few, cells)
    np.testing.assert_array_equal(found, expected)
    right = rng.random((5, 7)) < 0.3
    events = ClassEvents({"some": [0, 3, 6], "none": []}, right, n_classes=7, device=device)
    np.testing.assert_array_equal(
        events.greatest_of_few(few, cells), events.greatest(as_library(ranks), cells, nothing=0)
    )
