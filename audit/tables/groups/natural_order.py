"""The order of the groups: that of the data's card, which the manifest carries, in every table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from probes.records import ALL, MISSING


def in_natural_order(table: pd.DataFrame, manifest: Mapping[str, Any]) -> pd.DataFrame:
    """The table with its group attributes as ordered categories.

    Values that the manifest does not order follow in the order of the table; "(missing)" and "(all)" come
    last. A column that is categorical already, or that the manifest does not order, stays as it is.
    """
    columns = {
        entry["column"]: _ordered(table[entry["column"]], entry["order"])
        for entry in manifest.get("attributes", [])
        if entry["order"] and entry["column"] in table
    }
    return table.assign(**columns)


def _ordered(column: pd.Series, order: list[str]) -> pd.Series:
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column
    others = [str(value) for value in column.unique() if value not in (MISSING, ALL)]
    return column.astype(pd.CategoricalDtype([*dict.fromkeys([*order, *others]), MISSING, ALL], ordered=True))
