"""Images of every kind: converted to known pixels, or refused with the reason."""

from __future__ import annotations

import io
import random
import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from clipmodel.errors import UserError
from clipmodel.inputs import image_decoding
from clipmodel.inputs.image_decoding import ORIENTATION, open_image, to_rgb

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def encode(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def noise(mode: str = "RGB", size: tuple[int, int] = (40, 30)) -> Image.Image:
    values = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), np.uint8)
    return Image.fromarray(values).convert(mode)


def pixel(data: bytes, at: tuple[int, int] = (0, 0)) -> object:
    image = open_image(data)
    assert image.mode == "RGB"
    return image.getpixel(at)


def test_reads_bytes_and_paths(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encode(noise()))
    from_path, from_bytes = open_image(tmp_path / "a.png"), open_image(encode(noise()))
    assert np.array_equal(np.array(from_path), np.array(noise()))
    assert np.array_equal(np.array(from_bytes), np.array(noise()))


# An image red on the left and green on the right, turned as a camera would; seen upright, red is where
# the EXIF standard puts the first column: 1 left, 3 right (180 degrees), 6 top (turned clockwise), 8 bottom.
@pytest.mark.parametrize(
    ("orientation", "where_red"), [(1, (0, 15)), (3, (39, 15)), (6, (15, 0)), (8, (15, 39))]
)
def test_exif_orientation_is_applied(orientation: int, where_red: tuple[int, int]) -> None:
    image = Image.new("RGB", (40, 30), GREEN)
    image.paste(RED, (0, 0, 20, 30))
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    red, green, blue = open_image(encode(image, "JPEG", exif=exif, quality=95)).getpixel(where_red)
    assert red > 200 and green < 60 and blue < 60


def test_transparent_pixels_lie_on_white() -> None:
    layer = Image.new("RGBA", (2, 1), (*RED, 0))
    layer.putpixel((1, 0), (0, 0, 255, 51))  # 51 / 255 = 0.2: white keeps 0.8 * 255 = 204
    assert pixel(encode(layer)) == WHITE
    assert pixel(encode(layer), (1, 0)) == (204, 204, 255)
    assert pixel(encode(Image.new("LA", (1, 1), (0, 0)))) == WHITE


def test_palettes_with_and_without_transparency() -> None:
    palette = Image.new("P", (2, 1))
    palette.putpalette([*RED, *BLUE])
    palette.putpixel((1, 0), 1)
    assert pixel(encode(palette)) == RED
    assert pixel(encode(palette, transparency=1), (1, 0)) == WHITE
    assert pixel(encode(palette, "GIF")) == RED


def test_16_bit_grey_is_scaled_not_clipped() -> None:
    values = np.array([[0, 128, 129, 32896, 65535]], np.uint16)
    # 65535 / 255 = 257 steps a level: 128 rounds down to 0, 129 up to 1; 32896 = 128 * 257.
    levels = [pixel(encode(Image.fromarray(values)), (x, 0)) for x in range(5)]
    assert levels == [(0,) * 3, (0,) * 3, (1,) * 3, (128,) * 3, (255,) * 3]


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "YCbCr"])
def test_other_modes_are_converted_as_pillow_does(mode: str) -> None:
    kind = {"CMYK": "JPEG", "YCbCr": "JPEG"}.get(mode, "PNG")
    data = encode(noise(mode), kind)
    with Image.open(io.BytesIO(data)) as image:
        assert np.array_equal(np.array(open_image(data)), np.array(image.convert("RGB")))


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_an_animation_the_first_frame_is_taken(kind: str) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in (RED, BLUE)]
    options = {"lossless": True} if kind == "WEBP" else {}
    assert pixel(encode(frames[0], kind, save_all=True, append_images=frames[1:], **options)) == RED


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_truncated_files_are_refused(kind: str) -> None:
    data = encode(noise(), kind)
    for part in (0.2, 0.5, 0.8):
        with pytest.raises(UserError, match=r"face\.jpg"):
            open_image(data[: int(part * len(data))], name="face.jpg")


@pytest.mark.parametrize("mode", ["I", "F"])
def test_pixels_without_a_range_are_refused(mode: str) -> None:
    with pytest.raises(UserError, match="32-bit pixels"):
        open_image(encode(Image.new(mode, (4, 4)), "TIFF"))


