from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest

from audit.statistics.multiplicity import holm
from audit.statistics.variation.specification_curve_test import (
    Images,
    JointCounts,
    _Kinds,
    cluster_covariance,
    curve_p,
    difference_covariance,
)

BITS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])


def test_the_covariance_is_that_of_the_images() -> None:
    rng = np.random.default_rng(3)
    images = rng.integers(0, 2, (40, 3)) | rng.integers(0, 2, (40, 1))
    bits, counts = np.unique(images, axis=0, return_counts=True)
    other = np.zeros_like(counts)
    other[0] = 5
    # A side whose images are all alike adds nothing, so this is the covariance of one mean of 40 images.
    expected = np.cov(images, rowvar=False) / 40
    np.testing.assert_allclose(difference_covariance(bits, counts, other), expected, atol=1e-15)


def test_one_image_has_no_covariance() -> None:
    lone = np.array([1, 0, 0, 0])
    assert np.isnan(difference_covariance(BITS, lone, np.array([2, 2, 2, 2]))).all()


def _exact_p(group: np.ndarray, reference: np.ndarray) -> float:
    """By every way to choose the group's images."""
    images = np.repeat(BITS, group + reference, axis=0)
    n, total = int(group.sum()), len(images)
    rate = images.mean(axis=0)
    error = np.sqrt(rate * (1 - rate) * (1 / n + 1 / (total - n)))

    def statistic(chosen: np.ndarray) -> float:
        rest = (images.sum(axis=0) - chosen) / (total - n)
        return abs(float(np.mean((chosen / n - rest) / error)))

    observed = statistic(group @ BITS)
    every = [statistic(images[list(rows)].sum(axis=0)) for rows in itertools.combinations(range(total), n)]
    return float(np.mean(np.array(every) >= observed - 1e-12))


def test_the_p_of_a_curve_is_that_of_all_permutations() -> None:
    group, reference = np.array([1, 1, 1, 4]), np.array([4, 1, 2, 1])
    p = curve_p(BITS, group, reference, rng=np.random.default_rng(0), draws=20_000)
    assert p == pytest.approx(_exact_p(group, reference), abs=0.01)


def test_the_p_of_a_curve_is_uniform_without_disparity() -> None:
    rng = np.random.default_rng(5)
    chances = [0.5, 0.1, 0.1, 0.3]
    p = [
        curve_p(BITS, rng.multinomial(40, chances), rng.multinomial(90, chances), rng=rng, draws=199)
        for _ in range(400)
    ]
    assert np.mean(np.array(p) <= 0.05) == pytest.approx(0.05, abs=0.03)
    assert np.mean(np.array(p) <= 0.5) == pytest.approx(0.5, abs=0.08)


def test_empty_sides_and_constant_events() -> None:
    rng = np.random.default_rng(0)
    some, none = np.array([1, 2, 3, 4]), np.zeros(4, dtype=int)
    assert np.isnan(curve_p(BITS, some, none, rng=rng))
    always = np.array([0, 0, 0, 7])
    assert curve_p(BITS, always, always, rng=rng) == 1.0


def _images(events: np.ndarray, label: np.ndarray, cluster: np.ndarray) -> tuple[np.ndarray, Images]:
    bits, bit_string = np.unique(events, axis=0, return_inverse=True)
    return bits, Images(group=label, bit_string=bit_string, cluster=cluster)


def test_single_images_as_clusters_have_the_covariance_of_images() -> None:
    rng = np.random.default_rng(7)
    events, label = rng.integers(0, 2, (400, 3)), rng.integers(0, 2, 400)
    bits, images = _images(events, label, np.arange(400))
    counts = [np.bincount(images.bit_string[label == side], minlength=len(bits)) for side in (1, 0)]
    # They differ in what a sample loses by its own mean: 200 / 199 on either side against 400 / 399.
    expected = difference_covariance(bits, *counts)
    np.testing.assert_allclose(cluster_covariance(bits, images, group_code=1), expected, rtol=0.01, atol=1e-7)


