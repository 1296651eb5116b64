"""CSV whose words a spreadsheet does not run: a cell such as =cmd|... is a formula to it, quotes or not.

A word that begins with =, +, -, @, a tab or a carriage return gets an apostrophe in front, which spreadsheets
hide. Numbers stay, and so do the parquet files and audit.json.
"""

from __future__ import annotations

import re

import pandas as pd

_FORMULA = re.compile(r"^[=+\-@\t\r]")
_NUMBER = re.compile(r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$")


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
    columns = {}
    for name in table.columns:
        if not pd.api.types.is_numeric_dtype(table[name]):
            words = {word: f"'{word}" for word in table[name].dropna().unique() if is_formula(word)}
            if words:
                columns[name] = table[name].astype(object).replace(words)
    names = {name: f"'{name}" for name in table.columns if is_formula(name)}
    return table.assign(**columns).rename(columns=names)
