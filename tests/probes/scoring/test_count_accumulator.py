"""Three images by hand: two of truth "a" in cell 0, one of truth "b" in cell 1; the second is called "b"."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from probes.scoring.count_accumulator import Answers, CountAccumulator
from probes.scoring.threshold_lookup import RuleThresholds
from probes.scoring.threshold_ranks import CURVE
from probes.suite.classification_probe import MISCLASSIFIED

CELLS = torch.tensor([0, 0, 1])
GIVEN = torch.tensor([[1, 0, 0], [0, 1, 1]], dtype=torch.int32)  # [C, N]: a, then b and b
PROBABILITIES = torch.tensor([[0.8, 0.3, 0.4], [0.2, 0.7, 0.6]])


def accumulator(*, truth: bool = True, curve: tuple[float, ...] = (0.0, 0.5, 1.0)) -> CountAccumulator:
    outcomes = {"harm": "harm"} | ({MISCLASSIFIED: MISCLASSIFIED} if truth else {})
    return CountAccumulator(
        classes=["a", "b"], sets={"harm": [1], "none": []},
        right=np.array([[True, False], [False, True]]) if truth else None,
        rules=[RuleThresholds.of("argmax")], curve=np.array(curve), outcomes=outcomes, n_cells=2,
        device=torch.device("cpu"),
    )  # fmt: skip


def add(own: CountAccumulator, given: torch.Tensor = GIVEN, **more: object) -> Answers:
    return own.add({"argmax": given}, PROBABILITIES, CELLS, **more)  # type: ignore[arg-type]


def test_classes_sets_and_misclassifications_by_cell() -> None:
    own = accumulator()
    answers = add(own)
    counts = own.counts()
    assert counts.events == ("harm", "none", MISCLASSIFIED)
    # Columns a, b, harm, the empty set, misclassified; one threshold, two cells.
    assert counts.hits["argmax"].tolist() == [[[1, 1, 1, 0, 1], [0, 1, 1, 0, 0]]]
    assert answers.happened["argmax"][:, 0].tolist() == [[False, True, True], [False, True, False]]


def test_the_curve_counts_what_reaches_each_threshold() -> None:
    own = accumulator()
    answers = add(own)
    # Harm has .2, .7 | .6; the right classes .8, .3 | .6, and an image is misclassified below the threshold.
    # No threshold is reached by a set without classes, not even 0.
    expected = [[[2, 0, 0], [1, 0, 0]], [[1, 0, 1], [1, 0, 0]], [[0, 0, 2], [0, 0, 1]]]
    assert own.counts().curve.tolist() == expected
    assert answers.ranks[CURVE].tolist() == [[1, 2, 2], [2, 1, 2]]


def test_joint_counts_with_the_baseline() -> None:
    baseline = add(accumulator()).happened
    everything_a = torch.tensor([[1, 1, 1], [0, 0, 0]], dtype=torch.int32)
    own = accumulator()
    add(own, everything_a, baseline=baseline)
    # Neither, only this, only the baseline, both: harm F/F and T/F in cell 0, T/F in cell 1;
    # misclassified F/F and T/F, and the image of truth b is wrong now.
    harm, wrong = own.counts().pairs["argmax"][:, 0]
    assert harm.tolist() == [[1, 0, 1, 0], [0, 0, 1, 0]]
    assert wrong.tolist() == [[1, 0, 1, 0], [0, 1, 0, 0]]
    assert add(accumulator(), baseline=None) and accumulator().counts().pairs == {}


def test_chunks_add_up_as_the_sum_of_their_counts() -> None:
    both, one = accumulator(), accumulator()
    add(both)
    add(both)
    add(one)
    twice = one.counts() + one.counts()
    np.testing.assert_array_equal(both.counts().hits["argmax"], twice.hits["argmax"])
    np.testing.assert_array_equal(both.counts().curve, twice.curve)


def test_without_a_truth_there_is_no_misclassification_and_without_a_curve_no_points() -> None:
    own = accumulator(truth=False, curve=())
    answers = add(own)
    assert own.counts().events == ("harm", "none")
    assert own.counts().hits["argmax"].tolist() == [[[1, 1, 1, 0], [0, 1, 1, 0]]]
    assert own.counts().curve.shape == (0, 2, 2)
    assert CURVE not in answers.ranks


@pytest.mark.parametrize("share", [0.0, 0.05, 0.24, 0.26, 1.0])
def test_few_or_many_ranks_above_zero_are_counted_alike(share: float) -> None:
    rng = np.random.default_rng(0)
    ranks = np.where(rng.random((9, 200)) < share, rng.integers(1, 4, (9, 200)), 0).astype(np.int32)
    cells = rng.integers(0, 5, 200)
    own = CountAccumulator(
        classes="abcdefghi", sets={}, right=None, rules=[RuleThresholds.of("probability", [0.1, 0.2, 0.3])],
        curve=np.zeros(0), outcomes={}, n_cells=6, device="cpu",
    )  # fmt: skip
    own.add({"probability": ranks}, np.zeros((9, 200), np.float32), cells)
    naive = np.zeros((3, 6, 9), np.int64)  # threshold, cell, class
    for row, image in np.ndindex(9, 200):
        naive[: ranks[row, image], cells[image], row] += 1
    np.testing.assert_array_equal(own.counts().hits["probability"], naive)
