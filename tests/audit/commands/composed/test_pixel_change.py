"""Pixels of images decoded at a smaller scale, beside those of images decoded whole."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from audit.commands.composed.pixel_change import PixelChange, pixel_change
from clipmodel.loading.reduced_precision import load_reduced
from probes.datasets import load_dataset


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A large JPEG of stripes, a flat one, a small one, and a file that is no image."""
    x = np.arange(400)
    stripes = np.broadcast_to((127 + 120 * np.sin(x / 2))[:, None, None], (400, 400, 3)).astype(np.uint8)
    Image.fromarray(stripes).save(tmp_path / "stripes.jpg")
    Image.new("RGB", (400, 400), (200, 10, 10)).save(tmp_path / "flat.jpg")
    Image.fromarray(stripes[:90, :90]).save(tmp_path / "small.jpg")
    (tmp_path / "none.jpg").write_text("no image")
    rows = "".join(f"{name}.jpg,x\n" for name in ("stripes", "flat", "small", "none"))
    (tmp_path / "t.csv").write_text(f"path,gender\n{rows}")
    return tmp_path / "t.csv"


def test_large_jpegs_are_compared(photos: Path, small_model: Path) -> None:
    """Flat pixels stay, fine stripes do not; the small image is not scaled, the broken one not compared."""
    model = load_reduced(small_model, scaled=True)
    found = pixel_change(load_dataset(f"table:{photos}"), model)
    assert (found.n_scaled, found.n_images) == (2, 3)
    assert 0 < found.mean < found.largest <= 255
    assert "2 of 3 images compared, whose pixels moved by" in found.sentence
    flat = pixel_change(load_dataset(f"table:{photos}"), model, most_images=1)
    assert flat.n_images == 1


def test_nothing_large_enough_is_said() -> None:
    none = PixelChange(largest=math.nan, mean=math.nan, n_scaled=0, n_images=7)
    assert none.sentence.endswith("0 of 7 images compared were.")
