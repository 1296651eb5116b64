"""LFWA+ from MATLAB's files, of the old format and of the one that is HDF5, and from a table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat

from clipmodel.errors import UserError
from probes.datasets.formats.matlab import read_matlab
from probes.datasets.published.lfwa import load_lfwa
from tests.probes.datasets.conftest import WriteImages

NAMES = [r"Ann_Ba\Ann_Ba_0001.jpg", r"Ann_Ba\Ann_Ba_0002.jpg", r"Cy_D\Cy_D_0001.jpg"]
ATTRIBUTES = ["Male", "Middle Aged"]
VALUES = np.array([[0, 1], [0, 0], [1, 1]], float)


def cells(words: list[str]) -> np.ndarray:
    """A MATLAB cell array: a column of words."""
    array = np.empty((len(words), 1), dtype=object)
    array[:, 0] = words
    return array


def write(root: Path, **changed: Any) -> Path:
    variables = {"name": cells(NAMES), "AttrName": cells(ATTRIBUTES), "label": VALUES} | changed
    savemat(root / "lfw_att_40.mat", {name: value for name, value in variables.items() if value is not None})
    return root


def write_hdf5(file: Path, words: dict[str, list[str]], numbers: dict[str, np.ndarray]) -> None:
    """As MATLAB 7.3 writes: numbers transposed, a cell a reference to an array of characters."""
    h5py = pytest.importorskip("h5py", reason="h5py reads MATLAB's format 7.3")
    with h5py.File(file, "w", userblock_size=512) as archive:
        for name, array in numbers.items():
            archive[name] = array.T
        for name, texts in words.items():
            refs = archive.create_dataset(name, (1, len(texts)), dtype=h5py.ref_dtype)
            for i, text in enumerate(texts):
                key = f"#refs#/{name}{i}"
                archive[key] = np.array([[ord(letter)] for letter in text], np.uint16)
                refs[0, i] = archive[key].ref
    with file.open("r+b") as raw:
        raw.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")


def check(root: Path) -> None:
    data = load_lfwa(root)
    assert data.attributes[:3] == ["Male", "Middle_Aged", "gender"]
    assert data.values("gender").tolist() == ["Female", "Female", "Male"]
    assert data.values("Middle_Aged").tolist() == ["yes", "no", "yes"]
    assert data.clusters.tolist() == ["Ann_Ba", "Ann_Ba", "Cy_D"]
    assert data.open_image(2).size == (8, 6)


@pytest.fixture
def root(tmp_path: Path, write_images: WriteImages) -> Path:
    write_images(*("lfw/" + name.replace("\\", "/") for name in NAMES))
    return tmp_path


def test_matlabs_old_format_is_read_with_its_splits(root: Path) -> None:
    check(write(root))
    indices = {"indices_img_train": np.array([[1.0, 3.0]]), "indices_img_test": np.array([[2.0]])}
    savemat(root / "indices_train_test.mat", indices)
    assert load_lfwa(root).values("split").tolist() == ["train", "test", "train"]


def test_a_table_is_read(root: Path) -> None:
    lines = [f"{name},{row[0]:.0f},{row[1]:.0f}" for name, row in zip(NAMES, VALUES, strict=True)]
    (root / "lfw_att_40.csv").write_text("\n".join(["name,Male,Middle Aged", *lines]))
    check(root)


def test_the_format_that_is_hdf5_is_read(root: Path) -> None:
    write_hdf5(root / "lfw_att_73.mat", {"name": NAMES, "AttrName": ATTRIBUTES}, {"label": VALUES})
    check(root)


def test_without_h5py_the_user_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.mat").write_bytes(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + b"\x00" * 512)
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    with pytest.raises(UserError, match="needs the package h5py"):
        read_matlab(tmp_path / "a.mat")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"label": None}, "no variable 'label'"),
        ({"label": VALUES.T}, r"label has the shape \(2, 3\) for 3 images of 2 attributes"),
        ({"label": VALUES + 1}, r"a value of Ann_Ba/Ann_Ba_0001.jpg is neither 1 nor 0"),
        ({"AttrName": cells(["Female", "Young"])}, "no attribute 'Male'"),
    ],
)
def test_a_wrong_file_is_refused(root: Path, changed: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        load_lfwa(write(root, **changed))


def test_damaged_files_and_indices_are_refused(root: Path) -> None:
    (root / "lfw_att_40.mat").write_bytes(b"nothing of the kind")
    with pytest.raises(UserError, match="not a MATLAB file"):
        load_lfwa(root)
    savemat(root / "indices_train_test.mat", {"indices_img_train": np.array([[4.0]])})
    with pytest.raises(UserError, match="an index beyond the 3 images"):
        load_lfwa(write(root))
