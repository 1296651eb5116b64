"""The same images at a lower resolution, as a camera far away would have taken them."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from probes.datasets.demographic_dataset import DemographicDataset

if TYPE_CHECKING:
    from PIL import Image


class DownscaledDataset(DemographicDataset):
    """A data set whose images are shrunk to so many pixels on their longer side.

    Parameters
    ----------
    original
        The data set.
    longer_side_px
        An image that is no longer is left as it is.
    """

    def __init__(self, original: DemographicDataset, longer_side_px: int) -> None:
        super().__init__(
            original.frame, attributes=original.attributes, card=original.card, orders=original.orders
        )
        self._original = original
        self._side = longer_side_px

    def read_bytes(self, row: int) -> bytes:
        return self._original.read_bytes(row)

    def image_of(
        self, row: int, data: bytes, *, convert: bool = True, least_side: int | None = None
    ) -> Image.Image:
        # Converted in any case: a palette cannot be averaged. At its own size in any case: its pixels are.
        image = self._original.image_of(row, data)
        scale = self._side / max(image.size)
        if scale >= 1:
            return image
        from PIL import Image

        # A long, narrow image must keep at least one pixel of its shorter side.
        width, height = (max(1, round(scale * length)) for length in image.size)
        # BOX averages the pixels that fall into one, as a sensor far away would; bicubic would sharpen.
        return image.resize((width, height), Image.Resampling.BOX)

    def hash_of(self, row: int, data: bytes) -> str:
        """Over the original's bytes and the size, so that no downscaled image is taken for its original."""
        return downscaled_hash(self._original.hash_of(row, data), self._side)


def downscaled_hash(original: str, longer_side_px: int) -> str:
    """The content hash of an image whose original has the hash `original`."""
    return hashlib.sha256(f"{original} shrunk to {longer_side_px} px".encode()).hexdigest()
