from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from clipmodel.errors import UserError
from clipmodel.evaluation.readers.evaluation_set import EvaluationSet, FunctionImages
from clipmodel.evaluation.registry.entry import SetEntry
from probes.datasets.demographic_dataset import UnreadableImageError
from probes.datasets.formats.plain_images import PlainImages, without_border


def png() -> bytes:
    """6 x 5 pixels, a border of two red ones around blue."""
    pixels = np.full((5, 6, 3), (255, 0, 0), np.uint8)
    pixels[2:3, 2:4] = (0, 0, 255)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    return buffer.getvalue()


def read(row: int) -> bytes:
    if row:
        raise UserError("y.png: gone", remedy="restore it")
    return png()


def images(border_px: int = 0) -> PlainImages:
    entry = SetEntry(name="own", title="Own", metric="acc1", border_px=border_px)
    return PlainImages(EvaluationSet(entry=entry, images=FunctionImages(["x", "y"], read), where="here"))


def test_an_evaluation_set_is_read_as_a_data_set_without_attributes() -> None:
    found = images()
    assert (len(found), found.attributes, found.card.name) == (2, [], "own")
    assert found.read_bytes(0) == png()
    with pytest.raises(UnreadableImageError, match=r"y\.png: gone"):
        found.read_bytes(1)


def test_a_border_is_cut_off_and_the_rest_has_its_own_hash() -> None:
    cut = Image.open(io.BytesIO(images(2).read_bytes(0)))
    assert cut.size == (2, 1) and cut.getpixel((0, 0)) == (0, 0, 255)
    assert images(2).content_hash(0) != images().content_hash(0)
    with pytest.raises(UnreadableImageError, match="cannot be decoded"):
        without_border(b"no image", 2)
