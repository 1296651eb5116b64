"""Encoded images of every kind to 8-bit RGB, or the reason why not.

What the formats leave open is decided here: the EXIF orientation is applied, what is transparent is composed
on white, of an animation the first frame is taken, 16-bit grey is scaled to 8 bits, CMYK is converted as
Pillow does it (without a colour profile). Refused are damaged files, pixels without a stated range (32-bit
integers and floats), files of other formats, and images of so many pixels that they attack the memory.
"""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from clipmodel.errors import UserError

MAX_PIXELS = 89_478_485  # a quarter of a gigabyte in RGB; Pillow warns from here on
MAX_RATIO = 200  # of the sides: to scale the shorter one to 224 pixels would make millions of the longer one
# Registers all plug-ins, which Pillow does only when a file needs them; FORMATS reads that list.
Image.init()
# Not all that Pillow opens: EPS, for one, would start another program. Some need a library it may lack.
_KNOWN = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "JPEG2000", "AVIF", "PPM")
FORMATS = tuple(name for name in _KNOWN if name in Image.OPEN)
ORIENTATION = 0x0112  # EXIF tag


def open_image(
    source: bytes | str | os.PathLike[str],
    *,
    name: str | None = None,
    convert: bool = True,
    least_side: int | None = None,
) -> Image.Image:
    """Decode an image.

    Parameters
    ----------
    source
        An encoded image, or the path of one.
    name
        What to call it in an error; by default its path.
    convert
        To RGB, as `to_rgb` does it. Without, the image keeps its mode, which some models' own preprocessing
        resizes before it converts (`clipmodel.inputs.preprocess.PIPELINES`).
    least_side
        Pixels of the shorter side that are enough: a JPEG file is decoded at a half, a quarter or an eighth
        of its size if that leaves so many, which libjpeg does in the frequency domain. None: at its own size.

    Returns
    -------
    Image.Image
        Upright; mode RGB if converted.

    Raises
    ------
    UserError
        The file is missing, is no image, is damaged or truncated, has too many pixels, or has pixels that
        have no defined brightness.
    """
    name = name or ("the image" if isinstance(source, bytes) else str(source))
    try:
        data = source if isinstance(source, bytes) else Path(source).read_bytes()
    except OSError as error:
        raise UserError(f"{name}: {error.strerror}", remedy="check the path") from error
    with open_checked(data, name=name) as image:
        if least_side is not None:
            scale_decoding(image, least_side)
        return load_rgb(image, name=name) if convert else load_upright(image, name=name)


def open_checked(data: bytes, *, name: str = "the image") -> Image.Image:
    """Read the header only; refuse what is no image or too large a one before any pixel is decoded."""
    try:
        # Opening reads the header alone, so sizes are refused before memory is taken for the pixels.
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError as error:
        reason = "is empty" if not data else f"is none of {', '.join(FORMATS)}"
        raise UserError(f"{name}: {reason}", remedy="restore or convert the file") from error
    except Image.DecompressionBombError as error:
        raise _too_large(name) from error
    except Exception as error:  # of a damaged header each format's reader raises another kind
        raise _damaged(name, error) from error
    # Pillow itself only warns up to twice this many pixels.
    if image.width * image.height > MAX_PIXELS:
        image.close()
        raise _too_large(name)
    if max(image.size) > MAX_RATIO * min(image.size):
        size = f"{image.width:,} x {image.height:,}"
        image.close()
        raise UserError(f"{name}: {size} pixels are too narrow to be resized", remedy="crop it")
    return image


def scale_decoding(image: Image.Image, least_side: int) -> None:
    """Let an opened JPEG be decoded at the smallest scale that leaves `least_side` pixels; others stay."""
    if image.format == "JPEG":
        image.draft(None, (least_side, least_side))  # None keeps the mode


def load_rgb(image: Image.Image, *, name: str = "the image") -> Image.Image:
    """Decode an opened image: upright, RGB.

    Raises
    ------
    UserError
        As for `open_image`.
    """
    upright = load_upright(image, name=name)
    try:
        return to_rgb(upright)
    except UserError as error:
        raise UserError(f"{name}: {error.message}", remedy=error.remedy) from error
    except Exception as error:  # Pillow's decoders raise what they please on damage, not OSError alone
        raise _damaged(name, error) from error


def load_upright(image: Image.Image, *, name: str = "the image") -> Image.Image:
    """Decode an opened image: upright, in its own mode.

    Raises
    ------
    UserError
        As for `open_image`.
    """
    try:
        image.load()
        # After loading: a decoder may still refuse the file, and the orientation is one of its tags.
        ImageOps.exif_transpose(image, in_place=True)
        refuse_undefined(image)
        return image
    except UserError as error:
        raise UserError(f"{name}: {error.message}", remedy=error.remedy) from error
    except Exception as error:  # Pillow's decoders raise what they please on damage, not OSError alone
        raise _damaged(name, error) from error


def to_rgb(image: Image.Image) -> Image.Image:
    """A decoded image of any mode in RGB, transparent pixels on white, 16 bits scaled to 8.

    Raises
    ------
    UserError
        The pixels are 32-bit integers or floats, whose range no format states.
    """
    if image.mode.startswith("I;16"):
        # Also I;16B and I;16L, of which NumPy's type carries the byte order. 65535 + 128 overflows 16 bits.
        levels = np.asarray(image).astype(np.uint32)
        # 65535 = 255 x 257, so this maps 0 to 0 and 65535 to 255 and rounds in between; Pillow's own
        # conversion clips everything above 255 to white.
        image = Image.fromarray(((levels + 128) // 257).astype(np.uint8))
    return rgb_on_white(image)


def rgb_on_white(image: Image.Image) -> Image.Image:
    """A decoded image in RGB, transparent pixels on white, all else as Pillow converts it.

    Raises
    ------
    UserError
        As for `to_rgb`.
    """
    # Also palettes and greys with one transparent colour (PNG's tRNS), which have no alpha channel.
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")
    return plain_rgb(image)


def plain_rgb(image: Image.Image) -> Image.Image:
    """A decoded image in RGB as Pillow converts it: transparency is dropped.

    Raises
    ------
    UserError
        As for `to_rgb`.
    """
    refuse_undefined(image)
    return image if image.mode == "RGB" else image.convert("RGB")


def refuse_undefined(image: Image.Image) -> None:
    """Raise a UserError where the pixels have no defined brightness."""
    if image.mode in ("I", "F"):
        raise UserError(
            f"32-bit pixels (mode {image.mode}) have no defined brightness",
            remedy="convert it to 8 or 16 bits",
        )


def _too_large(name: str) -> UserError:
    return UserError(f"{name}: more than {MAX_PIXELS:,} pixels", remedy="make it smaller")


def _damaged(name: str, error: Exception) -> UserError:
    return UserError(f"{name}: damaged or truncated ({error})", remedy="restore the file")
