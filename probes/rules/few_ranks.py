"""Threshold ranks of a block of images, most of which are 0: only the others are held."""

from __future__ import annotations

from dataclasses import dataclass

from probes.scoring.array_library import Array

__all__ = ["FewRanks"]


@dataclass(frozen=True, kw_only=True)
class FewRanks:
    """Ranks above 0, of M pairs of a class and an image; all other pairs have rank 0.

    Attributes
    ----------
    row, image
        [M] positions of the class and of the image in the block, of no pair twice.
    rank
        [M] how many thresholds the class reaches, whole numbers above 0.
    n_images
        Of the block.
    """

    row: Array
    image: Array
    rank: Array
    n_images: int
