"""Events of three classes a, b, c: a set of two, one without classes, and the truths of three cells."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from probes.scoring.class_events import ClassEvents
from probes.suite.classification_probe import MISCLASSIFIED

RIGHT = np.array([[True, False, False], [False, True, True], [False, False, False]])
VALUES = np.array([[0.5, 0.1, 0.2], [0.3, 0.2, 0.3], [0.2, 0.7, 0.5]], np.float32)  # [C, N]
CELLS = np.array([0, 1, 2])


def events(right: np.ndarray | None = RIGHT) -> ClassEvents:
    return ClassEvents({"ac": [2, 0], "none": []}, right, n_classes=3, device="cpu")


def test_the_greatest_of_each_event_and_of_the_right_classes() -> None:
    assert events().names == ("ac", "none", MISCLASSIFIED)
    # Of the right classes: a of the first image, b or c of the second; none is right for the third.
    expected = np.array([[0.5, 0.7, 0.5], [-1, -1, -1], [0.5, 0.7, -1]], np.float32)
    np.testing.assert_array_equal(events().greatest(VALUES, CELLS, nothing=-1), expected)
    np.testing.assert_array_equal(events(None).greatest(VALUES, CELLS, nothing=-1), expected[:2])


def test_nan_of_a_right_class_stays_nan() -> None:
    values = VALUES.copy()
    values[2, 1] = np.nan
    assert np.isnan(events().greatest(values, CELLS, nothing=-1)[2, 1])


def test_whether_events_hold_the_one_class() -> None:
    position = np.array([0, 2, 0])
    found = events().reached_by(position, CELLS, events=[0, 1, 2])
    assert found.tolist() == [[1, 1, 1], [0, 0, 0], [1, 1, 0]]
    assert events().reached_by(position, CELLS, events=[]).shape == (0, 3)


def test_sums_over_classes() -> None:
    counts = np.array([[[4, 1, 2], [0, 5, 6], [7, 0, 0]]])  # [T, G, C]
    # "ac" sums the first and last column; the right ones are a, then b and c, then none.
    assert events().sums(counts).tolist() == [[[6, 0, 4], [6, 0, 11], [7, 0, 0]]]
    assert events(None).sums(counts).tolist() == [[[6, 0], [6, 0], [7, 0]]]


@pytest.mark.parametrize("share", [0.0, 0.1, 0.7, 1.0])
def test_torch_says_the_same_of_random_truths(share: float) -> None:
    rng = np.random.default_rng(3)
    right, values = rng.random((4, 9)) < share, rng.random((9, 50)).astype(np.float32)
    cells = rng.integers(0, 4, 50)
    plain = ClassEvents({"one": [3]}, right, n_classes=9, device="cpu")
    other = ClassEvents({"one": [3]}, right, n_classes=9, device=torch.device("cpu"))
    expected = np.where(right[cells].T, values, -1).max(axis=0)
    np.testing.assert_array_equal(plain.greatest(values, cells, nothing=-1)[1], expected)
    tensors = torch.from_numpy(values), torch.from_numpy(cells)
    np.testing.assert_array_equal(other.greatest(*tensors, nothing=-1).numpy()[1], expected)
