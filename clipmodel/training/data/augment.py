"""Random changes to training images, all images of a batch at a time.

Shapes: B images of a batch, H = W image side in pixels.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from clipmodel.training.recipe import AugmentRecipe


def augment(
    pixels: Tensor,
    recipe: AugmentRecipe,
    generator: torch.Generator,
    *,
    any_colour: Tensor | None = None,
    part: slice = slice(None),
) -> Tensor:
    """Random geometry, resolution and colour of uint8 [B, 3, H, W]; floats in the same 0-255 range come back.

    `any_colour` [B] bool marks the images whose caption says nothing of colour; by default none. With
    `part` only those rows come back, as they would be among all.
    """
    n = len(pixels)
    theta = _geometry(n, recipe, generator)
    # Every number is drawn for the whole batch, whatever `part` is, so that a row gets the same change
    # however many processes share the batch.
    downscaled = torch.rand(n, generator=generator) < recipe.downscale
    light = 1 - recipe.tint * torch.rand(n, 3, 1, 1, generator=generator)
    moved = _moved(pixels[part].float(), theta[part])
    shrunk = downscaled[part]
    # Halved and enlarged again: the model sees small images as well, at its own input size.
    moved[shrunk] = F.interpolate(F.avg_pool2d(moved[shrunk], 2), scale_factor=2, mode="bilinear")
    tinted = moved * light[part]
    if any_colour is None or not recipe.recolour:
        return tinted
    noise = torch.randn(n, 3, 3, generator=generator)
    matrix = torch.eye(3) + recipe.recolour * noise * any_colour.view(n, 1, 1)
    # About white, so that a white ground stays white.
    recoloured = 255 + torch.einsum("nij,njhw->nihw", matrix[part], tinted - 255)
    return recoloured.clamp_(0, 255)


def _geometry(n: int, recipe: AugmentRecipe, generator: torch.Generator) -> Tensor:
    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(n, generator=generator)

    scale = 1 / uniform(*recipe.scale)  # a larger image samples a smaller field
    angle = uniform(-recipe.rotate_degrees, recipe.rotate_degrees) * (math.pi / 180)
    mirror = torch.where(uniform(0, 1) < 0.5, -1.0, 1.0) if recipe.flip else torch.ones(n)
    cos, sin = scale * angle.cos(), scale * angle.sin()
    shift = [2 * uniform(-recipe.shift, recipe.shift) for _ in "xy"]  # the grid spans -1 to 1
    return torch.stack([cos * mirror, -sin, shift[0], sin * mirror, cos, shift[1]], dim=1).view(n, 2, 3)


def _moved(pixels: Tensor, theta: Tensor) -> Tensor:
    grid = F.affine_grid(theta, list(pixels.shape), align_corners=False)
    # The border's colour continues outward: black corners would tell that an image was rotated.
    return F.grid_sample(pixels, grid, padding_mode="border", align_corners=False)
