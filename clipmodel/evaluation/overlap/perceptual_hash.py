"""A 64-bit hash of what an image looks like: equal up to a few bits after rescaling or recompression."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.fft import dctn

SIDE = 32  # pixels of the grey image that is transformed
KEPT = 8  # lowest frequencies in each direction
BITS = KEPT * KEPT


def perceptual_hash(image: Image.Image) -> NDArray[np.uint8]:
    """[8] bytes: whether each of the 64 lowest frequencies of the cosine transform is above their median.

    The constant term is left out of the median, so that brightness does not count. An image of one colour
    has no frequencies: all its bits are 0.
    """
    grey = np.asarray(image.convert("L").resize((SIDE, SIDE), Image.Resampling.LANCZOS), dtype=float)
    low = dctn(grey, norm="ortho")[:KEPT, :KEPT].ravel()
    # Rounding leaves tiny frequencies in an image of one colour; their signs would be random bits.
    low[np.abs(low) < 1e-9] = 0.0
    # The median, not zero: half of the bits are 1, so unrelated images differ in about 32 of 64.
    bits = low > np.median(low[1:])
    bits[0] = False
    return np.packbits(bits)


def distances(one: NDArray[np.uint8], others: NDArray[np.uint8]) -> NDArray[np.int64]:
    """[N] numbers of bits in which a hash [8] differs from others [N, 8]."""
    bits: NDArray[np.int64] = np.bitwise_count(one[None] ^ others).sum(axis=1).astype(np.int64)
    return bits
