"""Re-ranking against the algorithms as they are printed, and what they promise of every prefix."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probes.mitigation.methods.reranking import NOBODY, RERANKERS, DetCons, DetGreedy, DetRelaxed


def printed(name: str, scores: list[float], groups: list[int], target: list[float]) -> list[int]:
    """Algorithms 1 and 2 of Geyik et al., an image at a time; a group without images left takes no part."""
    own = {
        g: sorted((i for i in range(len(scores)) if groups[i] == g), key=lambda i: -scores[i])
        for g in range(len(target))
    }
    counts = dict.fromkeys(own, 0)
    order: list[int] = []

    def next_score(g: int) -> float:
        return scores[own[g][counts[g]]]

    def up(value: float) -> int:
        return math.ceil(value - 1e-9)

    for k in range(1, len(scores) + 1):
        left = [g for g in own if counts[g] < len(own[g])]
        below_min = [g for g in left if counts[g] < math.floor(k * target[g] + 1e-9)]
        below_max = [g for g in left if counts[g] < up(k * target[g])]
        if below_min:
            chosen = max(below_min, key=next_score)
        elif not below_max:
            chosen = max(left, key=next_score)
        elif name == "det_greedy":
            chosen = max(below_max, key=next_score)
        else:
            due = {g: up(k * target[g]) / target[g] if target[g] else math.inf for g in below_max}
            if name == "det_relaxed":
                due = {g: up(value) for g, value in due.items()}
            soonest = [g for g in below_max if due[g] <= min(due.values()) + 1e-9]
            chosen = max(soonest, key=next_score)
        order.append(own[chosen][counts[chosen]])
        counts[chosen] += 1
    return order


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 2), min_size=1, max_size=40),
    st.sampled_from([[0.5, 0.3, 0.2], [1 / 3, 1 / 3, 1 / 3], [0.7, 0.3, 0.0]]),
    st.integers(0, 1000),
)
def test_the_order_is_that_of_the_printed_algorithms(
    groups: list[int], target: list[float], seed: int
) -> None:
    scores = np.sort(np.random.default_rng(seed).random(len(groups)))[::-1]
    for name, method in RERANKERS.items():
        found = method().order(np.array([groups]), np.array(target))
        assert found[0].tolist() == printed(name, scores.tolist(), groups, target), name


def test_a_ranking_with_one_group_on_top_by_hand() -> None:
    # Four men come first, halves are wanted. k=1: both may come, the highest score is place 0. k=2:
    # floor(2/2) = 1, the women are behind: place 4. k=3: as k=1: place 1. And so on.
    ranked = np.array([[0, 0, 0, 0, 1, 1]])
    assert DetGreedy().order(ranked, np.array([0.5, 0.5])).tolist() == [[0, 4, 1, 5, 2, 3]]
    assert DetGreedy().order(ranked, np.array([0.5, 0.5]), places=2).tolist() == [[0, 4]]


def test_cons_and_relaxed_differ_from_greedy_by_who_is_due_soonest() -> None:
    # Shares .6, .3, .1 at k=1: ceil(k p) = 1 for all; due at 1/.6 = 1.67, 3.33 and 10. Greedy takes place 0
    # (group 2), the others group 0, whose best image is at place 2.
    ranked = np.array([[2, 1, 0, 0, 0, 0, 0, 0, 1, 1]])
    target = np.array([0.6, 0.3, 0.1])
    first = {method: method().order(ranked, target)[0, 0] for method in (DetGreedy, DetCons, DetRelaxed)}
    assert list(first.values()) == [0, 2, 2]


@pytest.mark.parametrize("method", RERANKERS.values())
def test_no_prefix_lacks_what_a_group_is_owed(method: type[DetGreedy]) -> None:
    rng = np.random.default_rng(1)
    target = np.array([0.6, 0.4])
    ranked = np.sort(rng.integers(0, 2, size=(5, 200)), axis=1)
    places = np.arange(1, 101)
    order = method().order(ranked, target, places=100)
    counts = np.stack([np.cumsum(np.take_along_axis(ranked, order, axis=1) == g, axis=1) for g in (0, 1)])
    assert (counts >= np.floor(target[:, None, None] * places + 1e-9)).all()
    # Within a group the order of the scores stays.
    for row, own in zip(order, ranked, strict=True):
        assert all((np.diff(row[own[row] == g]) > 0).all() for g in (0, 1))


def test_rankings_of_unequal_length_and_target_are_each_their_own() -> None:
    long, short = [0, 0, 1, 1, 0], [1, 1, 0]
    both = np.array([long, [*short, NOBODY, NOBODY]])
    targets = np.array([[0.5, 0.5], [0.9, 0.1]])
    found = DetGreedy().order(both, targets)
    assert found[0].tolist() == DetGreedy().order(np.array([long]), targets[0])[0].tolist()
    assert found[1].tolist() == [*DetGreedy().order(np.array([short]), targets[1])[0].tolist(), 5, 5]
