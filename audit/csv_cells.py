"""CSV whose words a spreadsheet does not run: a cell such as =cmd|... is a formula to it, quotes or not.

A word that begins with =, +, -, @, a tab or a carriage return gets an apostrophe in front, which spreadsheets
hide. Numbers stay, and so do the parquet files and audit.json.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

_FORMULA = re.compile(r"^[=+\-@\t\r]")
_NUMBER = re.compile(r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$")
_RAW: ContextVar[bool] = ContextVar("raw CSV", default=False)


def is_formula(word: object) -> bool:
    """Whether a spreadsheet would run a word."""
    return isinstance(word, str) and bool(_FORMULA.match(word)) and not _NUMBER.match(word)


def without_formulas(table: pd.DataFrame) -> pd.DataFrame:
    """The table with an apostrophe in front of every word that a spreadsheet would run.

    Examples
    --------
    >>> without_formulas(pd.DataFrame({"race": ["=1+1", "A", "-1"]}))["race"].tolist()
    ["'=1+1", 'A', '-1']
    """
    import pandas as pd  # not on loading: the command line reads the setting below before anything else

    columns = {}
    for name in table.columns:
        if not pd.api.types.is_numeric_dtype(table[name]):
            words = {word: f"'{word}" for word in table[name].dropna().unique() if is_formula(word)}
            if words:
                columns[name] = table[name].astype(object).replace(words)
    names = {name: f"'{name}" for name in table.columns if is_formula(name)}
    return table.assign(**columns).rename(columns=names)


@contextmanager
def raw_csv(wanted: bool = True) -> Iterator[None]:
    """Within, `write_csv` leaves words as they are: for programs that read the files, not spreadsheets."""
    token = _RAW.set(wanted)
    try:
        yield
    finally:
        _RAW.reset(token)


def is_raw() -> bool:
    """Whether words are left as they are."""
    return _RAW.get()


def csv_text(table: pd.DataFrame, *, float_format: str | None = None) -> str:
    """A table as CSV without its index, marked unless `raw_csv` says otherwise."""
    cells = table if is_raw() else without_formulas(table)
    return cells.to_csv(index=False, lineterminator="\n", float_format=float_format)


def write_csv(table: pd.DataFrame, file: Path, *, float_format: str | None = None) -> None:
    """Write `csv_text`. Every CSV that is made to be looked at is written by it."""
    file.write_text(csv_text(table, float_format=float_format), encoding="utf-8", newline="")