@pytest.mark.parametrize("drawings", [True, False])
def test_the_covariance_of_clusters_is_that_of_sampling_them(drawings: bool) -> None:
    # Drawings in four tones, two of them of the group, or persons of either label with four photos.
    rng = np.random.default_rng(8)
    differences, covariances = [], []
    for _ in range(1000):
        cluster = np.repeat(np.arange(60), 4)
        label = np.tile([0, 0, 1, 1], 60) if drawings else np.repeat(rng.integers(0, 2, 60), 4)
        level = rng.random(60)[cluster][:, None] + 0.2 * rng.standard_normal((240, 2))
        events = (level > 0.6).astype(int)
        bits, images = _images(events, label, cluster)
        differences.append(events[label == 1].mean(axis=0) - events[label == 0].mean(axis=0))
        covariances.append(cluster_covariance(bits, images, group_code=1))
    estimated, sampled = np.mean(covariances, axis=0), np.cov(np.array(differences).T)
    # Five standard errors of a variance from a thousand samples: 5 sqrt(2 / 1000).
    np.testing.assert_allclose(estimated, sampled, atol=0.22 * sampled[0, 0])


def test_one_cluster_has_no_covariance() -> None:
    bits, images = _images(np.array([[0], [1], [1]]), np.array([0, 0, 1]), np.zeros(3, dtype=int))
    assert np.isnan(cluster_covariance(bits, images, group_code=1)).all()


def persons(rng: np.random.Generator, n: int, photos: int, *, same: bool = False) -> np.ndarray:
    """Events [n * photos, 8] of persons, ICC .3; classified alike under all specifications, or anew."""
    level = rng.beta(0.7, 1.63, n).repeat(photos)
    draws = rng.random((n * photos, 1 if same else 8))
    return np.broadcast_to(draws < level[:, None], (n * photos, 8)).astype(int)


def p_of(events: np.ndarray, group: np.ndarray, cluster: np.ndarray, *, seed: int) -> float:
    bits, bit_string = np.unique(events, axis=0, return_inverse=True)
    counts = [np.bincount(bit_string.ravel()[group == side], minlength=len(bits)) for side in (1, 0)]
    images = Images(group=group, bit_string=bit_string.ravel(), cluster=cluster)
    rng = np.random.default_rng(seed)
    return curve_p(bits, *counts, rng=rng, draws=399, images=images, group_code=1)


@pytest.mark.parametrize(
    ("case", "samples"),
    [("unequal sizes", 200), ("unequal consistency", 200), ("few consistent images", 400)],
)
def test_equal_rates_keep_their_level_if_the_sides_are_unlike(case: str, samples: int) -> None:
    """20 single images against 60 persons x 20; 80 consistent images against 400 that are not; 12 against 48.

    Without the error of the difference, the first two rejected in .30 and .40; with each side's own variance
    in it, the last one in .112 (1,000 samples). Three standard errors above .05 are .096 and .083.
    """
    alarms = 0
    for seed in range(samples):
        rng = np.random.default_rng(seed)
        if case == "unequal sizes":
            events = np.vstack([persons(rng, 20, 1), persons(rng, 60, 20)])
            group = np.repeat([1, 0], [20, 1200])
            cluster = np.concatenate([np.arange(20), 20 + np.arange(60).repeat(20)])
        else:
            sizes = (12, 48) if case.startswith("few") else (80, 400)
            events = np.vstack([persons(rng, sizes[0], 1, same=True), persons(rng, sizes[1], 1)])
            group, cluster = np.repeat([1, 0], sizes), np.arange(sum(sizes))
        alarms += p_of(events, group, cluster, seed=seed) <= 0.05
    assert alarms / samples <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / samples)


