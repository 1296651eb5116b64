"""Folders in the layouts of the data sets, with noise in the place of pictures of persons."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

WriteImages = Callable[..., None]


def noise(number: int) -> bytes:
    """An 8 x 6 JPEG of noise, another one for each number."""
    pixels = np.random.default_rng(number).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="JPEG")
    return buffer.getvalue()


@pytest.fixture
def write_images(tmp_path: Path) -> WriteImages:
    """Writes noise under each of some paths below the test's folder."""

    def write(*names: str) -> None:
        for number, name in enumerate(names):
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(noise(number))

    return write
