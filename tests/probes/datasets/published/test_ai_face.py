"""AI-Face: numbers into words, paths of other machines, real and generated faces."""

from __future__ import annotations

from pathlib import Path

import pytest

from clipmodel.errors import UserError
from probes.datasets.published.ai_face import load_ai_face
from tests.probes.datasets.conftest import RunThrough, WriteImages

HEADER = "Image Path,Gender,Age,Skin Tone,Intersection,Target"


def write(root: Path, *rows: str, name: str = "test.csv") -> Path:
    (root / name).write_text("\n".join([HEADER, *rows]) + "\n")
    return root


def test_through_check_and_suite(tmp_path: Path, write_images: WriteImages, run_through: RunThrough) -> None:
    """An absolute path of another machine, a float for a number, and age 2, which no README lists."""
    write_images("Real/a/1.png", "GANs/b/2.png", "DMs/c/3.png", "deepfakes/d/4.png")
    write(tmp_path, "Real/a/1.png,1,3,10,0,0", "/home/x/data/GANs/b/2.png,0,4,2,3,1")
    write(tmp_path, "./DMs/c/3.png,1.0,2,1.0,5,1", "deepfakes\\d\\4.png,0,0,,1,1", name="train.csv")
    with pytest.warns(UserWarning, match="are not in its README and are no label: 2"):
        data = load_ai_face(tmp_path)
    frame = data.frame.set_index("image_id")
    assert frame["gender"].to_dict() == {
        "DMs/c/3.png": "Male", "deepfakes/d/4.png": "Female",
        "Real/a/1.png": "Male", "GANs/b/2.png": "Female",
    }  # fmt: skip
    assert frame["age"].fillna("").to_dict() == {
        "DMs/c/3.png": "", "deepfakes/d/4.png": "child",
        "Real/a/1.png": "adult", "GANs/b/2.png": "middle-aged",
    }  # fmt: skip
    assert data.levels("age") == ["child", "adult", "middle-aged"]
    assert data.levels("skin_tone") == ["1", "2", "10"]
    assert frame["source"].tolist() == ["DMs", "deepfakes", "Real", "GANs"]
    assert data.values("split").tolist() == ["train", "train", "test", "test"]
    said = run_through(f"ai_face:{tmp_path}", groups=[["gender"], ["source"]])
    assert "AI-Face: 4 images" in said


def test_damage_is_named(tmp_path: Path) -> None:
    write(tmp_path, "Real/1.png,1,3,5,0,0", "/x/Real/1.png,0,3,5,0,0")
    with pytest.raises(UserError, match="line 3: the image is there twice"):
        load_ai_face(tmp_path)
    (tmp_path / "test.csv").write_text("Image Path,Gender\nReal/1.png,1\n")
    with pytest.raises(UserError, match="no column 'Age'"):
        load_ai_face(tmp_path)
    with pytest.raises(UserError, match=r"no train.csv or test.csv"):
        load_ai_face(tmp_path / "..")
