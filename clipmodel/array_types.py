"""The arrays that functions take and give, by the type of their numbers; shapes are in the docstrings."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
AnyFloats = NDArray[np.floating[Any]]
Bools = NDArray[np.bool_]
Integers = NDArray[np.int64]
AnyIntegers = NDArray[np.integer[Any]]
Codes = NDArray[np.intp]
"""Positions among groups, clusters or classes, 0 ... n-1; -1 for none."""
