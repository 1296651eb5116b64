"""The plain values a report is made of: columns, tables, figures, and where they stand."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from audit import formatting as fmt
from audit.report.wording import asking, contrast, contrast_numbers, group_name, population
from audit.tables.primary import (
    ALL,
    KEYS,
    attribute_columns,
    of_people,
    of_specification,
    pairs_of_attributes,
    primary_specification,
    single_attributes,
)

__all__ = [
    "ALL",
    "KEYS",
    "Column",
    "Figure",
    "Table",
    "asking",
    "attribute_columns",
    "between",
    "contrast",
    "contrast_numbers",
    "effect_columns",
    "group_name",
    "number_columns",
    "of_people",
    "of_specification",
    "pairs_of_attributes",
    "population",
    "primary_specification",
    "single_attributes",
    "slug",
    "table_of",
    "text_columns",
]  # fmt: skip

Row = Mapping[Any, Any]
Source = str | Callable[[Row], Any]


@dataclass(frozen=True)
class Column:
    """A column of a table: where its values come from, its heading, and how a value is written.

    Attributes
    ----------
    source
        A column of the frame, or a function of a row.
    label
        The heading.
    format
        From a value to its text.
    number
        Numbers are set flush right.
    """

    source: Source
    label: str
    format: Callable[[Any], str] = str
    number: bool = False

    def cell(self, row: Row) -> str:
        """Return the text of a row's cell."""
        return self.format(row[self.source] if isinstance(self.source, str) else self.source(row))


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table of the report, its cells formatted."""

    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]

    def __reduce__(self) -> tuple[Any, ...]:
        # As it is shown: what formatted the cells may be a function that only the process that made them has.
        shown = [Column(one.label, one.label, number=one.number) for one in self.columns]
        return _finished_table, (self.caption, shown, self.rows)


def _finished_table(caption: str, columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> Table:
    return Table(caption=caption, columns=columns, rows=rows)


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A figure with its caption and the id of the table that holds the same numbers."""

    svg: str
    caption: str
    table: str


def text_columns(*labels: str) -> list[Column]:
    """Columns of words for rows that are formatted already."""
    return [Column(label, label) for label in labels]


def number_columns(*labels: str) -> list[Column]:
    """Columns of numbers for rows that are formatted already."""
    return [Column(label, label, number=True) for label in labels]


def table_of(rows: pd.DataFrame | Sequence[Row], columns: Sequence[Column], *, caption: str) -> Table:
    """Return a table with one row per row of a frame.

    Examples
    --------
    >>> frame = pd.DataFrame({"n": [1200]})
    >>> table_of(frame, [Column("n", "Images", fmt.integer, number=True)], caption="Sizes").rows
    [['1,200']]
    """
    records = rows.to_dict("records") if isinstance(rows, pd.DataFrame) else rows
    cells = [[column.cell(row) for column in columns] for row in records]
    return Table(caption=caption, columns=columns, rows=cells)


def between(low: str, high: str, written: Callable[[Any, Any], str]) -> Callable[[Row], str]:
    """Return the source of a column of intervals: both ends, as `written` writes them."""
    return lambda row: written(row[low], row[high])


INTERVAL: Final = "95 % interval"
IN_BRACKETS: Final = "In brackets after n: the clusters, if fewer."
"""Of figures of groups: several images may come from one person, or one drawing."""
# The last columns of most tables.
P_VALUE: Final = Column("p", "p", fmt.p_value, number=True)
ADJUSTED_P: Final = Column("p_adjusted", "Adjusted p", fmt.p_value, number=True)
NOTE: Final = Column("note", "Note")
CONTRAST: Final = (
    Column("group", "Group", fmt.words),
    Column("reference", "Reference", fmt.words),
    Column("n_group", "Images", fmt.integer, number=True),
)
CHANGE: Final = (
    Column("change", "Change", fmt.points, number=True),
    Column(between("low", "high", fmt.points_interval), INTERVAL, number=True),
    ADJUSTED_P,
)


def effect_columns(drawn: str, another: str) -> tuple[Column, ...]:
    """Return the columns of differences over several prompts or runs, and for another prompt or run.

    Parameters
    ----------
    drawn
        "prompt" or "run": the start of the columns that hold its interval, and the end of those of its number
        and spread.
    another
        The heading of the interval for another one.
    """
    return (
        Column(contrast, "Contrast"),
        Column("title", "Outcome"),
        Column("n_group", "n", fmt.integer, number=True),
        Column("clusters_group", "Clusters", fmt.integer, number=True),
        Column(f"{drawn}s", f"{drawn.capitalize()}s", fmt.integer, number=True),
        Column("value", "Mean difference, points", fmt.points, number=True),
        Column(between("images_low", "images_high", fmt.points_interval), "With other images", number=True),
        Column(between(f"{drawn}_low", f"{drawn}_high", fmt.points_interval), another, number=True),
        Column(f"sd_{drawn}s", f"SD between {drawn}s", lambda v: fmt.points(v).lstrip("+"), number=True),
        NOTE,
    )


def slug(*parts: str) -> str:
    """Return an id that is safe in HTML and in url(#...) whatever the names hold.

    Examples
    --------
    >>> slug("outcome", "Woman or man?")
    'outcome-woman-or-man'
    """
    # "x" for a part without letters: an id may not be empty, nor begin or end with a dash here.
    return "-".join(re.sub(r"[^a-z0-9]+", "-", str(part).lower()).strip("-") or "x" for part in parts)
