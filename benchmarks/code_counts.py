"""Scored rows to counts: codes of group, truth and prediction, counted in chunks that stay in the cache."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]

# Rows at a time: their combined codes fit the second-level cache.
_CHUNK = 1 << 18


def count_codes(codes: Sequence[NDArray[np.integer]], shape: Sequence[int]) -> Counts:
    """Count rows by the combination of their codes.

    Parameters
    ----------
    codes
        A [N] array an axis (group, truth, prediction, ...), of codes from 0; small integers count fastest.
    shape
        Number of codes of each axis.

    Returns
    -------
    Counts of that shape; they sum to N.

    Raises
    ------
    ValueError
        The arrays differ in length or number, or a code lies outside its axis.
    """
    if len(codes) != len(shape) or len({len(code) for code in codes}) > 1:
        raise ValueError(f"expected {len(shape)} arrays of one length, got {[len(code) for code in codes]}")
    cells = int(np.prod(shape))
    total = np.zeros(cells, dtype=np.int64)
    for start in range(0, len(codes[0]), _CHUNK):
        parts = [code[start : start + _CHUNK] for code in codes]
        for axis, (part, size) in enumerate(zip(parts, shape, strict=True)):
            if part.min() < 0 or part.max() >= size:
                raise ValueError(f"axis {axis}: a code lies outside 0 ... {size - 1}")
        flat = parts[0].astype(np.intp)
        for part, size in zip(parts[1:], shape[1:], strict=True):
            flat *= size
            flat += part
        total += np.bincount(flat, minlength=cells)
    return total.reshape(tuple(shape))
