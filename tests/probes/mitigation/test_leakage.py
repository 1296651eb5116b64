"""Leakage: whole clusters in a fold, and what a classifier reads."""

from __future__ import annotations

import numpy as np

from probes.mitigation.fitting import FitData
from probes.mitigation.leakage import folds, halves, leakage


def test_no_cluster_is_split() -> None:
    clusters = np.repeat(np.arange(40), 3)
    for parts in (folds(clusters, seed=0), halves(clusters, seed=0)):
        assert all(len(set(parts[clusters == c])) == 1 for c in range(40))
    assert halves(clusters, seed=0).mean() == 0.5
    assert (folds(clusters, seed=0) != folds(clusters, seed=1)).any()


def test_what_is_there_is_read_and_noise_is_not(data: FitData) -> None:
    clusters = np.arange(len(data.codes))
    read = leakage(data.images, data.codes, clusters, seed=0)
    assert min(own.mean() for own in read.values()) > 0.85
    noise = np.random.default_rng(1).standard_normal(data.images.shape)
    assert max(own.mean() for own in leakage(noise, data.codes, clusters, seed=0).values()) < 0.62


def test_few_images_have_few_neighbours() -> None:
    """Of ten images eight are fitted on, fewer than the 15 neighbours: each guess is the commoner group."""
    codes = np.array([0] * 7 + [1] * 3)
    images = np.random.default_rng(2).standard_normal((10, 4)).astype(np.float32)
    read = leakage(images, codes, np.arange(10), seed=0)
    assert read["nonlinear"].tolist() == (codes == 0).tolist()
