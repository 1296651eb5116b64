"""The reference path against open_clip's and torchvision's Pillow pipeline; the fast path against it."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

import clipmodel.inputs.preprocess as preprocess_module
from clipmodel.errors import UserError
from clipmodel.inputs.image_decoding import ORIENTATION, open_image
from clipmodel.inputs.preprocess import CLIP_MEAN, CLIP_STD, FastPreprocess, Preprocess
from tests.support.peers import peer_or_skip

PHOTOS = Path(__file__).resolve().parents[4] / "shared" / "data" / "imagenet100"
# Landscape, portrait, odd, exactly the crop, one side exactly, smaller than the crop, extreme aspect.
SIZES = [(64, 48), (33, 57), (97, 101), (32, 32), (32, 45), (70, 32), (7, 9), (1, 1), (300, 11), (9, 410)]


def picture(size: tuple[int, int], *, mode: str = "RGB") -> Image.Image:
    """Edges, ramps and noise: what a resampling filter may get wrong."""
    width, height = size
    rng = np.random.default_rng(width * 1000 + height)
    x, y = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    noise = rng.integers(0, 256, (height, width))
    stack = np.stack([x, np.where(y > 127, 255, 0), noise], axis=-1)
    return Image.fromarray(stack.astype(np.uint8)).convert(mode)


def jpeg(image: Image.Image, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90, **options)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def open_clip_transform() -> Callable[[int], Callable[[Image.Image], Tensor]]:
    transform = peer_or_skip("open_clip.transform")
    return lambda size: transform.image_transform(size, is_train=False, mean=CLIP_MEAN, std=CLIP_STD)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_reference_equals_open_clip(open_clip_transform: Any, size: tuple[int, int], mode: str) -> None:
    image = picture(size, mode=mode)
    assert torch.equal(Preprocess(image_size=32)(image), open_clip_transform(32)(image))


def test_reference_equals_open_clip_on_photos(open_clip_transform: Any) -> None:
    if not PHOTOS.is_dir():
        pytest.skip("the photos of shared/data/imagenet100 are not on this machine")
    reference, theirs = Preprocess(image_size=224), open_clip_transform(224)
    photos = sorted(PHOTOS.glob("*.JPEG"))
    assert len(photos) == 100
    for path in photos:
        expected = theirs(Image.open(path))
        assert torch.equal(reference(open_image(path)), expected), path.name
        assert torch.equal(reference.normalize(reference.decode(path.read_bytes())), expected), path.name


def test_transparency_lies_on_white_before_the_resize() -> None:
    black = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    assert (Preprocess(image_size=32).crop(black) == 255).all()


def test_crop_and_normalisation_by_hand() -> None:
    # 6 x 4 with the short side already 4: columns 1 to 4 are kept; 51 / 255 = 0.2.
    image = Image.new("RGB", (6, 4), (51, 51, 51))
    image.paste((255, 255, 255), (0, 0, 1, 4))
    image.paste((255, 255, 255), (5, 0, 6, 4))
    reference = Preprocess(image_size=4, mean=(0.1, 0.2, 0.3), std=(0.5, 0.5, 0.1))
    expected = torch.tensor([0.2, 0.0, -1.0]).view(3, 1, 1).expand(3, 4, 4)
    assert torch.allclose(reference(image), expected, atol=1e-6)


@pytest.mark.parametrize("kind", [Preprocess, FastPreprocess])
def test_too_narrow_an_image_is_refused(kind: type[Preprocess]) -> None:
    with pytest.raises(UserError, match="1 x 60000 pixels are too narrow"):
        kind(image_size=224).crop(Image.new("RGB", (1, 60_000)))


@pytest.mark.parametrize("size", [*SIZES, (640, 480), (241, 999)])
def test_fast_path_is_within_three_levels(size: tuple[int, int]) -> None:
    data = jpeg(picture(size))
    reference, fast = Preprocess(image_size=96).decode(data), FastPreprocess(image_size=96).decode(data)
    difference = (reference.int() - fast.int()).abs()
    assert fast.shape == (3, 96, 96)
    assert difference.max() <= 3
    assert difference.float().mean() < 0.2


def test_fast_path_is_within_two_levels_on_photos() -> None:
    if not PHOTOS.is_dir():
        pytest.skip("the photos of shared/data/imagenet100 are not on this machine")
    reference, fast = Preprocess(image_size=224), FastPreprocess(image_size=224)
    means = []
    for path in sorted(PHOTOS.glob("*.JPEG")):
        data = path.read_bytes()
        difference = (reference.decode(data).int() - fast.decode(data).int()).abs()
        assert difference.max() <= 2, path.name
        means.append(float(difference.float().mean()))
    assert np.mean(means) < 0.01


def test_fast_path_of_an_image_equals_that_of_its_file() -> None:
    fast, data = FastPreprocess(image_size=32), jpeg(picture((80, 60)))
    assert torch.equal(fast(open_image(data)), fast.normalize(fast.decode(data)))


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_simplejpeg_changes_no_pixel(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if preprocess_module.simplejpeg is None:
        pytest.skip("simplejpeg is not installed")
    fast, data = FastPreprocess(image_size=32), jpeg(picture((81, 60), mode=mode))
    decoded = fast.decode(data)
    monkeypatch.setattr(preprocess_module, "simplejpeg", None)
    assert torch.equal(decoded, fast.decode(data))


def test_fast_path_turns_and_refuses_as_the_reference_does() -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    fast, upright = FastPreprocess(image_size=32), open_image(jpeg(picture((80, 60)), exif=exif))
    assert upright.size == (60, 80)
    assert torch.equal(
        fast.decode(jpeg(picture((80, 60)), exif=exif)), torch.from_numpy(fast.crop(upright)).permute(2, 0, 1)
    )
    for data, reason in ((jpeg(picture((80, 60)))[:900], "truncated"), (b"no image", "is none of")):
        with pytest.raises(UserError, match=reason):
            fast.decode(data)


@pytest.mark.parametrize("size", [(96, 64), (64, 64)])
def test_a_later_image_leaves_an_earlier_one_as_it_was(size: tuple[int, int]) -> None:
    """Also where none is resized, so that what comes out is a part of what was decoded."""
    fast, files = FastPreprocess(image_size=64), []
    for level in (10, 200):
        buffer = io.BytesIO()
        Image.new("RGB", size, (level,) * 3).save(buffer, "JPEG")
        files.append(buffer.getvalue())
    first = fast.decode(files[0])
    kept = first.clone()
    assert fast.decode(files[1]).float().mean() > 190
    assert torch.equal(first, kept)


def test_each_path_has_its_own_identity() -> None:
    kinds = [Preprocess(image_size=32), FastPreprocess(image_size=32), Preprocess(image_size=48)]
    assert len({kind.identity for kind in kinds}) == 3


def test_normalisation_keeps_its_input_and_the_original_formula() -> None:
    reference = Preprocess(image_size=32)
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (CLIP_MEAN, CLIP_STD))
    levels = torch.arange(256, dtype=torch.uint8).view(1, 16, 16).expand(3, 16, 16)
    for pixels in (levels, levels.float(), levels.permute(0, 2, 1)):
        before = pixels.clone()
        normalized = reference.normalize(pixels)
        assert torch.equal(normalized, (pixels.float() / 255 - mean) / std)
        assert normalized.is_contiguous() and torch.equal(pixels, before)


def _segment(marker: int, content: bytes) -> bytes:
    return bytes([0xFF, marker]) + (len(content) + 2).to_bytes(2) + content


def _exif(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return exif.tobytes()


@pytest.mark.parametrize(
    ("before", "turned"),
    [
        (b"", False),
        # A comment that looks like the end of the header, then what turns the image.
        (_segment(0xFE, b"\xff\xda\xff\xe1") + _segment(0xE1, _exif(6)), True),
        (_segment(0xE1, _exif(1)), False),
        (_segment(0xE1, b'http://ns.adobe.com/xap/1.0/\0<x tiff:Orientation="8"/>'), True),
        (_segment(0xFE, b"a comment that mentions \xff\xe1"), False),
    ],
)
def test_the_orientation_is_found_wherever_it_is(before: bytes, turned: bool) -> None:
    plain = jpeg(picture((80, 60)))
    data = plain[:2] + before + plain[2:]
    assert open_image(data).size == ((60, 80) if turned else (80, 60))
    exact = open_image(data)
    assert torch.equal(
        FastPreprocess(image_size=32).decode(data),
        torch.from_numpy(FastPreprocess(image_size=32).crop(exact)).permute(2, 0, 1),
    )


def test_the_fast_path_decodes_no_bomb(monkeypatch: pytest.MonkeyPatch) -> None:
    data = jpeg(picture((80, 60)))
    for module in ("inputs.preprocess", "inputs.image_decoding"):
        monkeypatch.setattr(f"clipmodel.{module}.MAX_PIXELS", 80 * 60 - 1)
    with pytest.raises(UserError, match="more than 4,799 pixels"):
        FastPreprocess(image_size=32).decode(data)
