"""The same pictures made coarser, as a camera far away would have taken them."""

from __future__ import annotations

import hashlib

from PIL import Image

from probes.datasets.base import DemographicDataset


class CoarseDataset(DemographicDataset):
    """A data set whose pictures are shrunk to so many pixels on their longer side.

    Parameters
    ----------
    original
        The data set.
    longer_side_px
        A picture that is no longer is left as it is.
    """

    def __init__(self, original: DemographicDataset, longer_side_px: int) -> None:
        super().__init__(
            original.frame, attributes=original.attributes, card=original.card, orders=original.orders
        )
        self._original = original
        self._side = longer_side_px

    def read_bytes(self, row: int) -> bytes:
        return self._original.read_bytes(row)

    def open_image(self, row: int) -> Image.Image:
        image = self._original.open_image(row)
        scale = self._side / max(image.size)
        if scale >= 1:
            return image
        width, height = (max(1, round(scale * length)) for length in image.size)
        return image.resize((width, height), Image.Resampling.BOX)

    def content_hash(self, row: int) -> str:
        """Over the original's bytes and the size, so that no coarse picture is taken for its original."""
        content = f"{self._original.content_hash(row)} shrunk to {self._side} px"
        return hashlib.sha256(content.encode()).hexdigest()
