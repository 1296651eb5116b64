"""t from sums by cluster is that of labels laid out image by image."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from audit.statistics.clusters.clustered_means import Studentiser
from audit.statistics.clusters.clustered_permutation import Exchangeable
from audit.statistics.clusters.permuted_contrast import PermutedContrast, cluster_sums
from audit.statistics.clusters.shared_permutations import ClusterLabels

Integers = NDArray[np.int64]


def _images(seed: int) -> tuple[NDArray[np.float64], Integers, Integers]:
    """Values, labels of three groups, clusters of 1, 2, 3 and 12 images; those of 2 have one label."""
    rng = np.random.default_rng(seed)
    sizes = np.concatenate([np.ones(9, int), np.full(7, 3), np.full(5, 12), [2, 2]])
    clusters = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    labels = rng.integers(0, 3, len(clusters))
    labels[clusters >= len(sizes) - 2] = 1
    return rng.normal(size=len(clusters)), labels, clusters


def _laid_out(places: Exchangeable, labels: ClusterLabels) -> NDArray[np.int16]:
    """[b, N] the labels image by image."""
    found = np.empty((len(labels.units), len(places.labels)), dtype=np.int16)
    found[:, places.whole] = labels.units[:, places.unit]
    for block, own in zip(places.blocks, labels.blocks, strict=True):
        found[:, block] = np.moveaxis(own, 0, 2)
    return found


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_it_is_the_studentiser_of_the_same_labels(seed: int, weighted: bool) -> None:
    """Weights stay with their images: t is the weighted Studentiser's of every labeling."""
    values, labels, clusters = _images(seed)
    weights = np.random.default_rng(seed).lognormal(0, 0.6, len(values)) if weighted else None
    places = Exchangeable.of(labels, clusters)
    assert places.sizes.tolist() == [3, 12]
    naive = Studentiser(values[:, None], clusters, floor=True, weights=weights)
    contrast = PermutedContrast.of(values, places, weights=weights)
    drawn = ClusterLabels.drawn(places, np.random.default_rng(seed), 50)
    for some in (ClusterLabels.as_they_are(places), drawn):
        for group in range(3):
            expected = naive.t(_laid_out(places, some), group, whole=False)[:, 0, 0]
            np.testing.assert_allclose(contrast.t(some, group), expected, rtol=1e-10)


def test_a_side_of_one_cluster_has_no_t_and_equal_means_have_0() -> None:
    clusters = np.array([0, 0, 1, 1, 2, 2])
    labels = np.array([0, 0, 1, 1, 1, 1])
    places = Exchangeable.of(labels, clusters)
    as_they_are = ClusterLabels.as_they_are(places)
    assert np.isnan(PermutedContrast.of(np.arange(6.0), places).t(as_they_are, 0)).all()
    mixed = Exchangeable.of(np.array([0, 1, 0, 1, 0, 1]), clusters)
    alike = PermutedContrast.of(np.array([1.0, 1.0, 2.0, 2.0, 3.0, 3.0]), mixed)
    assert alike.t(ClusterLabels.as_they_are(mixed), 0).tolist() == [0.0]


@pytest.mark.parametrize("draws", [3, 300])
@pytest.mark.parametrize("width", [1, 2, 5, 8, 12])
def test_sums_of_the_images_of_a_cluster(width: int, draws: int) -> None:
    rng = np.random.default_rng(width)
    inside, values = rng.random((width, draws, 4)) < 0.5, rng.normal(size=(width, 4))
    n, sums = cluster_sums(inside, values)
    np.testing.assert_array_equal(n, inside.sum(axis=0))
    np.testing.assert_allclose(sums, (inside * values[:, None]).sum(axis=0), rtol=1e-12)
    weights = rng.random(values.shape)
    weight, _ = cluster_sums(inside, values, weights)
    np.testing.assert_allclose(weight, (inside * weights[:, None]).sum(axis=0), rtol=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
def test_sums_that_are_looked_up_are_those_added_up_to_the_last_bit(weighted: bool) -> None:
    rng = np.random.default_rng(0)
    inside, values = rng.random((5, 400, 7)) < 0.5, rng.normal(size=(5, 7))
    weights = rng.random(values.shape) if weighted else None
    by_image = [np.zeros((400, 7)), np.zeros((400, 7))]
    for place in range(5):
        by_image[0] += np.where(inside[place], 1.0 if weights is None else weights[place], 0.0)
        by_image[1] += np.where(inside[place], values[place], 0.0)
    # Slices of a longer sequence of draws, as `PermutedContrast` takes them.
    for found, expected in zip(cluster_sums(inside[:, 100:], values, weights), by_image, strict=True):
        np.testing.assert_array_equal(found, expected[100:])
