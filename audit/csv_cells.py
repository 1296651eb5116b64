"""CSV whose words a spreadsheet does not run: a cell such as =cmd|... is a formula to it, quotes or not.

A word that begins with =, +, -, @, a tab or a carriage return gets an apostrophe in front, which spreadsheets
hide. Numbers stay, and so do the parquet files and audit.json.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

# The signs of OWASP's "CSV Injection".
_FORMULA = re.compile(r"^[=+\-@\t\r]")
# A negative number is no formula, and an apostrophe would turn it into text.
_NUMBER = re.compile(r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$")
# Words of these signs alone never need quotes, in any version of the csv module.
_SPECIAL = re.compile(r"[^\w .:;%+-]")
SINGLE = 2
"""A table of one column is left to pandas: an empty cell alone on its line is quoted."""
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
            # Distinct words only: a table of a million rows has few.
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
    """A table as CSV without its index, marked unless `raw_csv` says otherwise.

    The same bytes as `DataFrame.to_csv`, in a third of its time: tables by threshold repeat their words and
    many of their numbers, so each distinct value of a column is written once.
    """
    cells = table if is_raw() else without_formulas(table)
    columns = [_texts(cells.iloc[:, place], float_format) for place in range(cells.shape[1])]
    if any(column is None for column in columns) or len(columns) < SINGLE:
        return cells.to_csv(index=False, lineterminator="\n", float_format=float_format)
    head = ",".join(_quoted(str(name)) for name in cells.columns)
    rows = map(",".join, zip(*(column for column in columns if column is not None), strict=True))
    return "\n".join([head, *rows, ""])


def write_csv(table: pd.DataFrame, file: Path, *, float_format: str | None = None) -> None:
    """Write `csv_text`. Every CSV that is made to be looked at is written by it."""
    file.write_text(csv_text(table, float_format=float_format), encoding="utf-8", newline="")


def _texts(column: pd.Series, float_format: str | None) -> list[str] | None:
    """The cells of a column as text; None for a type that is left to pandas."""
    import numpy as np
    import pandas as pd

    kind = column.dtype
    if isinstance(kind, pd.CategoricalDtype):
        places, distinct = column.cat.codes.to_numpy(), column.cat.categories.tolist()
    elif kind == np.float64:
        # By their bits: 0.0 and -0.0 are equal, and written differently.
        places, bits = pd.factorize(column.to_numpy().view(np.int64))
        distinct = bits.view(np.float64).tolist()
    elif kind == np.int64 or kind == np.bool_:
        places, values = pd.factorize(column.to_numpy())
        distinct = values.tolist()
    elif pd.api.types.infer_dtype(column, skipna=True) in ("string", "empty"):
        places, words = pd.factorize(column)
        distinct = list(words)
    else:
        return None
    if not all(isinstance(value, str | int | float) for value in distinct):
        return None
    texts = [_cell(value, float_format) for value in distinct]
    return [texts[place] if place >= 0 else "" for place in places.tolist()]


def _cell(value: object, float_format: str | None) -> str:
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, float):
        # `repr` is the shortest text that reads back as the same double; pandas writes it as well.
        return "" if value != value else repr(value) if float_format is None else float_format % value
    return str(value)


def _quoted(word: str) -> str:
    if not _SPECIAL.search(word):
        return word
    line = io.StringIO()  # which signs ask for quotes depends on the version of Python
    csv.writer(line, lineterminator="\n").writerow([word, ""])
    return line.getvalue()[: -len(",\n")]
