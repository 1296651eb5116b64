"""Threshold ranks of a block of images, most of which are the same: only the others are held."""

from __future__ import annotations

from dataclasses import dataclass

from probes.scoring.array_library import Array

__all__ = ["FewRanks"]


@dataclass(frozen=True, kw_only=True)
class FewRanks:
    """Ranks of M pairs of a class and an image; all other pairs have the rank `least`.

    Attributes
    ----------
    row, image
        [M] positions of the class and of the image in the block, of no pair twice.
    rank
        [M] how many thresholds the class reaches, whole numbers above `least`.
    n_images
        Of the block.
    least
        How many thresholds every class reaches: a probability reaches the threshold 0.
    """

    row: Array
    image: Array
    rank: Array
    n_images: int
    least: int = 0
