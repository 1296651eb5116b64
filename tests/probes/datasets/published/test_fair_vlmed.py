"""Harvard-FairVLMed: images inside npz files, numbers for words, -1 for unknown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clipmodel.errors import UserError
from probes.datasets.published.fair_vlmed import load_fair_vlmed
from tests.probes.datasets.conftest import RunThrough

PLAIN = {
    "age": 61.5, "gender": 0, "race": 2, "ethnicity": -1, "language": 0, "maritalstatus": 3, "glaucoma": 1,
    "note": "an eye",
}  # fmt: skip


def write(root: Path, name: str, **changes: Any) -> Path:
    path = root / name
    path.parent.mkdir(exist_ok=True)
    pixels = np.random.default_rng(int(path.stem[-5:])).integers(0, 256, (20, 16))
    np.savez(path, **({"slo_fundus": pixels.astype(np.uint8)} | PLAIN | changes))
    return path


def test_numbers_become_words_and_pixels_stay(tmp_path: Path) -> None:
    pixels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    write(tmp_path, "Test/data_00001.npz", slo_fundus=pixels)
    write(tmp_path, "Training/data_00002.npz", gender=1, race=7, age=-1)
    data = load_fair_vlmed(tmp_path)
    assert data.frame["image_id"].tolist() == ["Training/data_00002.npz", "Test/data_00001.npz"]
    assert data.values("gender").tolist() == ["Male", "Female"]
    assert data.values("race").fillna("").tolist() == ["", "White"]
    assert data.values("ethnicity").isna().all()
    assert data.values("age").fillna("").tolist() == ["", "61"]
    assert data.values("age_band").fillna("").tolist() == ["", "60-69"]
    assert np.array_equal(np.asarray(data.open_image(1))[..., 0], pixels)


def test_through_check_and_suite_with_damaged_files(tmp_path: Path, run_through: RunThrough) -> None:
    """A file that is cut off and one without an image are counted, one that vanishes is unreadable."""
    for number in range(4):
        write(
            tmp_path,
            f"Test/data_{number:05}.npz",
            gender=number % 2,
            slo_fundus=np.full((9, 9), 60.0 * number),
        )
    cut = write(tmp_path, "Test/data_00008.npz")
    cut.write_bytes(cut.read_bytes()[:200])
    np.savez(tmp_path / "Test/data_00009.npz", **PLAIN)
    said = run_through(f"fair_vlmed:{tmp_path}", groups=[["gender"]])
    assert "Harvard-FairVLMed: 4 images" in said
    assert "the npz file is damaged, or holds no image" in said
    assert "no clinical use" in said


def test_nothing_to_read(tmp_path: Path) -> None:
    (tmp_path / "Test").mkdir()
    with pytest.raises(UserError, match="no npz file that can be read"):
        load_fair_vlmed(tmp_path)
