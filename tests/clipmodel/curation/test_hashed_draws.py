"""Draws that depend on the pair alone, and the smallest of them against sorting."""

from __future__ import annotations

import numpy as np
import pytest

from clipmodel.curation import hashed_draws as draws_module
from clipmodel.curation.hashed_draws import HIGHEST, SmallestDraws, draws, identities, query_salts

MASK = 2**64 - 1


def splitmix(x: int) -> int:
    """The finaliser as published, on Python's integers."""
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


def test_draws_are_the_published_finaliser_of_both_hashes() -> None:
    identity, salt = identities(["a", "b", "c"], None), query_salts(["x", "y", "z"], 0)
    expected = [splitmix(int(i) ^ int(s)) for i, s in zip(identity, salt, strict=True)]
    assert draws(identity, salt).tolist() == expected


def test_identities_of_key_and_text() -> None:
    alone, keyed = identities(["a", "a", "b"], None), identities(["a", "a", "b"], ["1", "2", "1"])
    assert alone[0] == alone[1] != alone[2]
    assert len(set(keyed.tolist()) | set(alone.tolist())) == 5


def test_the_seed_changes_every_salt() -> None:
    one, other = (query_salts(["x", "y"], seed) for seed in (0, 1))
    assert (one != other).all()
    assert (one == query_salts(["x", "y"], 0)).all()


def test_draws_of_all_pairs_are_uniform_and_unrelated() -> None:
    identity = identities([f"caption {i}" for i in range(1000)], None)
    salt = query_salts([f"query {i}" for i in range(20)], 0)
    share = draws(identity[:, None], salt[None, :]) / 2.0**64
    # Means of 1,000 uniform draws: standard error 1 / sqrt(12 * 1000); correlations: 1 / sqrt(1000).
    assert np.abs(share.mean(axis=0) - 0.5).max() < 4 / np.sqrt(12_000)
    correlations = np.corrcoef(share.T)[np.triu_indices(20, k=1)]
    assert np.abs(correlations).max() < 4.5 / np.sqrt(1000)


@pytest.fixture
def pairs() -> tuple[np.ndarray, np.ndarray]:
    """2,000 pairs of 8 queries; the last query has one, and few different draws make ties."""
    rng = np.random.default_rng(2)
    queries = rng.integers(0, 7, size=2000).astype(np.int32)
    queries[1234] = 7
    return queries, rng.integers(0, 400, size=2000).astype(np.uint64)


def naive_limits(queries: np.ndarray, values: np.ndarray, t: int) -> list[tuple[int, int]]:
    limits = []
    for query in range(8):
        smallest = sorted(values[queries == query].tolist())[:t]
        full = len(smallest) == t
        limits.append((smallest[-1], smallest.count(smallest[-1])) if full else (int(HIGHEST), t))
    return limits


@pytest.mark.parametrize("t", [1, 2, 25, 5000])
@pytest.mark.parametrize("waiting", [1, 100, 10_000])
def test_smallest_draws_are_those_of_sorting(
    pairs: tuple[np.ndarray, np.ndarray], t: int, waiting: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(draws_module, "_COMPACT_FROM", waiting)
    smallest = SmallestDraws(8, t)
    for start in range(0, 2000, 90):
        smallest.add(pairs[0][start : start + 90], pairs[1][start : start + 90])
    assert list(zip(*(part.tolist() for part in smallest.limits()), strict=True)) == naive_limits(*pairs, t)


def test_shards_merge_in_any_order(pairs: tuple[np.ndarray, np.ndarray]) -> None:
    parts = []
    for start in range(0, 2000, 500):
        part = SmallestDraws(8, 25)
        part.add(pairs[0][start : start + 500], pairs[1][start : start + 500])
        parts.append(part)
    merged = SmallestDraws(8, 25)
    for part in parts[::-1]:
        merged.merge(part)
    found = [part.tolist() for part in merged.limits()]
    assert list(zip(*found, strict=True)) == naive_limits(*pairs, 25)


def test_no_pairs_give_no_limits() -> None:
    draw, room = SmallestDraws(3, 5).limits()
    assert (draw == HIGHEST).all()
    assert room.tolist() == [5, 5, 5]
