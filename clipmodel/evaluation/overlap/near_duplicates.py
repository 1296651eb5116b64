"""For each evaluation image the most similar training image, by embedding and by perceptual hash.

Shapes: N evaluation images, M training images, D joint embedding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clipmodel.array_types import Singles

SIMILARITY = 0.97
MOST_BITS = 6
CANDIDATES = 3  # nearest by embedding whose hashes are compared


@dataclass(frozen=True, kw_only=True)
class NearDuplicates:
    """What was found.

    Attributes
    ----------
    nearest
        [N] the training image that is most similar by embedding.
    similarity
        [N] its cosine.
    bits
        [N] the fewest bits in which the hash of one of the nearest differs.
    duplicate
        [N] whether an evaluation image counts as a duplicate.
    """

    nearest: NDArray[np.int64]
    similarity: Singles
    bits: NDArray[np.int64]
    duplicate: NDArray[np.bool_]


def near_duplicates(
    images: Singles,
    training: Callable[[], Iterable[tuple[int, Singles]]],
    hashes: NDArray[np.uint8],
    training_hash: Callable[[int], NDArray[np.uint8]],
    *,
    similarity: float = SIMILARITY,
    most_bits: int = MOST_BITS,
) -> NearDuplicates:
    """Find near-duplicates.

    An evaluation image is one if an embedding of a training image is at least as similar as the threshold,
    and a hash of one of the three nearest differs by few bits: the embedding finds candidates among many,
    the hash tells another image of the same thing from the same image.

    Parameters
    ----------
    images
        [N, D] unit-norm.
    training
        Unit-norm embeddings block by block, each with the row of its first.
    hashes
        [N, 8] of the evaluation images.
    training_hash
        From a training row to its hash; asked for few rows only.

    Raises
    ------
    ValueError
        There is no training image.
    """
    best = np.full((len(images), CANDIDATES), -np.inf, dtype=np.float32)
    rows = np.zeros((len(images), CANDIDATES), dtype=np.int64)
    seen = 0
    for start, block in training():
        # Block by block: N x M similarities would not fit into memory.
        cosine = images @ block.T
        seen += len(block)
        values = np.concatenate([best, cosine], axis=1)
        places = np.concatenate([rows, np.broadcast_to(start + np.arange(len(block)), cosine.shape)], axis=1)
        order = np.argsort(-values, axis=1, kind="stable")[:, :CANDIDATES]
        best, rows = np.take_along_axis(values, order, axis=1), np.take_along_axis(places, order, axis=1)
    if not seen:
        raise ValueError("there is no training image to compare with")
    # The largest distance there is, for images without a candidate.
    bits = np.full(len(images), 8 * hashes.shape[1], dtype=np.int64)
    for row in np.flatnonzero(best[:, 0] >= similarity):
        own = [int(place) for value, place in zip(best[row], rows[row], strict=True) if value >= similarity]
        # Hashes are computed only for candidates, since each one decodes a training image.
        others = np.stack([training_hash(place) for place in own])
        bits[row] = np.bitwise_count(hashes[row][None] ^ others).sum(axis=1).min()
    return NearDuplicates(
        nearest=rows[:, 0],
        similarity=best[:, 0],
        bits=bits,
        duplicate=(best[:, 0] >= similarity) & (bits <= most_bits),
    )
