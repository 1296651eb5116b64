"""The JPEG files that the benchmarks read: real ones if they are here, otherwise drawn ones of their size."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


def jpeg_files(folder: Path, n: int) -> tuple[list[Path], str]:
    """Paths of n JPEG files and what they are; drawn ones are written to `folder`."""
    photos = sorted((SHARED / "imagenet100").glob("*.JPEG"))[:n]
    if len(photos) == n:
        sizes = [Image.open(path).size for path in photos]
        pixels = np.median([width * height for width, height in sizes])
        return photos, f"{n} photos of ImageNet, median {pixels / 1e3:.0f},000 pixels"
    paths = [folder / f"{number}.jpg" for number in range(n)]
    for number, path in enumerate(paths):
        path.write_bytes(_drawn(number))
    return paths, f"{n} drawn images of 500 x 375 pixels"


def _drawn(seed: int) -> bytes:
    """Smooth noise of several scales, which JPEG packs about as well as a photo."""
    rng = np.random.default_rng(seed)
    image = np.zeros((375, 500, 3))
    for side in (4, 16, 64, 256):
        coarse = Image.fromarray(rng.integers(0, 256, (side, side, 3), np.uint8))
        image += np.asarray(coarse.resize((500, 375), Image.Resampling.BICUBIC), np.float64) / 4
    buffer = io.BytesIO()
    Image.fromarray(image.astype(np.uint8)).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()
