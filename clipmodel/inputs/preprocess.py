"""Images to pixels: resize, crop, scale and normalise, as the format that the weights came in does it.

`Preprocess` is the reference, bit for bit what the weights' own library computes with Pillow.
`FastPreprocess` is some two times faster, for training and bulk embedding: it decodes JPEG files with
simplejpeg, which gives Pillow's pixels, and resizes in torch, which is within 2 of the 255 levels of Pillow's
bicubic filter (0.003 on average; both round intermediate sums, in another order).

Shapes: N images, H = W = the model's input side in pixels, h x w = an image's own size.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, get_args

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from clipmodel.errors import UserError
from clipmodel.inputs.image_decoding import (
    MAX_PIXELS,
    ORIENTATION,
    load_rgb,
    open_checked,
    open_image,
    plain_rgb,
    rgb_on_white,
    to_rgb,
)

try:
    import simplejpeg
except ImportError:  # optional: Pillow gives the same pixels more slowly
    simplejpeg = None

# By channel, from the original code; the paper does not state them.
CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
_JPEG, _APP1, _SCAN = b"\xff\xd8\xff", b"\xe1", b"\xda"  # the start of a file, markers of segments
# CMYK and YCCK are left to Pillow, whose conversion is the reference.
_PLAIN_COLOURS = ("YCbCr", "RGB", "Gray")

# What is done with an image that is not RGB, and when. On RGB and grey images the four give one result, but
# for transformers' centre crop, which rounds down where torchvision rounds half to even.
Pipeline = Literal["clip_audit", "openai", "open_clip", "transformers"]
PIPELINES: dict[Pipeline, str] = {
    "clip_audit": "converted to RGB first: transparent pixels on white, 16 bits scaled to 8",
    "openai": "resized and cropped in its own mode, then converted to RGB: transparency dropped",
    "open_clip": "resized and cropped in its own mode, then converted to RGB: transparency dropped",
    "transformers": "converted to RGB first: transparent pixels on white, 16 bits as Pillow converts them",
}
ResizeMode = Literal["shortest", "squash", "longest"]
Interpolation = Literal["nearest", "lanczos", "bilinear", "bicubic", "box", "hamming"]
CHANNELS = 3
LARGEST_SCRATCH = 1 << 24  # bytes: an image of 5.6 million pixels
_SCRATCH = threading.local()


@dataclass(frozen=True, kw_only=True)
class Preprocess:
    """Reference preprocessing: Pillow's resize, then a centre crop or padding, then scale and normalise.

    Calling it turns an image into a float32 tensor [3, H, W]. `pipeline` says what becomes of images that are
    neither RGB nor grey; see `PIPELINES`.

    Raises
    ------
    ValueError
        A value is impossible.
    """

    image_size: int  # pixels
    mean: tuple[float, float, float] = CLIP_MEAN
    std: tuple[float, float, float] = CLIP_STD
    # shortest: the short side becomes `resize_size`; squash: both sides, whatever the image's shape; longest:
    # the long side, and the rest is filled up.
    resize_mode: ResizeMode = "shortest"
    resize_size: int | None = None  # pixels before the crop; None: image_size
    interpolation: Interpolation = "bicubic"
    scale: float | None = None  # what the 8-bit values are multiplied by; None: 1/255
    fill: int = 0  # level of what `longest` fills up
    pipeline: Pipeline = "clip_audit"

    def __post_init__(self) -> None:
        for name, kinds in (
            ("resize_mode", ResizeMode),
            ("interpolation", Interpolation),
            ("pipeline", Pipeline),
        ):
            if getattr(self, name) not in get_args(kinds):
                raise ValueError(f"{name} is {getattr(self, name)!r}, known are {', '.join(get_args(kinds))}")
        for name in ("image_size", "resize_size"):
            # bool is a kind of int in Python: True would pass as one pixel.
            value = getattr(self, name)
            if value is not None and (
                isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 2**14
            ):
                raise ValueError(f"{name} must be a whole number of pixels, got {value!r}")
        for name in ("mean", "std"):
            if len(getattr(self, name)) != CHANNELS or not np.isfinite(getattr(self, name)).all():
                raise ValueError(f"{name} must be three numbers, got {getattr(self, name)!r}")
        if min(self.std) <= 0 or (self.scale is not None and not 0 < self.scale < np.inf):
            raise ValueError("std and the scale of the levels must be above 0")

    @property
    def identity(self) -> str:
        """Everything that changes the pixels, as one line: part of the key of a stored embedding."""
        words = {"shortest": "short-side", "squash": "square", "longest": "long-side"}[self.resize_mode]
        resize = f"pillow-{self.interpolation}-{words}-{self.resize_size or self.image_size}"
        crop = {"shortest": " centre-crop", "squash": "", "longest": f" filled-with-{self.fill}"}
        size = f"-{self.image_size}" if self.resize_size not in (None, self.image_size) else ""
        rest = f" mean={self.mean} std={self.std}"
        scale = "" if self.scale is None else f" scale={self.scale!r}"
        pipeline = "" if self.pipeline == "clip_audit" else f" as {self.pipeline}"
        return resize + crop[self.resize_mode] + size + rest + scale + pipeline

    def __call__(self, image: Image.Image) -> Tensor:
        return self.normalize(torch.from_numpy(self.crop(image)).permute(2, 0, 1))

    def decode(self, data: bytes) -> Tensor:
        """An encoded image to uint8 [3, H, W], resized and cropped.

        Raises
        ------
        UserError
            As `clipmodel.inputs.image_decoding.open_image`.
        """
        return torch.from_numpy(self.crop(open_image(data, convert=False))).permute(2, 0, 1)

    def crop(self, image: Image.Image) -> np.ndarray:
        """Resized and cropped uint8 pixels [H, W, 3].

        Raises
        ------
        UserError
            The image is so narrow that it would take more than `MAX_PIXELS` to resize.
        """
        if self.pipeline == "clip_audit":
            image = to_rgb(image)
        elif self.pipeline == "transformers":
            image = rgb_on_white(image)
        size = self._resized(*image.size)
        if size != image.size:
            image = image.resize(size, Image.Resampling[self.interpolation.upper()])
        return np.array(plain_rgb(self._cropped(image)))

    def normalize(self, pixels: Tensor) -> Tensor:
        """uint8 [..., 3, H, W] -> float32, contiguous, scaled to [0, 1] and normalised by channel."""
        mean, std = (_by_channel(values, pixels.device) for values in (self.mean, self.std))
        # Bytes are cheaper to reorder than floats, and what is written over needs no new memory.
        values = pixels.contiguous().to(torch.float32, copy=True)
        # Divided, as torchvision's ToTensor does it: times 1/255 differs in the last bit.
        values = values.div_(255) if self.scale is None else values.mul_(self.scale)
        return values.sub_(mean).div_(std)

    def _resized(self, width: int, height: int) -> tuple[int, int]:
        """Size before the crop; fractions of pixels are treated as the library of the pipeline does."""
        wanted = self.resize_size or self.image_size
        if self.resize_mode == "squash":
            return wanted, wanted
        if self.resize_mode == "longest":
            ratio = max(width, height) / wanted
            return max(1, round(width / ratio)), max(1, round(height / ratio))
        short = min(width, height)
        # Rounded down, as torchvision does; a pixel more or less shifts the crop, and embeddings with it.
        resized = int(wanted * width / short), int(wanted * height / short)
        if resized[0] * resized[1] > MAX_PIXELS:
            raise UserError(f"{width} x {height} pixels are too narrow an image", remedy="crop it")
        return resized

    def _cropped(self, image: Image.Image) -> Image.Image:
        """The middle of an image; where it is smaller than the model's input, it is filled up."""
        size = self.image_size
        if min(image.size) < size:
            image = self._filled(plain_rgb(image))
        left, top = self._corner(*image.size)
        return image.crop((left, top, left + size, top + size))

    def _filled(self, image: Image.Image) -> Image.Image:
        size = max(image.width, self.image_size), max(image.height, self.image_size)
        whole = Image.new("RGB", size, (self.fill,) * 3)
        # transformers pads one more above and left where the difference is odd, torchvision below and right.
        odd = 1 if self.pipeline == "transformers" else 0
        corner = (
            (size[0] - image.width + odd) // 2,
            (size[1] - image.height + odd) // 2,
        )
        whole.paste(image, corner)
        return whole

    def _corner(self, width: int, height: int) -> tuple[int, int]:
        """Left and top of the centre crop."""
        if self.pipeline == "transformers":
            return (width - self.image_size) // 2, (height - self.image_size) // 2
        # torchvision rounds the half pixel of an odd difference to the even neighbour, as Python does.
        return round((width - self.image_size) / 2), round((height - self.image_size) / 2)


