"""Arrays and lists of words from MATLAB files, of the older formats and of the one that is HDF5 (7.3)."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np

from clipmodel.errors import UserError

Values = dict[str, np.ndarray | list[str]]


def read_matlab(file: Path) -> Values:
    """The variables of a MATLAB file: numbers as arrays in MATLAB's orientation, cells of words as lists.

    Raises
    ------
    UserError
        The file is damaged, or of format 7.3 and h5py is not installed.
    """
    # Here, since every command imports this module and hardly any reads such a file.
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        variables = loadmat(file)
    except NotImplementedError:  # what scipy says of format 7.3
        return _read_hdf5(file)
    except (OSError, ValueError, TypeError, MatReadError) as error:
        raise UserError(f"{file}: not a MATLAB file, or damaged", remedy="download it again") from error
    return {
        name: [str(np.squeeze(cell)) for cell in value.ravel()] if value.dtype == object else value
        for name, value in variables.items()
        if isinstance(value, np.ndarray)
    }


def _read_hdf5(file: Path) -> Values:
    try:
        h5py: Any = importlib.import_module("h5py")
    except ImportError as error:
        raise UserError(
            f"{file}: MATLAB's format 7.3 needs the package h5py", remedy="install it: pip install h5py"
        ) from error
    with h5py.File(file, "r") as archive:
        return {
            name: _values(archive, item, h5py) for name, item in archive.items() if hasattr(item, "dtype")
        }


def _values(archive: Any, item: Any, h5py: Any) -> np.ndarray | list[str]:
    """One variable: a cell is a reference to an array of characters; numbers are stored transposed."""
    if not h5py.check_ref_dtype(item.dtype):
        return np.asarray(item).T
    return [
        "".join(map(chr, np.asarray(archive[cell]).ravel())) for cell in np.asarray(item).T.ravel(order="F")
    ]
