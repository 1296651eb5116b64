"""How a table is described: its columns with their types and meanings, and where the group attributes stand.

A table has fixed columns and one column per group attribute between them. What a group attribute is called is
the data's business, so its column could be called like a fixed one. `attribute_column` (in
`probes.records.schemas`) gives it another name then; this module only says what a table is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import pandas as pd

Dtype = Literal["str", "int64", "float64"]
ATTRIBUTES: Final = "*"
"""Stands for the columns of group attributes in the list of a table's columns."""


@dataclass(frozen=True)
class Column:
    """One column: what it is called, what it holds, and what it means in one line."""

    name: str
    dtype: Dtype
    meaning: str


@dataclass(frozen=True, kw_only=True)
class TableSchema:
    """One table.

    Attributes
    ----------
    name
        As in `Records`, `AuditResult` and the folder of an audit.
    meaning
        What a row is, in one line.
    before, after
        The fixed columns before and after those of the group attributes.
    attributes
        Whether the table has columns of group attributes.
    prefix
        Further columns of numbers may follow that begin like this; "" if none may.
    optional
        Further columns that may follow.
    """

    name: str
    meaning: str
    before: tuple[Column, ...]
    after: tuple[Column, ...] = ()
    attributes: bool = False
    prefix: str = ""
    optional: tuple[Column, ...] = ()

    @property
    def fixed(self) -> tuple[Column, ...]:
        """The columns that every such table has."""
        return (*self.before, *self.after)

    def columns(self, attributes: Sequence[str] = ()) -> list[str]:
        """Names of the columns in order, for a run with these columns of group attributes."""
        middle = attributes if self.attributes else ()
        return [*(one.name for one in self.before), *middle, *(one.name for one in self.after)]

    def dtypes(self, attributes: Sequence[str] = ()) -> dict[str, Dtype]:
        """Name -> type, in the order of the columns."""
        types = {one.name: one.dtype for one in self.fixed}
        return {name: types.get(name, "str") for name in self.columns(attributes)}

    def empty(self, attributes: Sequence[str] = ()) -> pd.DataFrame:
        """The table without rows."""
        return pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in self.dtypes(attributes).items()})

    def conform(self, table: pd.DataFrame, attributes: Sequence[str] = ()) -> pd.DataFrame:
        """The table with the columns in the order and of the types of the schema.

        Raises
        ------
        ValueError
            A column is missing, or one is there that the schema does not know.
        """
        expected, found = self.columns(attributes), [str(name) for name in table.columns]
        extra = [name for name in found if name not in expected]
        known = {one.name: one.dtype for one in self.optional}
        if self.prefix or known:
            more = [name for name in extra if name in known or (self.prefix and name.startswith(self.prefix))]
            extra = [name for name in extra if name not in more]
            expected = [*expected, *more]
        missing = [name for name in expected if name not in found]
        if missing or extra:
            raise ValueError(
                f"{self.name}: the table lacks the columns {missing}, and has {extra} that its schema in "
                "probes.records.schemas does not know"
            )
        types = self.dtypes(attributes) | known
        conformed = table[expected]
        wanted = {name: types.get(name, "float64") for name in expected}
        return conformed.astype(
            {name: dtype for name, dtype in wanted.items() if conformed[name].dtype != dtype}
        )


def schema(
    name: str, meaning: str, columns: Sequence[Column | str], *, known: dict[str, Column], prefix: str = "",
    optional: Sequence[str] = (),
) -> TableSchema:  # fmt: skip
    """A table from the list of its columns, `ATTRIBUTES` standing where the group attributes do.

    A name alone is the column of this name in `known`.
    """
    whole = [known[one] if isinstance(one, str) and one != ATTRIBUTES else one for one in columns]
    place = whole.index(ATTRIBUTES) if ATTRIBUTES in whole else len(whole)
    fixed = [one for one in whole if isinstance(one, Column)]
    return TableSchema(
        name=name,
        meaning=meaning,
        before=tuple(fixed[:place]),
        after=tuple(fixed[place:]),
        attributes=ATTRIBUTES in columns,
        prefix=prefix,
        optional=tuple(known[name] for name in optional),
    )
