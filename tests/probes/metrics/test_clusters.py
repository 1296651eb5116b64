"""Chance that keeps clusters whole: what is exchanged, and that p of clustered noise holds its level."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest

from probes.metrics.c_asc import association_test
from probes.metrics.clusters import ClusteredGroups, numbered
from probes.metrics.ranking import counts_at, relabelled_counts, top_weights, two_sided
from probes.metrics.weat import two_groups


def people(rng: np.random.Generator, *, n_clusters: int = 24, size: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """Noise [N] that the images of a person share in part, and the person of each."""
    clusters = np.repeat(np.arange(n_clusters), size)
    return rng.normal(size=n_clusters)[clusters] + 0.5 * rng.normal(size=len(clusters)), clusters


def test_a_person_keeps_one_group_and_as_many_people_have_each() -> None:
    clusters = np.array([0, 0, 0, 1, 2, 2, 3])
    groups = np.array([0, 1, 1, 2])[clusters]
    drawn = ClusteredGroups(groups=groups, clusters=clusters)
    seen = set()
    for seed in range(60):
        dealt = drawn.permuted(np.random.default_rng(seed))
        own = [set(dealt[clusters == cluster]) for cluster in range(4)]
        assert all(len(each) == 1 for each in own)
        assert sorted(each.pop() for each in own) == [0, 1, 1, 2]
        seen.add(tuple(dealt.tolist()))
    assert len(seen) == 12  # 4! / 2!: every way to deal 0, 1, 1, 2


def test_a_drawing_in_several_groups_keeps_its_own() -> None:
    """Cluster 5 holds the groups 0, 1, 1; its images exchange them. The others are of one group."""
    clusters = numbered(np.array([5, 7, 5, 9, 5, 7]))
    groups = np.array([0, 1, 1, 0, 1, 1])
    drawn = ClusteredGroups(groups=groups, clusters=clusters)
    seen = {tuple(drawn.permuted(np.random.default_rng(seed)).tolist()) for seed in range(60)}
    assert all(sorted(np.array(each)[[0, 2, 4]]) == [0, 1, 1] for each in seen)
    assert all(each[1] == each[5] for each in seen)
    assert len(seen) == 3 * 2


def test_resampled_sums_are_of_whole_clusters() -> None:
    """Each cluster has a power of ten of its own, so the digits say how often it was drawn."""
    clusters = np.array([0, 0, 1, 1, 1, 2, 3])
    groups = np.array([0, 0, 0, 0, 0, 1, 1])
    features = np.array([1, 1, 10, 10, 10, 1, 10])[:, None].astype(float)
    drawn = ClusteredGroups(groups=groups, clusters=clusters)
    n, sums = drawn.resampled_sums(features, n_groups=2, resamples=40, seed=0)
    # Of two clusters one is drawn twice, or each once: of two and three images, of one and one.
    assert set(zip(n[:, 0], sums[:, 0, 0], strict=True)) == {(4, 4), (5, 32), (6, 60)}
    assert set(zip(n[:, 1], sums[:, 1, 0], strict=True)) == {(2, 2), (2, 11), (2, 20)}
    assert drawn.n_clusters(2).tolist() == [2, 2]


def test_copies_of_an_image_make_no_interval_shorter() -> None:
    rng = np.random.default_rng(2)
    values, groups = rng.normal(size=(60, 3)), np.repeat([0, 1], 30)
    once = association_test(values, groups, n_groups=2, permutations=9, resamples=2_000)
    five = {"n_groups": 2, "permutations": 9, "resamples": 2_000}
    copies, of_group = np.repeat(values, 5, axis=0), np.repeat(groups, 5)
    own = association_test(copies, of_group, clusters=np.repeat(np.arange(60), 5), **five)
    np.testing.assert_allclose(own.high - own.low, once.high - once.low, rtol=0.1)
    as_if_independent = association_test(copies, of_group, **five)
    assert (as_if_independent.high - as_if_independent.low < 0.6 * (own.high - own.low)).all()


def test_a_group_of_one_cluster_gets_no_interval() -> None:
    rng = np.random.default_rng(0)
    groups, clusters = np.repeat([0, 1], 6), np.array([0] * 6 + [1, 1, 2, 2, 3, 3])
    scores = association_test(rng.normal(size=(12, 1)), groups, n_groups=2, permutations=9, clusters=clusters)
    assert np.isnan(scores.low[0, 0]) and np.isfinite(scores.low[0, 1])


def test_splits_of_few_people_are_all_looked_at() -> None:
    """Four people of one to three images, two of them in the first group: six splits, by hand."""
    clusters = np.array([0, 0, 1, 2, 2, 2, 3])
    values = np.array([3.0, 2.0, 4.0, 1.0, 0.0, 2.0, 1.5])
    effect = two_groups(values[:3], values[3:], permutations=99, seed=0, clusters=clusters)
    own = [values[clusters == cluster] for cluster in range(4)]
    differences = []
    for split in combinations(range(4), 2):
        inside = np.concatenate([own[i] for i in split])
        outside = np.concatenate([own[i] for i in range(4) if i not in split])
        differences.append(inside.mean() - outside.mean())
    assert effect.exact and effect.n_splits == 6
    assert effect.p == pytest.approx(np.mean(np.array(differences) >= differences[0] - 1e-9))
    assert effect.value == pytest.approx(differences[0] / values.std(ddof=1))


def false_alarms(p: list[float]) -> float:
    return float(np.mean(np.array(p) <= 0.05))


SIMULATIONS = 200
MOST = 0.05 + 3 * math.sqrt(0.05 * 0.95 / SIMULATIONS)  # three standard errors above the level: .096


def test_clustered_noise_gives_no_more_weat_alarms_than_it_may() -> None:
    """Groups go by person and mean nothing. Taken for independent, the images give alarms in a third."""
    whole, single = [], []
    for seed in range(SIMULATIONS):
        rng = np.random.default_rng(seed)
        values, clusters = people(rng)
        first = (rng.permutation(24) < 12)[clusters]
        order = np.argsort(~first, kind="stable")
        sides = values[first], values[~first]
        whole.append(two_groups(*sides, permutations=99, seed=seed, clusters=clusters[order]).p)
        single.append(two_groups(*sides, permutations=99, seed=seed).p)
    assert false_alarms(whole) <= MOST
    assert false_alarms(single) > 0.2


def test_clustered_noise_gives_no_more_c_asc_alarms_than_it_may() -> None:
    """Three words, three groups: whether any of the nine adjusted p is below .05."""
    whole, single = [], []
    for seed in range(SIMULATIONS):
        rng = np.random.default_rng(seed)
        noise, clusters = zip(*(people(rng) for _ in range(3)), strict=True)
        groups = rng.permutation(np.repeat([0, 1, 2], 8))[clusters[0]]
        how = {"n_groups": 3, "permutations": 59, "resamples": 2, "seed": seed}
        values = np.stack(noise, axis=1)
        whole.append(association_test(values, groups, clusters=clusters[0], **how).p_adjusted.min())
        single.append(association_test(values, groups, **how).p_adjusted.min())
    assert false_alarms(whole) <= MOST
    assert false_alarms(single) > 0.2


def test_clustered_noise_puts_no_group_on_top_more_often_than_it_may() -> None:
    found = []
    for seed in range(SIMULATIONS):
        rng = np.random.default_rng(seed)
        scores, clusters = people(rng)
        groups = (rng.permutation(24) < 12)[clusters].astype(int)
        drawn = ClusteredGroups(groups=groups, clusters=clusters)
        dealt = np.stack([drawn.permuted(rng) for _ in range(99)])
        chance = relabelled_counts(dealt, top_weights(scores, 20), n_groups=2)
        found.append(two_sided(chance, counts_at(scores, groups, n_groups=2)[19])[0])
    assert false_alarms(found) <= MOST


@pytest.mark.parametrize("tie_rule", ["shared", "row order"])
def test_weights_of_the_top_are_its_counts(tie_rule: str) -> None:
    rng = np.random.default_rng(5)
    scores, groups = rng.integers(0, 6, 40).astype(float), rng.integers(0, 3, 40)
    counts = counts_at(scores, groups, n_groups=3, tie_rule=tie_rule)
    for k in (1, 7, 20, 40):
        weights = top_weights(scores, k, tie_rule=tie_rule)
        assert relabelled_counts(groups[None], weights, n_groups=3)[0] == pytest.approx(counts[k - 1])


def test_a_two_sided_p_by_hand() -> None:
    """Of nine at chance two are as low as 1 and all but two as high: 2 (1 + 2) / 10."""
    chance = np.array([0, 1, 2, 2, 3, 3, 4, 4, 5])[:, None]
    assert two_sided(chance, np.array([1.0])).tolist() == [0.6]
    assert two_sided(chance, np.array([9.0])).tolist() == [0.2]
