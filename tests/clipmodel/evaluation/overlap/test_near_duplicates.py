"""Perceptual hashes, and near-duplicates found among other images."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image, ImageDraw

from clipmodel.evaluation.overlap.near_duplicates import near_duplicates
from clipmodel.evaluation.overlap.perceptual_hash import BITS, distances, perceptual_hash


def drawing(seed: int) -> Image.Image:
    """Random ellipses: smooth, like a photo."""
    rng = np.random.default_rng(seed)
    image = Image.new("RGB", (96, 96), "white")
    pen = ImageDraw.Draw(image)
    for _ in range(8):
        x, y, r = rng.integers(0, 96, 3)
        pen.ellipse([x - r / 3, y - r / 3, x + r / 3, y + r / 3], fill=tuple(rng.integers(0, 255, 3)))
    return image


def recompressed(image: Image.Image) -> Image.Image:
    buffer = io.BytesIO()
    image.resize((64, 64)).save(buffer, format="JPEG", quality=60)
    return Image.open(buffer)


def test_a_hash_survives_rescaling_and_recompression_and_no_more() -> None:
    hashes = np.stack([perceptual_hash(drawing(seed)) for seed in range(20)])
    for seed in range(20):
        found = distances(perceptual_hash(recompressed(drawing(seed))), hashes)
        assert found[seed] <= 6 and np.delete(found, seed).min() > 6
    assert distances(hashes[0], hashes[:1]).tolist() == [0] and hashes.shape == (20, BITS // 8)
    assert not perceptual_hash(Image.new("RGB", (50, 50), "red")).any()


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
