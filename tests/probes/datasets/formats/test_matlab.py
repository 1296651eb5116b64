from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from clipmodel.errors import UserError
from probes.datasets.formats.matlab import read_matlab

MATRIX = np.arange(6.0).reshape(2, 3)
WORDS = ["Male", "Asian"]


def test_numbers_and_cells_of_words_of_the_older_formats(tmp_path: Path) -> None:
    savemat(tmp_path / "a.mat", {"label": MATRIX, "names": np.array(WORDS, dtype=object)})
    found = read_matlab(tmp_path / "a.mat")
    np.testing.assert_array_equal(found["label"], MATRIX)
    assert found["names"] == WORDS


def test_format_7_3_is_hdf5_and_stored_transposed(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "a.mat", "w", userblock_size=512) as file:
        file["label"] = MATRIX.T
        cells = file.create_dataset("names", (1, 2), dtype=h5py.ref_dtype)
        for place, word in enumerate(WORDS):
            file[f"#refs#/{place}"] = np.array([[ord(letter)] for letter in word], dtype=np.uint16)
            cells[0, place] = file[f"#refs#/{place}"].ref
    with (tmp_path / "a.mat").open("r+b") as raw:
        raw.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")
    found = read_matlab(tmp_path / "a.mat")
    np.testing.assert_array_equal(found["label"], MATRIX)
    assert found["names"] == WORDS


def test_damage_and_a_missing_library_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bad.mat").write_bytes(b"no matlab" * 20)
    with pytest.raises(UserError, match=r"bad\.mat: not a MATLAB file"):
        read_matlab(tmp_path / "bad.mat")
    (tmp_path / "new.mat").write_bytes(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + bytes(400))
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(UserError, match="needs the package h5py"):
        read_matlab(tmp_path / "new.mat")
