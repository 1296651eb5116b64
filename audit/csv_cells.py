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
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

# The signs of OWASP's "CSV Injection".
_FORMULA = re.compile(r"^[=+\-@\t\r]")
# A negative number is no formula, and an apostrophe would turn it into text.
_NUMBER = re.compile(r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$")
# Words of these signs alone never need quotes, in any version of the csv module.
_SPECIAL = re.compile(r"[^\w .:;%+-]")
SINGLE = 2
"""A table of one column is left to pandas: an empty cell alone on its line is quoted."""
MOST_COMBINATIONS = 0.1
"""Combinations of two columns that are written once each, in those of the rows."""
_Column: TypeAlias = "tuple[np.ndarray, list[str]]"  # each cell's place among the distinct texts, and these
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

    The same bytes as `DataFrame.to_csv`, in a fifth of its time: tables by threshold repeat their words and
    many of their numbers, so each distinct value of a column is written once, and so is each combination of
    neighbouring columns that has few.
    """
    marked = not is_raw()
    columns = [_texts(table.iloc[:, place], float_format, marked=marked) for place in range(table.shape[1])]
    if any(column is None for column in columns) or len(columns) < SINGLE:
        cells = without_formulas(table) if marked else table
        return cells.to_csv(index=False, lineterminator="\n", float_format=float_format)
    head = ",".join(_word(str(name), marked=marked) for name in table.columns)
    merged = _merged([column for column in columns if column is not None], len(table))
    rows = map(
        ",".join, zip(*([texts[place] for place in places.tolist()] for places, texts in merged), strict=True)
    )
    return "\n".join([head, *rows, ""])


def write_csv(table: pd.DataFrame, file: Path, *, float_format: str | None = None) -> None:
    """Write `csv_text`. Every CSV that is made to be looked at is written by it."""
    file.write_text(csv_text(table, float_format=float_format), encoding="utf-8", newline="")


def _texts(column: pd.Series, float_format: str | None, *, marked: bool) -> _Column | None:
    """The cells of a column as text; None for a type that is left to pandas."""
    import numpy as np
    import pandas as pd

    kind = column.dtype
    if isinstance(kind, pd.CategoricalDtype):
        places, distinct = column.cat.codes.to_numpy(), column.cat.categories.tolist()
    elif kind == np.float64:
        # By their bits: 0.0 and -0.0 are equal, and written differently.
        places, bits = pd.factorize(column.to_numpy().view(np.int64))
        # `repr` is the shortest text that reads back as the same double; pandas writes it as well.
        written = repr if float_format is None else float_format.__mod__
        return places, ["" if value != value else written(value) for value in bits.view(np.float64).tolist()]
    elif kind == np.int64 or kind == np.bool_:
        places, values = pd.factorize(column.to_numpy())
        return places, list(map(str, values.tolist()))
    elif pd.api.types.infer_dtype(column, skipna=True) in ("string", "empty"):
        places, words = pd.factorize(column)
        distinct = list(words)
    else:
        return None
    if not all(isinstance(value, str) for value in distinct):
        return None
    # The last one is for the place -1, of a missing word.
    return places, [*(_word(word, marked=marked) for word in distinct), ""]


def _merged(columns: list[_Column], n_rows: int) -> list[_Column]:
    """Neighbouring columns as one each, if their combinations are few beside the rows."""
    import numpy as np
    import pandas as pd

    found = columns[:1]
    for places, texts in columns[1:]:
        before, words = found[-1]
        if len(words) * len(texts) > MOST_COMBINATIONS * n_rows:
            found.append((places, texts))
            continue
        # Missing words have the last place of their list.
        codes = (before.astype(np.int64) % len(words)) * len(texts) + places % len(texts)
        code, present = pd.factorize(codes)
        first, second = np.divmod(present, len(texts))
        pairs = zip(first.tolist(), second.tolist(), strict=True)
        found[-1] = code, [f"{words[one]},{texts[other]}" for one, other in pairs]
    return found


def _word(word: str, *, marked: bool) -> str:
    return _quoted(f"'{word}" if marked and is_formula(word) else word)


def _quoted(word: str) -> str:
    if not _SPECIAL.search(word):
        return word
    line = io.StringIO()  # which signs ask for quotes depends on the version of Python
    csv.writer(line, lineterminator="\n").writerow([word, ""])
    return line.getvalue()[: -len(",\n")]
