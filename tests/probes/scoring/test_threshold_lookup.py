from __future__ import annotations

import numpy as np
import pytest
import torch

from probes.scoring.threshold_lookup import RuleThresholds, ThresholdLookup


@pytest.mark.parametrize(
    "thresholds",
    [
        np.linspace(0, 1, 101).round(6),
        np.array([0.005, 0.04, 0.5]),
        np.array([0.5]),
        np.array([-1.0, -0.25, 0.3, 1.0]),
        np.array([0.1, 0.1 + 1e-6, 0.9]),  # too close for a table: searched
        np.linspace(0, 1, 10_001),
        np.zeros(0),
    ],
)
def test_the_lookup_equals_a_search_at_the_thresholds_and_next_to_them(thresholds: np.ndarray) -> None:
    """Values at each threshold, a float32 above and below it, and anywhere; both of 32 bits."""
    rng = np.random.default_rng(0)
    single = thresholds.astype(np.float32)
    beside = [np.nextafter(single, np.float32(9)), np.nextafter(single, np.float32(-9))]
    anywhere = rng.uniform(-1.5, 1.5, 5000).astype(np.float32)
    values = np.concatenate([single, *beside, anywhere, np.float32([-1, 0, 1, -np.inf, np.inf])])
    expected = np.searchsorted(single, values, side="right")
    assert ThresholdLookup(thresholds, "cpu")(values).tolist() == expected.tolist()
    # All of them reach some threshold, or one of them none, whatever the others reach.
    for some in (values[values >= 0.2], values[values < 0.2], values[:1]):
        found = ThresholdLookup(thresholds, "cpu")(some)
        assert found.tolist() == np.searchsorted(single, some, side="right").tolist()
        assert found.dtype == (np.uint8 if len(single) < 256 else np.int16)


@pytest.mark.parametrize("n", [0, 1, 3, 11, 300])
def test_nan_reaches_no_threshold_and_torch_counts_alike(n: int) -> None:
    values = np.array([[0.4, np.nan, 0.0], [1.0, -np.inf, np.inf]], np.float32)
    thresholds = np.linspace(0, 1, n)
    if n == 11:
        thresholds[5] = np.nextafter(np.float32(thresholds[4]), np.float32(1))  # too close for a table
    expected = (values[..., None] >= thresholds.astype(np.float32)).sum(axis=-1)
    assert ThresholdLookup(thresholds, "cpu")(values).tolist() == expected.tolist()
    of_tensors = ThresholdLookup(thresholds, torch.device("cpu"))
    assert of_tensors(torch.from_numpy(values)).tolist() == expected.tolist()


def test_every_decimal_number_reaches_itself() -> None:
    # float32(0.7) is below 0.7, and float32(0.3) above 0.3: rounded alike, both reach.
    values = np.arange(1, 1000) / 1000
    lookup = ThresholdLookup(values, "cpu")
    assert lookup(values.astype(np.float32)).tolist() == list(range(1, 1000))


def test_thresholds_go_from_the_one_that_most_images_reach() -> None:
    assert RuleThresholds.of("probability", [0.5, 0.1]).thresholds.tolist() == [0.1, 0.5]
    assert RuleThresholds.of("top_k", [1, 5]).thresholds.tolist() == [5, 1]
    assert RuleThresholds.of("calibrated", [0.01, 0.1]).thresholds.tolist() == [0.1, 0.01]
