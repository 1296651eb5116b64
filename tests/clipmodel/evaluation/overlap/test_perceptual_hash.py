from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageDraw

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


def test_bits_and_distances_by_hand() -> None:
    plain = perceptual_hash(Image.new("RGB", (50, 40), "grey"))
    assert plain.tolist() == [0] * 8  # an image of one colour has no frequencies
    one = perceptual_hash(drawing(1))
    # The constant term is no bit, and half of the others are above their median.
    assert one[0] < 128 and int(np.bitwise_count(one).sum()) == 31
    others = np.stack([one, plain, ~one])
    assert distances(one, others).tolist() == [0, 31, 64]
