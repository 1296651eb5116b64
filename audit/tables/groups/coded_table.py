"""A table whose columns of words are coded once, however often its rows are chosen and divided.

R rows, M of them chosen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clipmodel.array_types import Codes
from probes.records import MISSING

Words = NDArray[np.object_]
Bools = NDArray[np.bool_]

JOINT = " x "
"""Joins the values of crossed attributes, and their names."""
EVERYBODY = "all images"
"""The name of the one group of a division by no attribute."""


@dataclass(frozen=True)
class CodedTable:
    """A table with codes of its columns, made when they are first asked for."""

    frame: pd.DataFrame
    _coded: dict[str, tuple[Codes, Words]] = field(default_factory=dict, init=False, repr=False)

    def codes(self, name: str) -> tuple[Codes, Words]:
        """[R] code of the value of a column, and the values: categories, or in order of appearance."""
        if name not in self._coded:
            column = self.frame[name]
            if isinstance(column.dtype, pd.CategoricalDtype):
                code, values = column.cat.codes.to_numpy(), column.cat.categories
            else:
                code, values = pd.factorize(column, use_na_sentinel=False)
            words = np.empty(len(values), dtype=object)
            words[:] = values if column.dtype.kind == "f" else [str(value) for value in values]
            self._coded[name] = (np.asarray(code, dtype=np.intp), words)
        return self._coded[name]

    def having(self, name: str, *values: str) -> Bools:
        """[R] whether a column has one of some values."""
        code, words = self.codes(name)
        among: Bools = np.array([word in values for word in words], dtype=bool)[code]
        return among

    def number(self, names: Sequence[str]) -> Codes:
        """[R] a number from 0 for each distinct combination of some columns, in order of appearance."""
        number = np.zeros(len(self.frame), dtype=np.int64)
        for name in names:
            code, words = self.codes(name)
            # Numbered anew after each column: the product of many numbers of values would overflow.
            number = pd.factorize(number * len(words) + code)[0]
        return np.asarray(number, dtype=np.intp)

    def ordered(self, name: str) -> bool:
        """Whether the values of a column have an order of their own."""
        return isinstance(self.frame[name].dtype, pd.CategoricalDtype)

    def groups(self, rows: Codes, by: Sequence[str]) -> tuple[Codes, list[str]]:
        """The group [M] of some rows, -1 where an attribute is missing, and the names of those that occur.

        The names are the values of the attributes `by`, joined, in alphabetical order. Without attributes,
        all rows are one group, `EVERYBODY`.
        """
        if not by:
            return np.zeros(len(rows), dtype=np.intp), [EVERYBODY] * bool(len(rows))
        number, missing = np.zeros(len(rows), dtype=np.int64), np.zeros(len(rows), dtype=bool)
        coded = [self.codes(name) for name in by]
        for code, words in coded:
            number = number * len(words) + code[rows]
            missing |= (words == MISSING)[code[rows]]
        present, place = np.unique(number[~missing], return_inverse=True)
        names = [""] * len(present)
        left = present.copy()
        for _, words in reversed(coded):
            left, code = np.divmod(left, len(words))
            names = [JOINT.join(filter(None, pair)) for pair in zip(words[code], names, strict=True)]
        distinct, of_name = np.unique(np.array(names, dtype=object), return_inverse=True)
        group = np.full(len(rows), -1, dtype=np.intp)
        group[~missing] = of_name[place]
        return group, [str(name) for name in distinct]


def row_keys(frame: pd.DataFrame, names: Sequence[str]) -> list[tuple[Any, ...]]:
    """[R] rows of some columns as tuples that can be compared: NaN is None.

    Examples
    --------
    >>> row_keys(pd.DataFrame({"rule": ["top", "all"], "threshold": [np.nan, 0.2]}), ["rule", "threshold"])
    [('top', None), ('all', 0.2)]
    """
    columns = [frame[name].tolist() for name in names]
    return [tuple(None if value != value else value for value in row) for row in zip(*columns, strict=True)]
