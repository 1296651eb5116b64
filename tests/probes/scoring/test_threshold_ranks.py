from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.records import MOMENTS
from probes.scoring import threshold_ranks
from probes.scoring.threshold_lookup import RuleThresholds
from probes.scoring.threshold_ranks import CURVE, Pairs, RankLog, second_moments


def naive(
    ranks: np.ndarray, group: np.ndarray, cluster: np.ndarray, t: int, g: int, *, inverted: bool
) -> list:
    """`MOMENTS` of one group at the threshold number t, cluster by cluster."""
    own = group == g
    n = own.sum()
    names = np.unique(cluster[own])
    size = np.array([(own & (cluster == k)).sum() for k in names], dtype=float)
    happened = (ranks <= t) if inverted else (ranks > t)
    x = np.array([(own & (cluster == k) & happened).sum() for k in names], dtype=float)
    w = np.array([1 / (1 - s / n) if s < n else 0.0 for s in size])
    return [
        len(names), (x > 0).sum(), (x < size).sum(), (w * x * x).sum(), (w * x * size).sum(),
        (w * size**2).sum(), (size**2).sum(), (size**3).sum(), (size**4).sum(),
    ]  # fmt: skip


@given(seed=st.integers(0, 10_000), inverted=st.booleans(), n=st.integers(1, 60))
def test_second_moments_equal_a_loop_over_clusters(seed: int, inverted: bool, n: int) -> None:
    rng = np.random.default_rng(seed)
    thresholds, groups = int(rng.integers(1, 6)), int(rng.integers(1, 4))
    group, cluster = rng.integers(-1, groups, n), rng.integers(0, 8, n)
    ranks = rng.integers(0, thresholds + 1, n).astype(np.uint8)
    found = second_moments(
        ranks, Pairs.of(group, cluster, n_groups=groups), n_thresholds=thresholds, inverted=inverted
    )
    assert found.shape == (thresholds, groups, len(MOMENTS))
    for t in range(thresholds):
        for g in range(groups):
            expected = naive(ranks, group, cluster, t, g, inverted=inverted)
            np.testing.assert_allclose(found[t, g], expected, atol=1e-9)


@pytest.mark.parametrize("size", [1, 7, 64])
def test_second_moments_do_not_depend_on_the_size_of_a_block(
    size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the last bit: sums of floats are added up in one order."""
    rng = np.random.default_rng(size)
    group, cluster = rng.integers(-1, 3, 500), rng.integers(0, 120, 500)
    ranks = rng.integers(0, 5, 500).astype(np.uint8)

    def moments() -> bytes:
        own = Pairs.of(group, cluster, n_groups=3)
        return second_moments(ranks, own, n_thresholds=4, inverted=False).tobytes()

    whole = moments()
    monkeypatch.setattr(threshold_ranks, "BLOCK_IMAGES", size)
    assert moments() == whole


def log_of(ranks: np.ndarray, *, rules: list[RuleThresholds], curve: np.ndarray) -> RankLog:
    log = RankLog(ranks.shape[1], n_specifications=1, rules=rules, curve=curve, inverted=[False])
    log.add(0, 0, dict.fromkeys(log.ranks, ranks))
    return log


def test_counts_by_cluster_are_the_images_that_reach_each_threshold() -> None:
    ranks = np.array([[0, 1, 2, 2, 1, 0]])
    log = log_of(ranks, rules=[RuleThresholds.of("probability", [0.2, 0.5])], curve=np.zeros(0))
    counts = log.cluster_counts(0, "probability", np.array([0, 0, 0, 1, 1, -1]), np.array([3, 2]))
    assert counts.tolist() == [[[2, 2], [1, 1]]]  # of 0, 1, 2 and of 2, 1; the last image is in no group


def test_levels_beyond_the_memory_lie_in_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threshold_ranks, "IN_MEMORY", 0)
    log = log_of(np.array([[1, 0, 1]]), rules=[RuleThresholds.of("argmax")], curve=np.array([0.5]))
    assert isinstance(log.ranks["argmax"], np.memmap)
    assert log.ranks[CURVE][0, 0].tolist() == [1, 0, 1]
    assert log.cluster_counts(0, "argmax", np.array([0, 1, 1]), np.array([1, 2])).tolist() == [[[1, 1]]]