def test_the_error_of_a_side_by_hand() -> None:
    """Two images of 0 and 4 against four of 0, 0, 0 and 4, of at most 4: all answer as alike as can be.

    Of such images a side's variance of the mean is pooled mean (4 - mean) / n x n / (n - 1), whatever its
    own mean: the pooled mean is 8 / 6, so 8/6 x 16/6 = 3.56, over 1 and over 3.
    """
    values, inside = np.array([0.0, 4, 0, 0, 0, 4]), np.arange(6) < 2
    kinds = _Kinds.of(values, inside, np.arange(6), most=4.0)
    expected = (2 - 1) / np.sqrt(8 / 6 * 16 / 6 * (1 / 1 + 1 / 3))
    assert kinds.t(kinds.observed[None])[0] == pytest.approx(expected)


def test_a_clear_gap_passes_in_a_family_of_126_groups() -> None:
    """999 draws would make the least adjusted p .126; the tail reaches below .01."""
    rng = np.random.default_rng(2)
    events = persons(rng, 600, 1)
    events[:60] |= (rng.random(60) < 0.4)[:, None]
    own = p_of(events, (np.arange(600) < 60).astype(int), np.arange(600), seed=0)
    assert holm(np.concatenate([[own], np.full(125, 0.5)]))[0] < 0.01


def weighted_images(seed: int, *, tied: bool = True) -> tuple[Images, np.ndarray]:
    """Images of 40 clusters with whole weights; group codes 0 and 1 of clusters, or of images if not tied."""
    rng = np.random.default_rng(seed)
    cluster = np.sort(rng.integers(0, 40, 150))
    group = (cluster >= 15).astype(np.int64) if tied else rng.integers(0, 2, 150)
    weight = rng.integers(1, 4, 150)
    images = Images(
        group=group, bit_string=rng.integers(0, 4, 150), cluster=cluster, weight=weight.astype(float)
    )
    return images, weight


def test_weighted_covariance_and_rates_are_those_of_copies() -> None:
    images, weight = weighted_images(0)
    copies = [np.repeat(each, weight) for each in (images.group, images.bit_string, images.cluster)]
    plain = Images(group=copies[0], bit_string=copies[1], cluster=copies[2])
    np.testing.assert_allclose(
        cluster_covariance(BITS, images, group_code=0), cluster_covariance(BITS, plain, group_code=0)
    )
    counts = np.stack([np.bincount(images.bit_string[images.group == g], minlength=4) for g in (0, 1)])
    joint = JointCounts(
        specifications=pd.DataFrame(), bits=BITS, counts=counts, names=["a", "b"], images=images
    )
    same = JointCounts(
        specifications=pd.DataFrame(), bits=BITS, counts=counts, names=["a", "b"], images=plain
    )
    np.testing.assert_allclose(joint.rate_covariance("a"), same.rate_covariance("a"))
    own = BITS[plain.bit_string[plain.group == 0]].mean(axis=0)
    np.testing.assert_allclose(joint.rates("a", "b")[0], own)


@pytest.mark.parametrize("tied", [True, False])
def test_the_weighted_curve_test_keeps_its_size(tied: bool) -> None:
    """Weights that go with the outcome and differ between groups: equal weighted rates, other plain ones.

    With group 0 each event weighs 2, and happens at p = 1/3, so that its weighted rate is 1/2, as that of
    group 1, where all weigh 1.
    """
    rng, found = np.random.default_rng(2), []
    for _ in range(120):
        group = np.repeat([0, 1], [60, 120]) if tied else rng.permutation(np.repeat([0, 1], [60, 120]))
        event = rng.random(180) < np.where(group == 0, 1 / 3, 1 / 2)
        weight = np.where((group == 0) & event, 2.0, 1.0)
        cluster = np.arange(180) if tied else np.arange(180) // 2
        bit_string = np.where(event, 3, 0)
        images = Images(group=group, bit_string=bit_string, cluster=cluster, weight=weight)
        counts = [np.bincount(bit_string[group == g], minlength=4) for g in (0, 1)]
        found.append(curve_p(BITS, *counts, rng=rng, draws=199, images=images, group_code=0))
    # .05 of 120 with three standard errors; without weights, two in three are rejected.
    assert np.mean(np.array(found) < 0.05) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 120)
