"""Crops of streamed images: which square is seen, and that it is the image's."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from clipmodel.errors import UserError
from clipmodel.inputs.preprocess import FastPreprocess
from clipmodel.training.data.crops import decode_and_crop
from clipmodel.training.recipe import CropRecipe


def _ramp(width: int, height: int) -> bytes:
    """Red grows from left to right, green from top to bottom."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[..., 0] = np.linspace(0, 255, width)[None]
    pixels[..., 1] = np.linspace(0, 255, height)[:, None]
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def _crops(n: int, data: bytes, **options: object) -> list[Tensor]:
    rng, recipe = np.random.default_rng(0), CropRecipe.model_validate(options)
    return [decode_and_crop(data, 32, recipe, rng) for _ in range(n)]


def test_the_centre_is_what_inference_sees() -> None:
    for width, height in [(64, 64), (100, 60), (50, 90)]:
        data = _ramp(width, height)
        (crop,) = _crops(1, data, kind="centre")
        assert torch.equal(crop, FastPreprocess(image_size=32).decode(data))


def test_random_squares_are_as_large_as_the_short_side_and_anywhere() -> None:
    crops = _crops(60, _ramp(128, 64))
    assert all(crop.shape == (3, 32, 32) for crop in crops)
    for crop in crops:  # the whole height, half of the width
        assert crop[1, 0].max() < 12 and crop[1, -1].min() > 243
        assert float(crop[0, :, -1].float().mean() - crop[0, :, 0].float().mean()) == pytest.approx(
            124, abs=6
        )
    left = torch.stack([crop[0, 16, 0] for crop in crops]).float()
    assert left.min() < 10 and left.max() > 117  # of 0 to 127


def test_rectangles_keep_to_their_area() -> None:
    crops = _crops(60, _ramp(120, 120), kind="resized", area=(0.25, 0.5))
    spans = [
        [float(c[0, 16, -1]) - float(c[0, 16, 0]), float(c[1, -1, 16]) - float(c[1, 0, 16])] for c in crops
    ]
    areas = np.prod(np.array(spans) / 255, axis=1)
    assert areas.min() == pytest.approx(0.25, abs=0.05)
    assert areas.max() == pytest.approx(0.5, abs=0.06)
    shapes = np.array(spans)[:, 0] / np.array(spans)[:, 1]
    assert 0.7 < shapes.min() < 0.85 and 1.2 < shapes.max() < 1.45


def test_what_cannot_be_cropped() -> None:
    with pytest.raises(UserError, match="too narrow"):
        decode_and_crop(_ramp(1, 90_000), 224, CropRecipe(), np.random.default_rng(0))
    with pytest.raises(UserError, match="is none of"):
        decode_and_crop(b"text", 32, CropRecipe(), np.random.default_rng(0))
