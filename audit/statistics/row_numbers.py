"""Rows of a table as numbers, one for each distinct row."""

from __future__ import annotations

import numpy as np
import pandas as pd

from clipmodel.array_types import Codes

__all__ = ["number_rows"]


def number_rows(keys: pd.DataFrame) -> Codes:
    """A number from 0 for each distinct row, in order of appearance; NaN equals NaN."""
    number = np.zeros(len(keys), dtype=np.intp)
    for name in keys.columns:
        code, values = pd.factorize(keys[name])
        number, _ = pd.factorize(number * (len(values) + 1) + code + 1)
    return number