def test_what_is_no_image_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="the image: is empty"):
        open_image(b"")
    with pytest.raises(UserError, match="is none of JPEG"):
        open_image(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 1 1\n")
    with pytest.raises(UserError, match=r"missing\.png: No such file"):
        open_image(tmp_path / "missing.png")


@pytest.mark.parametrize("size", [(20_000, 20_000), (9_500, 9_500)])
def test_a_decompression_bomb_is_refused_before_it_is_decoded(size: tuple[int, int]) -> None:
    # The header of a PNG is enough to know; its pixels are not there.
    data = bytearray(encode(Image.new("1", (1, 1))))
    data[16:24] = size[0].to_bytes(4) + size[1].to_bytes(4)
    data[29:33] = zlib.crc32(bytes(data[12:29])).to_bytes(4)
    with warnings.catch_warnings(), pytest.raises(UserError, match="more than 89,478,485 pixels"):
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        open_image(bytes(data))


def test_damaged_files_give_an_image_or_a_user_error_and_nothing_else() -> None:
    rng = random.Random(0)
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    sound = [encode(noise(), kind, exif=exif) for kind in ("JPEG", "PNG", "WEBP", "TIFF")]
    sound += [encode(noise("P"), "GIF"), encode(noise(), "BMP"), encode(noise(), "PPM")]
    refused = 0
    for number in range(700):
        data = bytearray(sound[number % len(sound)])
        for _ in range(rng.randint(1, 12)):
            data[rng.randrange(len(data) if number % 2 else min(len(data), 120))] = rng.randrange(256)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                assert open_image(bytes(data)).mode == "RGB"
            except UserError:
                refused += 1
    assert 100 < refused < 700


def test_rgb_is_not_copied() -> None:
    image = noise()
    assert to_rgb(image) is image
    assert image_decoding.MAX_PIXELS == Image.MAX_IMAGE_PIXELS  # where Pillow begins to warn


@pytest.mark.parametrize("size", [(30_000, 1), (1, 30_000), (201, 1)])
def test_an_image_that_is_too_narrow_to_be_resized_is_refused(size: tuple[int, int]) -> None:
    """Its shorter side at 224 pixels, the longer one of 30,000 x 1 would have 6.7 million."""
    buffer = io.BytesIO()
    Image.new("L", size).save(buffer, format="PNG")
    with pytest.raises(UserError, match="too narrow"):
        open_image(buffer.getvalue())


@pytest.mark.parametrize("error", [NotImplementedError, RuntimeError, struct.error, KeyError, AttributeError])
def test_whatever_a_decoder_raises_is_damage(monkeypatch: pytest.MonkeyPatch, error: type[Exception]) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (4, 4)).save(buffer, format="PNG")

    def fail(self: Image.Image) -> None:
        raise error("odd")

    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", fail)
    with pytest.raises(UserError, match="damaged or truncated"):
        open_image(buffer.getvalue())


def jpeg(width: int, height: int, **options: object) -> bytes:
    """A smooth picture with some detail."""
    y, x = np.mgrid[:height, :width]
    levels = 127 + 80 * np.sin(x / 9) * np.cos(y / 13) + 40 * np.sin(x / 101)
    pixels = np.stack([levels, levels[::-1], levels[:, ::-1]], axis=2).clip(0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(out := io.BytesIO(), "JPEG", quality=95, **options)
    return out.getvalue()


@pytest.mark.parametrize(
    ("size", "least", "expected"),
    [
        ((640, 480), 224, (320, 240)),  # a half: 240 of 224 pixels; a quarter would leave 120
        ((447, 800), 224, (447, 800)),  # one pixel too few for a half
        ((448, 449), 224, (224, 225)),  # rounded up
        ((1000, 900), 100, (125, 113)),  # an eighth
        ((8000, 90), 100, (8000, 90)),
    ],
)
def test_a_jpeg_is_decoded_at_the_smallest_scale_that_is_enough(
    size: tuple[int, int], least: int, expected: tuple[int, int]
) -> None:
    data = jpeg(*size)
    assert open_image(data, least_side=least).size == expected
    assert open_image(data).size == size


def test_scaled_pixels_are_near_the_mean_of_whole_ones() -> None:
    """The reference: the mean over each 2 x 2 block, which is the half scale but for its rounding."""
    data = jpeg(512, 512)
    whole = np.asarray(open_image(data)).astype(float).reshape(256, 2, 256, 2, 3).mean(axis=(1, 3))
    change = np.abs(np.asarray(open_image(data, least_side=256)) - whole)
    assert 0 < change.mean() < 1 and change.max() < 8


def test_a_scaled_jpeg_stays_upright_and_other_formats_stay_whole() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    assert open_image(jpeg(640, 480, exif=exif), least_side=224).size == (240, 320)
    Image.new("RGB", (640, 480)).save(out := io.BytesIO(), "PNG")
    assert open_image(out.getvalue(), least_side=224).size == (640, 480)