class FastPreprocess(Preprocess):
    """As `Preprocess`, resized by torch's antialiased bicubic filter on 8-bit pixels.

    Raises
    ------
    ValueError
        It is given another resize than CLIP's, the short side by a bicubic filter.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.resize_mode, self.interpolation, self.pipeline) != ("shortest", "bicubic", "clip_audit"):
            raise ValueError("the fast resize knows only the short side, the bicubic filter and RGB first")
        if (self.resize_size or self.image_size) < self.image_size:
            raise ValueError("the fast resize fills nothing up")

    @property
    def identity(self) -> str:
        return super().identity.replace("pillow", "torch", 1)

    def decode(self, data: bytes) -> Tensor:
        pixels = _decoded(data, scratch=True)
        cropped = self._crop_pixels(pixels)
        # What was not resized may still lie in the memory that the next image is decoded into.
        return cropped.clone() if np.may_share_memory(cropped.numpy(), pixels) else cropped

    def crop(self, image: Image.Image) -> np.ndarray:
        return self._crop_pixels(np.array(to_rgb(image))).permute(1, 2, 0).numpy()

    def _crop_pixels(self, pixels: np.ndarray) -> Tensor:
        """uint8 [h, w, 3] -> [3, H, W]."""
        # The batch is added before the permutation: its stride tells torch that the channels come last, and
        # the filter then works on the pixels as they lie.
        planes = torch.from_numpy(pixels)[None].permute(0, 3, 1, 2)
        width, height = self._resized(pixels.shape[1], pixels.shape[0])
        if planes.shape[2:] != (height, width):
            planes = F.interpolate(planes, (height, width), mode="bicubic", antialias=True)
        left, top = self._corner(width, height)
        return planes[0, :, top : top + self.image_size, left : left + self.image_size]


def decode_rgb(data: bytes) -> np.ndarray:
    """An encoded image at its own size, uint8 [h, w, 3].

    Raises
    ------
    UserError
        As `clipmodel.inputs.image_decoding.open_image`.
    """
    return _decoded(data, scratch=False)


def _decoded(data: bytes, *, scratch: bool) -> np.ndarray:
    """As `decode_rgb`; with `scratch` in memory that the thread's next image may be decoded into."""
    pixels = _decode_jpeg(data, scratch=scratch)
    if pixels is None:
        with open_checked(data) as image:
            pixels = np.array(load_rgb(image))
    return pixels


