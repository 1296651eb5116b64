from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest

from audit.statistics.clusters import shared_permutations
from audit.statistics.clusters.clustered_permutation import Exchangeable
from audit.statistics.clusters.shared_permutations import ClusterLabels, SharedPermutations, chunks

CLUSTERS = np.array([0, 0, 1, 1, 2, 3, 4, 4, 4])
LABELS = np.array([0, 1, 2, 2, 1, 0, 2, 2, 2])
"""Clusters of 2 images, one of them of two labels; single images; and three images of one label."""


def test_what_is_permuted_keeps_its_number_of_labels() -> None:
    places = Exchangeable.of(LABELS, CLUSTERS)
    labels = ClusterLabels.drawn(places, np.random.default_rng(0), 30)
    assert labels.units.shape == (30, 3) and [block.shape for block in labels.blocks] == [(2, 30, 2)]
    # By hand: blocks are the two single images (1, 0) and the three of label 2; in pairs are 0, 1, 2, 2.
    assert (np.sort(labels.units, axis=1) == [0, 1, 2]).all()
    pairs = np.moveaxis(labels.blocks[0], 1, 0).reshape(30, 4)
    assert (np.sort(pairs, axis=1) == [0, 1, 2, 2]).all()
    assert labels.size == 30 * 7


def test_labels_as_they_are() -> None:
    places = Exchangeable.of(LABELS, CLUSTERS)
    labels = ClusterLabels.as_they_are(places)
    assert labels.units.tolist() == [[1, 0, 2]]
    assert labels.blocks[0].tolist() == [[[0, 2]], [[1, 2]]]


def test_a_group_is_permuted_as_if_it_were_the_only_one() -> None:
    """Two clusters of three images: all labelings of group 0 are as frequent as with its own labels alone."""
    clusters, labels = np.repeat([0, 1], 3), np.array([0, 1, 2, 1, 1, 2])
    alone = Exchangeable.of((labels == 0).astype(int), clusters)
    together = Exchangeable.of(labels, clusters, sizes=alone.sizes)
    counts = []
    for places, code in ((alone, 1), (together, 0)):
        drawn = ClusterLabels.drawn(places, np.random.default_rng(3), 6_000).blocks[0] == code
        counts.append(Counter(map(bytes, np.moveaxis(drawn, 1, 0).reshape(6_000, 6))))
    # The one image of the group is in each of the six places equally often: 1,000 times, +- 5 x 29.
    for found in counts:
        assert len(found) == 6
        assert all(abs(n - 1_000) < 145 for n in found.values())


def test_a_sequence_does_not_depend_on_what_else_was_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    places, other = Exchangeable.of(LABELS, CLUSTERS), Exchangeable.of(LABELS[::-1], CLUSTERS)
    alone = list(SharedPermutations(seed=1, draws=900).of(places))
    shared = SharedPermutations(seed=1, draws=900)
    next(shared.of(other))
    first = list(itertools.islice(shared.of(places), 1))
    again = list(shared.of(places))
    assert again[0] is first[0]  # drawn once
    monkeypatch.setattr(shared_permutations, "MOST_KEPT", 0)
    redrawn = list(SharedPermutations(seed=1, draws=900).of(places))
    for sequence in (again, redrawn):
        for one, expected in zip(sequence, alone, strict=True):
            np.testing.assert_array_equal(one.units, expected.units)
            np.testing.assert_array_equal(one.blocks[0], expected.blocks[0])
    seeded = next(SharedPermutations(seed=2, draws=900).of(places))
    assert not np.array_equal(seeded.blocks[0], alone[0].blocks[0])


def test_few_permutations_come_first() -> None:
    assert list(chunks(1_999)) == [199, 597, 1_203]
    assert list(chunks(100)) == [100]
    assert list(chunks(0)) == []
