"""Pictures to pixels: resize the short side, centre crop, scale and normalise, as in the original.

Shapes: N images, H = W = the model's input side in pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


@dataclass(frozen=True, kw_only=True)
class Preprocess:
    """Reference preprocessing: Pillow's bicubic resize, then a centre crop.

    Calling it turns a picture into a float32 tensor [3, H, W].
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

    def crop(self, image: Image.Image) -> np.ndarray:
        """Resized and cropped uint8 pixels [H, W, 3]."""
        size = self.image_size
        short = min(image.size)
        if short != size:
            # int() of the scaled long side, as torchvision's Resize counts it.
            width, height = (int(size * side / short) for side in image.size)
            image = image.resize((width, height), Image.Resampling.BICUBIC)
        left, top = (round((side - size) / 2) for side in image.size)
        return np.array(image.crop((left, top, left + size, top + size)).convert("RGB"))

    def normalize(self, pixels: Tensor) -> Tensor:
        """uint8 [..., 3, H, W] -> float32, scaled to [0, 1] and normalised by channel."""
        mean = torch.tensor(self.mean, device=pixels.device).view(3, 1, 1)
        std = torch.tensor(self.std, device=pixels.device).view(3, 1, 1)
        return (pixels.float() / 255 - mean) / std
