"""The two rules: an expectation, and a cap."""

from __future__ import annotations

import numpy as np
import pytest

from clipmodel.curation.balancing import Balancer, Limits, exact_limits, probabilistic_limits
from clipmodel.curation.hashed_draws import HIGHEST, SmallestDraws, draws, identities, query_salts
from clipmodel.errors import UserError


def all_pairs(counts: list[int], seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Queries and draws, where query i is in the first counts[i] captions."""
    identity = identities([f"caption {i}" for i in range(max(counts))], None)
    salts = query_salts([f"query {i}" for i in range(len(counts))], seed)
    queries = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
    return queries, np.concatenate([draws(identity[:n], salt) for n, salt in zip(counts, salts, strict=True)])


def test_probabilities_by_hand() -> None:
    limits = probabilistic_limits(np.array([0, 9, 10, 20, 40]), 10)
    # t / max(count, t) = 1, 1, 1, 1/2, 1/4 of 2^64.
    assert limits.draw.tolist() == [int(HIGHEST)] * 3 + [2**63, 2**62]
    assert limits.room.tolist() == [10, 10, 10, 0, 0]


def test_the_probabilistic_rule_gives_t_in_expectation() -> None:
    counts, t = [50, 200, 2000], 100
    limits = probabilistic_limits(np.array(counts), t)
    n_seeds = 25
    assigned = np.zeros(3)
    for seed in range(n_seeds):
        queries, values = all_pairs(counts, seed)
        assigned += np.bincount(queries[Balancer(limits).assign(queries, values)], minlength=3)
    mean = assigned / n_seeds
    assert mean[0] == 50  # not above t: every one is kept
    for i, count in enumerate(counts[1:], start=1):
        # Binomial with count draws of probability p = t / count: mean t, variance t (1 - p).
        standard_error = np.sqrt(t * (1 - t / count) / n_seeds)
        assert abs(mean[i] - t) < 4 * standard_error


@pytest.mark.parametrize("t", [1, 100])
def test_the_exact_rule_takes_the_t_smallest(t: int) -> None:
    queries, values = all_pairs([50, 200, 1000])
    smallest = SmallestDraws(3, t)
    smallest.add(queries, values)
    assigned = Balancer(exact_limits(smallest)).assign(queries, values)
    for query in range(3):
        mine = values[queries == query]
        assert sorted(values[assigned & (queries == query)]) == sorted(mine)[:t]


def test_equal_draws_at_the_limit_are_taken_in_order_until_it_is_full() -> None:
    # Four rows of one text tie at 7 and one draw is smaller: t = 3 leaves room for two of the four.
    queries = np.zeros(6, dtype=np.int32)
    values = np.array([7, 9, 7, 2, 7, 7], dtype=np.uint64)
    smallest = SmallestDraws(1, 3)
    smallest.add(queries, values)
    balancer = Balancer(exact_limits(smallest))
    first, second = balancer.assign(queries[:1], values[:1]), balancer.assign(queries[1:], values[1:])
    assert [*first.tolist(), *second.tolist()] == [True, False, True, True, False, False]


def test_the_same_limits_serve_again() -> None:
    limits = Limits(np.array([5], dtype=np.uint64), np.array([1]))
    pair = np.zeros(1, dtype=np.int32), np.array([5], dtype=np.uint64)
    assert [Balancer(limits).assign(*pair).tolist() for _ in range(2)] == [[True], [True]]


@pytest.mark.parametrize("t", [0, -1])
def test_a_cap_below_one_is_refused(t: int) -> None:
    with pytest.raises(UserError, match="would keep none"):
        probabilistic_limits(np.array([1]), t)
    with pytest.raises(UserError, match="would keep none"):
        exact_limits(SmallestDraws(1, t))
