"""Damaged images, through the decoder that audits use and the one that training uses."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.fuzz.damage import Case, damaged
from clipmodel.inputs.image_decoding import FORMATS
from probes.datasets.demographic_dataset import decode


def image_case() -> Case:
    """Decode a damaged image of noise, of every format that is read, with and without EXIF."""
    pixels = np.random.default_rng(0).integers(0, 256, (24, 20, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a description"
    seeds = []
    for name, options in (
        ("JPEG", {}), ("JPEG", {"progressive": True}), ("JPEG", {"exif": exif}), ("PNG", {}),
        ("PNG", {"exif": exif}), ("WEBP", {}), ("WEBP", {"lossless": True, "exif": exif}), ("GIF", {}),
        ("BMP", {}), ("TIFF", {}), ("TIFF", {"compression": "tiff_lzw"}), ("PPM", {}), ("JPEG2000", {}),
        ("AVIF", {}), ("AVIF", {"exif": exif}),
    ):  # fmt: skip
        if name in FORMATS:
            seeds.append(_encoded(Image.fromarray(pixels), name, options))
    for mode, name in (("P", "PNG"), ("LA", "PNG"), ("CMYK", "JPEG"), ("L", "TIFF"), ("RGBA", "WEBP")):
        seeds.append(_encoded(Image.fromarray(pixels).convert(mode), name, {}))
    seeds.append(_encoded(Image.fromarray(pixels[..., 0].astype(np.uint16) * 257), "PNG", {}))

    def run(rng: np.random.Generator, folder: Path) -> None:
        decode(damaged(seeds[int(rng.integers(0, len(seeds)))], rng))

    return run


def _encoded(image: Image.Image, name: str, options: dict[str, object]) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=name, **options)
    return buffer.getvalue()