def _decode_jpeg(data: bytes, *, scratch: bool) -> np.ndarray | None:
    """uint8 [h, w, 3] of a sound, upright RGB or grey JPEG; None for all others, which Pillow judges."""
    if simplejpeg is None or not data.startswith(_JPEG):
        return None
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(data)
        if colours not in _PLAIN_COLOURS or height * width > MAX_PIXELS or not _is_upright(data):
            return None
        memory = _scratch_memory(height * width * CHANNELS) if scratch else None
        pixels: np.ndarray = simplejpeg.decode_jpeg(data, colorspace="RGB", buffer=memory)
        return pixels
    except ValueError:
        return None


def _scratch_memory(n_bytes: int) -> np.ndarray | None:
    """Memory of this thread for the pixels of one image: new pages for each cost a twentieth of the time."""
    if n_bytes > LARGEST_SCRATCH:
        return None
    if getattr(_SCRATCH, "memory", None) is None or len(_SCRATCH.memory) < n_bytes:
        _SCRATCH.memory = np.empty(n_bytes, np.uint8)
    memory: np.ndarray = _SCRATCH.memory
    return memory


@lru_cache(maxsize=64)
def _by_channel(values: tuple[float, float, float], device: torch.device) -> Tensor:
    """[3, 1, 1]; made once, since for each image it would cost as much as adding it."""
    with torch.inference_mode(mode=False):  # or what is trained later could not be computed with it
        return torch.tensor(values, device=device).view(CHANNELS, 1, 1)


def _is_upright(data: bytes) -> bool:
    if not _has_metadata(data):
        return True  # what Pillow would find too, at twenty times the cost
    with open_checked(data) as image:
        upright: bool = image.getexif().get(ORIENTATION, 1) == 1
        return upright


def _has_metadata(data: bytes) -> bool:
    """Whether a JPEG has the segment of EXIF and XMP, which tell the orientation; True if in doubt."""
    # After the marker of the start. A segment's length counts its own two bytes, the higher one first.
    at = 2
    while data[at : at + 1] == b"\xff":
        marker = data[at + 1 : at + 2]
        if marker in (_APP1, _SCAN):
            return marker == _APP1
        at += 2 + int.from_bytes(data[at + 2 : at + 4])
    return True
