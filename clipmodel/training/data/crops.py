"""The square of a streamed image that is seen in one visit.

Shapes: h x w = an image's own size, S = the model's input side, in pixels.
"""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from clipmodel.errors import UserError
from clipmodel.inputs.image_decoding import MAX_PIXELS
from clipmodel.inputs.preprocess import decode_rgb
from clipmodel.training.recipe import CropRecipe

# As in torchvision's RandomResizedCrop: ten tries, shapes from 3:4 to 4:3 drawn log-uniformly, so that a
# shape and its inverse are equally likely.
_TRIES = 10  # at a rectangle that fits into the image
_SHAPE = 4 / 3  # the widest of them; the narrowest is its inverse


def decode_and_crop(data: bytes, size: int, recipe: CropRecipe, rng: np.random.Generator) -> Tensor:
    """An encoded image to uint8 [3, S, S].

    Raises
    ------
    UserError
        It cannot be decoded, or is too narrow to be resized.
    """
    # Of a batch of one, whose strides tell torch that the channels come last: it resizes those faster.
    planes = torch.from_numpy(decode_rgb(data))[None].permute(0, 3, 1, 2)
    if recipe.kind == "resized":
        return _resized(_rectangle(planes, recipe.area, rng), (size, size))[0]
    height, width = planes.shape[2:]
    short = min(height, width)
    # Rounded down, as `Preprocess` does it.
    shape = (int(size * height / short), int(size * width / short))
    if shape[0] * shape[1] > MAX_PIXELS:
        raise UserError(f"{width} x {height} pixels are too narrow an image")
    planes = _resized(planes, shape)
    room = [side - size for side in shape]
    if recipe.kind == "random":
        top, left = (int(rng.integers(space + 1)) for space in room)
    else:
        top, left = (round(space / 2) for space in room)
    return planes[0, :, top : top + size, left : left + size]


def _resized(planes: Tensor, shape: tuple[int, int]) -> Tensor:
    if planes.shape[2:] == shape:
        return planes
    return F.interpolate(planes, shape, mode="bicubic", antialias=True)


def _rectangle(planes: Tensor, area: tuple[float, float], rng: np.random.Generator) -> Tensor:
    """A random part of [1, 3, h, w]: its area uniform, its shape log-uniform; all of it where none fits."""
    height, width = planes.shape[2:]
    for _ in range(_TRIES):
        pixels = height * width * rng.uniform(*area)
        shape = math.exp(rng.uniform(-math.log(_SHAPE), math.log(_SHAPE)))
        h, w = round(math.sqrt(pixels / shape)), round(math.sqrt(pixels * shape))
        if 0 < h <= height and 0 < w <= width:
            top, left = int(rng.integers(height - h + 1)), int(rng.integers(width - w + 1))
            return planes[..., top : top + h, left : left + w]
    return planes
