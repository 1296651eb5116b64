"""Perceptual hashes, and near-duplicates found among other images."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from clipmodel.evaluation.overlap.near_duplicates import near_duplicates


def test_a_duplicate_needs_both_the_embedding_and_the_hash() -> None:
    training = np.eye(4, dtype=np.float32)
    images = training[[2, 0, 1]].copy()
    images[2] = [0.6, 0.8, 0, 0]  # like row 1, but not as similar as a duplicate
    hashes = np.array([[1] * 8, [2] * 8, [3] * 8], dtype=np.uint8)
    known = {2: hashes[0], 0: np.full(8, 255, np.uint8)}  # the same image; another of the same thing

    def blocks() -> Iterator[tuple[int, np.ndarray]]:
        yield 0, training[:3]
        yield 3, training[3:]

    found = near_duplicates(images, blocks, hashes, lambda row: known[row])
    assert found.nearest.tolist() == [2, 0, 1] and found.duplicate.tolist() == [True, False, False]
    assert found.similarity.tolist() == pytest.approx([1, 1, 0.8]) and found.bits.tolist() == [0, 56, 64]
    with pytest.raises(ValueError, match="no training image"):
        near_duplicates(images, lambda: iter(()), hashes, lambda row: known[row])
