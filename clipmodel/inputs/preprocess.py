"""Pictures to pixels: resize the short side, centre crop, scale and normalise, as in the original.

`Preprocess` is the reference, bit for bit what open_clip and torchvision compute with Pillow from an RGB or
grey image. `FastPreprocess` is some two times faster, for training and bulk embedding: it decodes JPEG files
with simplejpeg, which gives Pillow's pixels, and resizes in torch, which is within 2 of the 255 levels of
Pillow's bicubic filter (0.003 on average; both round intermediate sums, in another order).

Shapes: N images, H = W = the model's input side in pixels, h x w = a picture's own size.
"""

from __future__ import annotations

from dataclasses import dataclass

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
    to_rgb,
)

try:
    import simplejpeg
except ImportError:  # optional: Pillow gives the same pixels more slowly
    simplejpeg = None

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
_JPEG, _APP1, _SCAN = b"\xff\xd8\xff", b"\xe1", b"\xda"  # the start of a file, markers of segments
_PLAIN_COLOURS = ("YCbCr", "RGB", "Gray")


@dataclass(frozen=True, kw_only=True)
class Preprocess:
    """Reference preprocessing: Pillow's bicubic resize, then a centre crop.

    Calling it turns a picture into a float32 tensor [3, H, W]. Pictures that are neither RGB nor grey are
    converted before they are resized, as `clipmodel.inputs.image_decoding` says.
    """

    image_size: int  # pixels
    mean: tuple[float, float, float] = CLIP_MEAN
    std: tuple[float, float, float] = CLIP_STD

    @property
    def identity(self) -> str:
        """Everything that changes the pixels, as one line: part of the key of a stored embedding."""
        return f"pillow-bicubic-short-side-{self.image_size} centre-crop mean={self.mean} std={self.std}"

    def __call__(self, image: Image.Image) -> Tensor:
        return self.normalize(torch.from_numpy(self.crop(image)).permute(2, 0, 1))

    def decode(self, data: bytes) -> Tensor:
        """An encoded picture to uint8 [3, H, W], resized and cropped.

        Raises
        ------
        UserError
            As `clipmodel.inputs.image_decoding.open_image`.
        """
        return torch.from_numpy(self.crop(open_image(data))).permute(2, 0, 1)

    def crop(self, image: Image.Image) -> np.ndarray:
        """Resized and cropped uint8 pixels [H, W, 3].

        Raises
        ------
        UserError
            The picture is so narrow that it would take more than `MAX_PIXELS` to resize.
        """
        image = to_rgb(image)
        width, height = self._resized(*image.size)
        if (width, height) != image.size:
            image = image.resize((width, height), Image.Resampling.BICUBIC)
        left, top = self._corner(width, height)
        return np.array(image.crop((left, top, left + self.image_size, top + self.image_size)))

    def normalize(self, pixels: Tensor) -> Tensor:
        """uint8 [..., 3, H, W] -> float32, contiguous, scaled to [0, 1] and normalised by channel."""
        mean = torch.tensor(self.mean, device=pixels.device).view(3, 1, 1)
        std = torch.tensor(self.std, device=pixels.device).view(3, 1, 1)
        # Bytes are cheaper to reorder than floats, and what is written over needs no new memory.
        values = pixels.contiguous().to(torch.float32, copy=True)
        return values.div_(255).sub_(mean).div_(std)

    def _resized(self, width: int, height: int) -> tuple[int, int]:
        """Size with the short side as the model needs it; the long side is cut off, as torchvision does."""
        short = min(width, height)
        resized = int(self.image_size * width / short), int(self.image_size * height / short)
        if resized[0] * resized[1] > MAX_PIXELS:
            raise UserError(f"{width} x {height} pixels are too narrow a picture", remedy="crop it")
        return resized

    def _corner(self, width: int, height: int) -> tuple[int, int]:
        """Left and top of the centre crop."""
        return round((width - self.image_size) / 2), round((height - self.image_size) / 2)


class FastPreprocess(Preprocess):
    """As `Preprocess`, resized by torch's antialiased bicubic filter on 8-bit pixels."""

    @property
    def identity(self) -> str:
        return f"torch-bicubic-short-side-{self.image_size} centre-crop mean={self.mean} std={self.std}"

    def decode(self, data: bytes) -> Tensor:
        return self._crop_pixels(decode_rgb(data))

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
    """An encoded picture at its own size, uint8 [h, w, 3].

    Raises
    ------
    UserError
        As `clipmodel.inputs.image_decoding.open_image`.
    """
    pixels = _decode_jpeg(data)
    if pixels is None:
        with open_checked(data) as image:
            pixels = np.array(load_rgb(image))
    return pixels


def _decode_jpeg(data: bytes) -> np.ndarray | None:
    """uint8 [h, w, 3] of a sound, upright RGB or grey JPEG; None for all others, which Pillow judges."""
    if simplejpeg is None or not data.startswith(_JPEG):
        return None
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(data)
        if colours not in _PLAIN_COLOURS or height * width > MAX_PIXELS or not _is_upright(data):
            return None
        return simplejpeg.decode_jpeg(data, colorspace="RGB")
    except ValueError:
        return None


def _is_upright(data: bytes) -> bool:
    if not _has_metadata(data):
        return True  # what Pillow would find too, at twenty times the cost
    with open_checked(data) as image:
        return image.getexif().get(ORIENTATION, 1) == 1


def _has_metadata(data: bytes) -> bool:
    """Whether a JPEG has the segment of EXIF and XMP, which tell the orientation; True if in doubt."""
    at = 2
    while data[at : at + 1] == b"\xff":
        marker = data[at + 1 : at + 2]
        if marker in (_APP1, _SCAN):
            return marker == _APP1
        at += 2 + int.from_bytes(data[at + 2 : at + 4])
    return True
