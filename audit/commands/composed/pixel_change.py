"""What decoding JPEG files at a smaller scale does to the pixels that a model sees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from clipmodel.plurals import number_of

if TYPE_CHECKING:
    from clipmodel.loading import EmbeddingModel
    from probes.datasets import DemographicDataset

__all__ = ["PixelChange", "pixel_change"]

MOST_IMAGES = 200  # that are decoded twice


@dataclass(frozen=True, kw_only=True)
class PixelChange:
    """How far the pixels of images that were decoded at a smaller scale are from those decoded whole.

    Attributes
    ----------
    largest, mean
        Of the differences of levels, 0 to 255, over the images that were scaled; NaN if none was.
    n_scaled, n_images
        Images that are large enough to be scaled, of those compared.
    """

    largest: float
    mean: float
    n_scaled: int
    n_images: int

    @property
    def sentence(self) -> str:
        """What a reader of an audit must know, after a blank."""
        of = f"{self.n_scaled:,} of {number_of(self.n_images, 'image')} compared"
        if not self.n_scaled:
            return f" JPEG files are decoded at a smaller scale if they are large enough; {of} were."
        return (
            " JPEG files that are large enough were decoded at a half, a quarter or an eighth of their size: "
            f"{of}, whose pixels moved by {self.mean:.1f} of 255 levels on average and {self.largest:.0f} at "
            "most."
        )


def pixel_change(
    dataset: DemographicDataset, model: EmbeddingModel, *, most_images: int = MOST_IMAGES
) -> PixelChange:
    """Compare the pixels of the first images of a data set, decoded whole and scaled.

    Parameters
    ----------
    dataset
        Images; those that cannot be read are left out.
    model
        A `ReducedModel` with its `least_side` in pixels; its preprocessing makes the pixels.
    most_images
        How many are compared.
    """
    from probes.datasets.demographic_dataset import UnreadableImageError

    least: int | None = getattr(model, "least_side", None)
    scaled, n_images = [], 0
    for row in range(min(len(dataset), most_images)):
        try:
            data = dataset.read_bytes(row)
            images = [dataset.image_of(row, data, least_side=side) for side in (None, least)]
        except UnreadableImageError:
            continue
        n_images += 1
        if images[0].size != images[1].size:
            scaled.append(_levels(model, images[0]) - _levels(model, images[1]))
    changes = np.abs(np.concatenate(scaled)) if scaled else np.array([np.nan])
    return PixelChange(
        largest=float(changes.max()), mean=float(changes.mean()), n_scaled=len(scaled), n_images=n_images
    )


def _levels(model: EmbeddingModel, image: object) -> np.ndarray:
    """The pixels of an image as the model sees them before they are normalised, 0 to 255, one row."""
    preprocessor = getattr(getattr(model, "exact", model), "preprocessor", None)
    assert preprocessor is not None  # `load_reduced` refuses other models
    levels: np.ndarray = preprocessor.crop(image).astype(np.float64).ravel()
    return levels
