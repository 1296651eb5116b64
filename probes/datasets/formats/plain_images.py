"""Images of an evaluation set, without annotations of people, behind the annotation contract."""

from __future__ import annotations

import io

import pandas as pd
from PIL import Image

from clipmodel.errors import UserError
from clipmodel.evaluation.readers.evaluation_set import EvaluationSet
from probes.datasets.cards import NOT_STATED, DataCard
from probes.datasets.demographic_dataset import ID, DemographicDataset, UnreadableImageError


class PlainImages(DemographicDataset):
    """The images of an evaluation set, so that they are embedded and stored like those of an audit.

    Parameters
    ----------
    evaluation_set
        If its registry entry asks for a border to be cut off, the cut image is stored under its own hash.
    """

    def __init__(self, evaluation_set: EvaluationSet) -> None:
        self._set = evaluation_set
        entry = evaluation_set.entry
        card = DataCard(
            name=entry.name,
            title=entry.title,
            version="",
            licence=entry.licence or NOT_STATED,
            consent=NOT_STATED,
            label_provenance=NOT_STATED,
            labelled_by="its authors",
            caution="",
            source=entry.source or NOT_STATED,
        )
        super().__init__(pd.DataFrame({ID: list(evaluation_set.images.ids)}), attributes=[], card=card)

    def read_bytes(self, row: int) -> bytes:
        """The encoded image, its border cut off if the entry says so."""
        try:
            data = self._set.images.read_bytes(row)
        except UserError as error:
            raise UnreadableImageError(error.message) from error
        border = self._set.entry.border_px
        return without_border(data, border) if border else data


def without_border(data: bytes, border_px: int) -> bytes:
    """An encoded image with a border cut off each side, as PNG.

    ObjectNet's images have a red border of 2 pixels, which tells a model which set it sees.
    """
    try:
        image = Image.open(io.BytesIO(data)).convert("RGB")
    except (OSError, ValueError) as error:
        raise UnreadableImageError("the image cannot be decoded") from error
    box = (border_px, border_px, image.width - border_px, image.height - border_px)
    buffer = io.BytesIO()
    # PNG, not JPEG: it keeps the pixels as they were decoded.
    image.crop(box).save(buffer, format="PNG")
    return buffer.getvalue()
