"""Rows of a table, grouping by grouping: arrays until the table is put together, once.

A table has a row for each specification and group of each of some twenty groupings, and most of its columns
are words. A DataFrame for each grouping costs more than the numbers in it, so here a grouping contributes
arrays, and words are laid out once for the whole table.

S specifications, G groups, R rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from audit.tables.groups.group_counts import SPECIFICATION, GroupCounts
from probes.records import ALL

Array = NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class GroupRows:
    """The rows that one grouping contributes to a table.

    Attributes
    ----------
    groups
        Gives the specification and the attributes of each row.
    columns
        From name to values [S, G] or [S * G], groups fastest; [S] if there is a row per specification. A
        single word stands for every row.
    kept
        [S, G] the rows that the table has; None for all of them.
    by_group
        Whether there is a row for each specification and group, and not one a specification.
    """

    groups: GroupCounts
    columns: Mapping[str, Array | str]
    kept: NDArray[np.bool_] | None = None
    by_group: bool = True

    @property
    def places(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Specification and group of each row [R] that the table has; group 0 without groups."""
        n_groups = len(self.groups.groups) if self.by_group else 1
        shape = (len(self.groups.specifications), n_groups)
        rows = np.arange(shape[0] * shape[1]) if self.kept is None else np.flatnonzero(self.kept)
        return rows // max(n_groups, 1), rows % max(n_groups, 1)

    def column(self, name: str) -> Array:
        """[R] the values of a column, as objects if they are words."""
        value, rows = self.columns[name], len(self.places[0])
        if isinstance(value, str):
            return np.full(rows, value, dtype=object)
        flat = value.ravel() if self.kept is None else value.ravel()[self.kept.ravel()]
        return flat.astype(object) if flat.dtype.kind == "U" else flat

    def attribute(self, name: str) -> Array:
        """[R] the value of an attribute in each row: "(all)" if the grouping does not divide by it."""
        group = self.places[1]
        if not self.by_group or name not in self.groups.by:
            return np.full(len(group), ALL, dtype=object)
        return self.groups.groups[name].to_numpy(dtype=object)[group]


def in_suite_order(
    parts: Sequence[GroupRows], attributes: Sequence[str], columns: Mapping[str, str]
) -> pd.DataFrame:
    """One table of the rows of all groupings, those of a specification together.

    Parameters
    ----------
    parts
        Those of one probe after another; within a probe, in the order of its groupings.
    attributes
        The group attributes, a column each behind those of `SPECIFICATION`.
    columns
        From name to type of the columns after the attributes, in their order.

    Returns
    -------
    Specifications stand in the order in which the parts name them first, and the rows of one in the order of
    the parts. Without rows, the same columns.
    """
    keys = [*SPECIFICATION, *attributes]
    dtypes = {name: "float64" if name == "threshold" else "str" for name in keys} | dict(columns)
    parts = [part for part in parts if len(part.places[0])]
    if not parts:
        return pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in dtypes.items()})
    specifications, place = _specifications(parts)
    order = np.argsort(pd.factorize(place)[0], kind="stable")
    values = {name: specifications[name].array.take(place[order]) for name in SPECIFICATION}
    for name in attributes:
        values[name] = _typed([part.attribute(name) for part in parts], order, "str")
    for name, dtype in columns.items():
        values[name] = _typed([part.column(name) for part in parts], order, dtype)
    return pd.DataFrame(values, copy=False)


def _specifications(parts: Sequence[GroupRows]) -> tuple[pd.DataFrame, NDArray[np.intp]]:
    """The specifications of all parts, and the place of each row's among them.

    The groupings of a probe share one table of specifications: it is taken once.
    """
    frames: dict[int, pd.DataFrame] = {}
    starts: dict[int, int] = {}
    for part in parts:
        frame = part.groups.specifications
        if id(frame) not in frames:
            starts[id(frame)] = sum(map(len, frames.values()))
            frames[id(frame)] = frame
    place = [starts[id(part.groups.specifications)] + part.places[0] for part in parts]
    return pd.concat(frames.values(), ignore_index=True), np.concatenate(place)


def _typed(parts: list[Array], order: NDArray[np.intp], dtype: str) -> Any:
    """[R] the values of all parts in order, as an array of pandas' if they are words."""
    values = np.concatenate(parts)[order]
    return pd.array(values, dtype="str") if dtype == "str" else values.astype(dtype, copy=False)
