"""Augmentation: the identity leaves images alone, each option does what it says and nothing more."""

from __future__ import annotations

import torch
from torch import Tensor

from clipmodel.training.data.augment import augment
from clipmodel.training.recipe import AugmentRecipe


def _images(n: int = 64) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (n, 3, 16, 16), dtype=torch.uint8, generator=generator)


def _augment(pixels: Tensor, seed: int = 0, **options: object) -> Tensor:
    recipe = AugmentRecipe.model_validate(options)
    return augment(pixels, recipe, torch.Generator().manual_seed(seed))


def test_no_option_changes_nothing() -> None:
    pixels = _images()
    assert (_augment(pixels) - pixels).abs().max() < 0.01  # rounding of the sampling grid


def test_flip_mirrors_about_half_and_the_rest_stay() -> None:
    pixels = _images(200)
    found = _augment(pixels, flip=True)
    same = (found - pixels).abs().amax(dim=(1, 2, 3)) < 0.01
    mirrored = (found - pixels.flip(-1)).abs().amax(dim=(1, 2, 3)) < 0.01
    assert (same ^ mirrored).all()
    assert 70 <= int(mirrored.sum()) <= 130  # 200 fair coins, more than four standard deviations


def test_tint_dims_each_channel_by_one_factor_within_range() -> None:
    pixels = _images().clamp(min=50)
    ratio = _augment(pixels, tint=0.3) / pixels
    assert ratio.std(dim=(2, 3)).max() < 0.01
    assert 0.699 < float(ratio.min()) < 0.75
    assert 0.95 < float(ratio.max()) < 1.001


def test_a_smaller_scale_shows_more_border() -> None:
    pixels = torch.full((1, 3, 16, 16), 255, dtype=torch.uint8)
    pixels[..., 4:12, 4:12] = 0  # a dark square of 64 pixels on white
    dark = [int((_augment(pixels, scale=(s, s))[0, 0] < 128).sum()) for s in (0.5, 1.0, 1.5)]
    assert dark == [16, 64, 144]  # area goes with the square of the scale


def test_shift_moves_and_keeps_within_bounds() -> None:
    pixels = torch.full((400, 3, 16, 16), 255, dtype=torch.uint8)
    pixels[..., 7:9, 7:9] = 0
    dark = 255 - _augment(pixels, shift=0.25)[:, 0]
    columns = torch.arange(16) + 0.5
    centre = (dark.sum(dim=1) * columns).sum(dim=1) / dark.sum(dim=(1, 2))
    assert float((centre - 8).abs().max()) < 4.1  # a quarter of 16 pixels
    assert float((centre - 8).abs().max()) > 3.5


def test_the_same_generator_gives_the_same_images() -> None:
    options = {"scale": (0.8, 1.2), "shift": 0.1, "rotate_degrees": 20, "flip": True, "tint": 0.2}
    assert torch.equal(_augment(_images(), 1, **options), _augment(_images(), 1, **options))
    assert not torch.equal(_augment(_images(), 1, **options), _augment(_images(), 2, **options))


def test_recolouring_spares_white_and_captions_that_speak_of_colour() -> None:
    pixels = _images(8)
    pixels[..., :4, :4] = 255
    any_colour = torch.arange(8) < 4
    recipe = AugmentRecipe(recolour=0.4)
    found = augment(pixels, recipe, torch.Generator().manual_seed(0), any_colour=any_colour)
    assert (found[4:] - pixels[4:]).abs().max() < 0.01
    assert (found[..., :3, :3] - 255).abs().max() < 0.01
    assert ((found[:4] - pixels[:4]).abs().mean(dim=(1, 2, 3)) > 5).all()


def test_recolouring_is_one_matrix_an_image() -> None:
    pixels = torch.randint(
        200, 256, (1, 3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    found = augment(
        pixels, AugmentRecipe(recolour=0.1), torch.Generator().manual_seed(1), any_colour=torch.tensor([True])
    )
    before, after = (255 - x.float().flatten(2)[0] for x in (pixels, found))
    unclamped = ((after > 0.5) & (after < 254)).all(dim=0)
    solved = torch.linalg.lstsq(before[:, unclamped].T, after[:, unclamped].T).solution
    assert (before[:, unclamped].T @ solved - after[:, unclamped].T).abs().max() < 0.1


def test_coarse_images_keep_their_means_and_lose_detail() -> None:
    pixels = _images(4).float().mean(dim=1, keepdim=True).expand(4, 3, 16, 16).to(torch.uint8)
    found = _augment(pixels, downscale=1.0)
    assert (found.mean(dim=(2, 3)) - pixels.float().mean(dim=(2, 3))).abs().max() < 3
    assert (found.std(dim=(2, 3)) < 0.7 * pixels.float().std(dim=(2, 3))).all()
