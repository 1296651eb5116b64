from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from audit.statistics.clusters.clustered_permutation import Exchangeable, labelings_p_floor, permuted_labels
from audit.statistics.variation.specification_curve_test import Images, curve_p


def persons(n: int, *, seed: int, photos: int = 4) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Photos of n persons, one label each: events [N, 3] that go with the person, labels, clusters."""
    rng = np.random.default_rng(seed)
    cluster = np.repeat(np.arange(n), rng.integers(1, 2 * photos, n))
    label = rng.integers(0, 2, n)[cluster]
    level = rng.random(n)[cluster][:, None] + 0.1 * rng.standard_normal((len(cluster), 3))
    return (level > 0.7).astype(int), label, cluster


def drawings(n: int, *, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Drawings in five tones, label 1 in the darkest; half of them are of a kind that errs more."""
    rng = np.random.default_rng(seed)
    cluster = np.repeat(np.arange(n), 5)
    level = rng.random(n)[cluster][:, None] + 0.1 * rng.standard_normal((5 * n, 3))
    return (level > 0.7).astype(int), np.tile([0, 0, 0, 0, 1], n), cluster


def p_of(events: np.ndarray, label: np.ndarray, cluster: np.ndarray | None, *, seed: int = 0) -> float:
    """p of the curve; images are independent where no cluster is given."""
    bits, bit_string = np.unique(events, axis=0, return_inverse=True)
    counts = [np.bincount(bit_string[label == side], minlength=len(bits)) for side in (1, 0)]
    images = None if cluster is None else Images(group=label, bit_string=bit_string, cluster=cluster)
    rng = np.random.default_rng(seed)
    return curve_p(bits, *counts, rng=rng, draws=399, images=images, group_code=1)


def test_what_may_change_places() -> None:
    #          persons 3 and 4 whole; size 2 has a cluster of two labels, so all of size 2 are a block.
    clusters = np.array([3, 7, 7, 3, 9, 4, 9, 3])
    labels = np.array([0, 0, 1, 0, 1, 1, 1, 0])
    places = Exchangeable.of(labels, clusters)
    assert places.whole.tolist() == [0, 3, 7, 5]
    assert places.unit.tolist() == [0, 0, 0, 1]
    assert [block.tolist() for block in places.blocks] == [[[1, 2], [4, 6]]]


def test_permutations_are_all_that_may_be_and_equally_likely() -> None:
    clusters, labels = np.array([0, 0, 1, 1, 2, 3, 3, 3]), np.array([0, 1, 1, 1, 0, 1, 1, 1])
    # Size 2: which cluster has both labels (2), and in which order (2). Wholes: 2 and 3 keep or change (2).
    (drawn,) = permuted_labels(labels, clusters, rng=np.random.default_rng(0), draws=8000)
    found, number = np.unique(drawn, axis=0, return_counts=True)
    expected = {
        (*block, one, *(3 * (1 - one,)))
        for block, one in itertools.product([(0, 1, 1, 1), (1, 0, 1, 1), (1, 1, 0, 1), (1, 1, 1, 0)], (0, 1))
    }  # fmt: skip
    assert set(map(tuple, found.tolist())) == expected
    assert stats.chisquare(number).pvalue > 0.001


def test_the_one_scheme_reaches_twelve_labelings_of_six_images() -> None:
    """Two clusters of one label each and one of both, two images each: 3! orders of them, times 2 within."""
    labels, clusters = np.array([0, 1, 0, 0, 1, 1]), np.array([0, 0, 1, 1, 2, 2])
    places = Exchangeable.of(labels, clusters)
    (drawn,) = places.permuted(rng=np.random.default_rng(0), draws=6000)
    found, number = np.unique(drawn, axis=0, return_counts=True)
    pairs = [((0, 1), (1, 0)), ((0, 0),), ((1, 1),)]
    expected = {
        sum(chosen, ())
        for order in itertools.permutations(pairs)
        for chosen in itertools.product(*order)
    }  # fmt: skip
    assert len(expected) == 12
    assert set(map(tuple, found.tolist())) == expected
    assert stats.chisquare(number).pvalue > 0.001
    assert math.exp(places.log_labelings) == pytest.approx(12)
    assert labelings_p_floor(places) == pytest.approx(1 / 12)


def test_every_labeling_of_whole_clusters() -> None:
    """Two of four persons in the group, whatever they have of photos: six labelings."""
    clusters = np.array([0, 0, 1, 2, 2, 2, 3])
    places = Exchangeable.of(np.array([1, 1, 0, 1, 1, 1, 0]), clusters)
    every = places.every_labeling()
    assert len(np.unique(every, axis=0)) == len(every) == 6 == round(math.exp(places.log_labelings))
    assert all(len(set(row[clusters == 2])) == 1 for row in every)
    with pytest.raises(ValueError, match="one label each"):
        Exchangeable.of(np.array([0, 1]), np.array([0, 0])).every_labeling()


def test_without_clusters_nothing_changes() -> None:
    events, label, _ = persons(80, seed=2, photos=1)
    alone = np.arange(len(label))
    assert p_of(events, label, alone) == pytest.approx(p_of(events, label, None), abs=0.1)


@pytest.mark.parametrize("made", [persons, drawings])
def test_clusters_raise_a_false_alarm_in_one_of_twenty(made: object) -> None:
    alarms = {True: 0, False: 0}
    for seed in range(200):
        events, label, cluster = made(40, seed=seed)  # type: ignore[operator]
        for known in alarms:
            alarms[known] += p_of(events, label, cluster if known else None, seed=seed) <= 0.05
    assert alarms[True] <= 21  # 99.9 % of the binomial distribution of 200 tests at 5 %
    if made is persons:
        assert alarms[False] > 40  # taken as independent, photos of a person raise many


def test_a_difference_within_drawings_is_seen_through_their_differences() -> None:
    rng = np.random.default_rng(5)
    cluster = np.repeat(np.arange(60), 5)
    label = np.tile([0, 0, 0, 0, 1], 60)
    level = rng.random(60)[cluster] + 0.2 * label
    events = (level[:, None] > 0.7).astype(int)
    assert p_of(events, label, cluster) < 0.001
    assert p_of(events, label, None) > 0.01


def test_whole_drawings_change_places_where_a_group_is_in_some_of_them() -> None:
    # Women's drawings err, men's do not; the group is the dark tone of the women's.
    woman = np.repeat([1, 0], 100)
    cluster, dark = np.repeat(np.arange(40), 5), np.tile([0, 0, 0, 0, 1], 40)
    assert p_of(woman[:, None] * np.ones(3, dtype=int), woman * dark, cluster) < 0.01
