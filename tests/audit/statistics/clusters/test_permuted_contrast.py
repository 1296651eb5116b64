"""t from shuffled clusters is that of labels laid out image by image, to the last bit."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from audit.statistics.clusters.clustered_means import Studentiser
from audit.statistics.clusters.clustered_permutation import Exchangeable
from audit.statistics.clusters.permuted_contrast import PermutedContrast, cluster_sums

Integers = NDArray[np.int64]


def _images(seed: int) -> tuple[NDArray[np.float64], NDArray[np.bool_], Integers]:
    """Clusters of 1, 3 and 12 images: those of one label are blocks of 1, others mixed."""
    rng = np.random.default_rng(seed)
    sizes = np.concatenate([np.ones(9, int), np.full(7, 3), np.full(5, 12), [2, 2]])
    clusters = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    inside = rng.random(len(clusters)) < 0.4
    inside[clusters >= len(sizes) - 2] = True  # the clusters of two images have one label each
    return rng.normal(size=len(clusters)), inside, clusters


@pytest.mark.parametrize("seed", range(4))
def test_it_is_the_studentiser_of_the_same_labels(seed: int) -> None:
    values, inside, clusters = _images(seed)
    places = Exchangeable.of(inside.astype(np.int16), clusters)
    assert sorted(len(block[0]) for block in places.blocks) == [3, 12]
    naive, fast = (
        Studentiser(values[:, None], clusters, floor=True),
        PermutedContrast.of(values, clusters, places),
    )
    assert fast.observed() == naive.t(inside[None].astype(np.int16), 1, whole=False)[0, 0, 0]
    rngs = np.random.default_rng(seed), np.random.default_rng(seed)
    labels = np.concatenate(list(places.permuted(rng=rngs[0], draws=50)))
    found = np.concatenate(list(fast.permuted(rng=rngs[1], draws=50)))
    np.testing.assert_array_equal(found, naive.t(labels, 1, whole=False)[:, 0, 0])


@pytest.mark.parametrize("width", [2, 5, 8, 12])
def test_clusters_are_added_up_as_numpy_adds_up_runs_of_images(width: int) -> None:
    rng = np.random.default_rng(width)
    inside, values = (rng.random((3, 4, width)) < 0.5).astype(float), rng.normal(size=(4, width))
    n, sums = cluster_sums(inside, values)
    np.testing.assert_array_equal(n, inside.sum(axis=2))
    runs = np.arange(0, 4 * width, width)
    expected = np.add.reduceat((inside * values).reshape(3, -1), runs, axis=1)
    np.testing.assert_array_equal(sums, expected)


def test_weights_stay_with_their_images() -> None:
    """t is the weighted Studentiser's, of the labels as they are and of every permutation."""
    rng = np.random.default_rng(2)
    clusters = np.repeat(np.arange(30), rng.integers(1, 4, 30))
    labels = rng.integers(0, 2, len(clusters)).astype(np.int16)
    values, weights = rng.random(len(clusters)), rng.lognormal(0, 0.6, len(clusters))
    places = Exchangeable.of(labels, clusters)
    found = PermutedContrast.of(values, clusters, places, weights=weights)
    plain = Studentiser(values[:, None], clusters, floor=True, weights=weights)
    assert found.observed() == pytest.approx(plain.t(labels[None], [1], whole=False)[0, 0, 0])
    drawn = np.concatenate(list(found.permuted(rng=np.random.default_rng(0), draws=50)))
    laid_out = np.concatenate(list(places.permuted(rng=np.random.default_rng(0), draws=50)))
    np.testing.assert_allclose(drawn, plain.t(laid_out, [1], whole=False)[:, 0, 0])
