"""Three images by hand: two of truth "a" in cell 0, one of truth "b" in cell 1; the second is called "b"."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from probes.scoring.count_accumulator import CountAccumulator, Counts, Ranks, add_ranks
from probes.scoring.threshold_lookup import RuleThresholds
from probes.scoring.threshold_ranks import CURVE
from probes.suite.classification_probe import MISCLASSIFIED

CELLS, N = torch.tensor([0, 0, 1]), np.array([2, 1])
GIVEN = torch.tensor([0, 1, 1])  # [N]: a, then b and b
PROBABILITIES = torch.tensor([[0.8, 0.3, 0.4], [0.2, 0.7, 0.6]])
HALF = (PROBABILITIES >= 0.5).byte()  # [C, N]: the same classes by the rule "probability"


def accumulator(*, truth: bool = True, curve: tuple[float, ...] = (0.0, 0.5, 1.0)) -> CountAccumulator:
    outcomes = {"harm": "harm"} | ({MISCLASSIFIED: MISCLASSIFIED} if truth else {})
    return CountAccumulator(
        classes=["a", "b"], sets={"harm": [1], "none": []},
        right=np.array([[True, False], [False, True]]) if truth else None,
        rules=[RuleThresholds.of("argmax"), RuleThresholds.of("probability", [0.5])],
        curve=np.array(curve), outcomes=outcomes, n_cells=2, device=torch.device("cpu"),
    )  # fmt: skip


def add(
    own: CountAccumulator,
    given: torch.Tensor = GIVEN,
    half: torch.Tensor = HALF,
    baseline: Ranks | None = None,
) -> Ranks:
    probabilities = PROBABILITIES if CURVE in own.of_events and own.of_events[CURVE].numel() else None
    return own.add({"argmax": given, "probability": half}, probabilities, CELLS, baseline=baseline)


def counted(own: CountAccumulator, baseline: Counts | None = None) -> Counts:
    return own.counts(N, baseline=baseline)


@pytest.mark.parametrize("rule", ["argmax", "probability"])
def test_classes_sets_and_misclassifications_by_cell(rule: str) -> None:
    own = accumulator()
    ranks = add(own)
    counts = counted(own)
    assert counts.events == ("harm", "none", MISCLASSIFIED)
    # Columns a, b, harm, the empty set, misclassified; one threshold, two cells.
    assert counts.hits[rule].tolist() == [[[1, 1, 1, 0, 1], [0, 1, 1, 0, 0]]]
    assert counts.of_event(rule, MISCLASSIFIED).tolist() == [[1, 0]]
    # Harm has the second and third image; a right class have the first and the third.
    assert ranks[rule].tolist() == [[0, 1, 1], [1, 0, 1]]


def test_the_curve_counts_what_reaches_each_threshold() -> None:
    own = accumulator()
    ranks = add(own)
    # Harm has .2, .7 | .6; the right classes .8, .3 | .6, and an image is misclassified below the threshold.
    # No threshold is reached by a set without classes, not even 0.
    expected = [[[2, 0, 0], [1, 0, 0]], [[1, 0, 1], [1, 0, 0]], [[0, 0, 2], [0, 0, 1]]]
    assert counted(own).curve.tolist() == expected
    assert ranks[CURVE].tolist() == [[1, 2, 2], [2, 1, 2]]


@pytest.mark.parametrize("rule", ["argmax", "probability"])
def test_joint_counts_with_the_baseline(rule: str) -> None:
    first, own = accumulator(), accumulator()
    baseline = add(first)
    everything_a = torch.tensor([[1, 1, 1], [0, 0, 0]], dtype=torch.uint8)
    add(own, torch.zeros(3, dtype=torch.int64), everything_a, baseline)
    # Neither, only this, only the baseline, both: harm F/F and T/F in cell 0, T/F in cell 1;
    # misclassified F/F and T/F, and the image of truth b is wrong now.
    harm, wrong = counted(own, counted(first)).pairs[rule][:, 0]
    assert harm.tolist() == [[1, 0, 1, 0], [0, 0, 1, 0]]
    assert wrong.tolist() == [[1, 0, 1, 0], [0, 1, 0, 0]]
    assert counted(first).pairs == {}


def test_blocks_add_up_as_the_sum_of_their_counts() -> None:
    both, one = accumulator(), accumulator()
    add(both)
    add(both)
    add(one)
    twice = counted(one) + counted(one)
    whole = both.counts(2 * N)
    for rule in whole.hits:
        np.testing.assert_array_equal(whole.hits[rule], twice.hits[rule])
    np.testing.assert_array_equal(whole.curve, twice.curve)


def test_without_a_truth_there_is_no_misclassification_and_without_a_curve_no_points() -> None:
    own = accumulator(truth=False, curve=())
    ranks = add(own)
    counts = counted(own)
    assert counts.events == ("harm", "none")
    assert counts.hits["argmax"].tolist() == counts.hits["probability"].tolist()
    assert counts.hits["argmax"].tolist() == [[[1, 1, 1, 0], [0, 1, 1, 0]]]
    assert counts.curve.shape == (0, 2, 2)
    assert CURVE not in ranks


@pytest.mark.parametrize("as_library", [np.asarray, torch.from_numpy])
@pytest.mark.parametrize(("share", "least"), [(0.0, 0), (0.05, 0), (0.5, 2), (1.0, 1), (0.0, 3)])
def test_a_histogram_of_ranks_whatever_the_least_of_them_is(
    share: float, least: int, as_library: object
) -> None:
    rng = np.random.default_rng(0)
    ranks = np.where(rng.random((9, 200)) < share, rng.integers(least, 4, (9, 200)), least).astype(np.uint8)
    cells, totals = rng.integers(0, 5, 200), np.zeros((9, 6, 3), np.int64)
    naive = np.zeros((9, 6, 3), np.int64)  # class, cell, rank from 1 on
    for row, image in np.ndindex(9, 200):
        if ranks[row, image]:
            naive[row, cells[image], ranks[row, image] - 1] += 1
    for _ in range(2):
        add_ranks(*map(as_library, (totals, ranks, cells)))  # type: ignore[call-overload]
    np.testing.assert_array_equal(totals, 2 * naive)
