"""Tables in the long form of pandas and seaborn: one column says by which attributes, one which group."""

from __future__ import annotations

from typing import Final

import pandas as pd

from audit.tables.groups.group_counts import group_attributes
from audit.tables.primary import ALL

WHOLE: Final = "all images"


def long_frame(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table with columns `by` and `group` in place of a column for each attribute.

    Parameters
    ----------
    table
        `AuditResult.rates`, `.accuracy` or `.curves`. A table that has `by` and `group` is returned as it is.

    Returns
    -------
    DataFrame
        The same rows; by is "" and group "all images" where a row is not split.

    Examples
    --------
    >>> frame = pd.DataFrame({"probe": ["a", "a"], "tone": ["dark", "(all)"], "gender": ["man", "(all)"],
    ...                       "n": [3, 9]})
    >>> long_frame(frame)[["by", "group", "n"]].to_numpy().tolist()
    [['tone x gender', 'dark x man', 3], ['', 'all images', 9]]
    """
    if {"by", "group"} <= set(table.columns):
        return table
    names = group_attributes(table)
    values = table[names].to_numpy()
    by = [" x ".join(name for name, value in zip(names, row, strict=True) if value != ALL) for row in values]
    group = [" x ".join(str(value) for value in row if value != ALL) or WHOLE for row in values]
    kept = table.drop(columns=names)
    place = 1 if "probe" in kept else 0
    kept.insert(place, "by", by)
    kept.insert(place + 1, "group", group)
    return kept
