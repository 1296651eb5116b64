"""Published figures beside the results that answer the same question: references, never targets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from audit.tables import primary as primaries

COLUMNS = ("table", "title", "row", "column", "reference", "n", "value", "low", "high")
MISCLASSIFIED = "misclassified"


def published_table(
    manifest: Mapping[str, Any], *, accuracy: pd.DataFrame, rates: pd.DataFrame
) -> pd.DataFrame:
    """Every published figure with its counterpart.

    Parameters
    ----------
    manifest
        Of the audit; its `published` hold the tables.
    accuracy, rates
        Tables of `AuditResult`. Of the specifications, the first template and the highest-scoring class
        count.

    Returns
    -------
    One row per figure: table, title, row, column, reference (a share in [0, 1]), and of this audit n, value,
    low, high, which are NaN where it has no counterpart. Without references, no row.
    """
    rows = [
        _row(table, column, row, printed, manifest=manifest, accuracy=accuracy, rates=rates)
        for table in (manifest.get("published") or {}).get("tables", ())
        for row in table["rows"]
        for column, printed in zip(table["columns"], row["values"], strict=True)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _row(
    table: Mapping[str, Any],
    column: Mapping[str, Any],
    row: Mapping[str, Any],
    printed: float | None,
    *,
    manifest: Mapping[str, Any],
    accuracy: pd.DataFrame,
    rates: pd.DataFrame,
) -> dict[str, Any]:
    known = {
        "table": table["table"],
        "title": table["title"],
        "row": row["name"],
        "column": column["name"],
        "reference": np.nan if printed is None else printed / 100,
    }
    if printed is None or row["counterpart"] is None:
        return known
    counterpart = _together(table["counterpart"], column["counterpart"], row["counterpart"])
    probe = next((entry for entry in manifest["probes"] if entry["name"] == counterpart["probe"]), None)
    if probe is None:
        return known
    found = _counterpart(counterpart, probe, rates if counterpart["outcome"] else accuracy)
    return known | next(found, {})


def _together(*parts_of: Mapping[str, Any]) -> dict[str, Any]:
    """Table, column and row: the groups join, and of the rest the last that is given counts."""
    joined: dict[str, Any] = {"probe": "", "outcome": "", "design": "", "group": {}}
    for part in parts_of:
        joined |= {key: value for key, value in part.items() if value and key != "group"}
        joined["group"] = {**joined["group"], **part["group"]}
    return joined


def _counterpart(
    counterpart: Mapping[str, Any], probe: Mapping[str, Any], frame: pd.DataFrame
) -> Iterator[dict[str, Any]]:
    primary = primaries.primary_specification(frame, probe=probe)
    if primary is None:
        return
    if counterpart["design"]:
        primary = {**primary, "design": counterpart["design"]}
    rows = primaries.of_specification(frame, primary)
    if counterpart["outcome"]:
        rows = rows[rows["outcome"] == counterpart["outcome"]]
    for name in primaries.attribute_columns({"probes": [probe]}):
        rows = rows[rows[name] == counterpart["group"].get(name, primaries.ALL)]
    if set(counterpart["group"]) <= set(rows.columns):
        for one in rows.to_dict("records"):
            yield {"n": one["n"], "value": one["rate"], "low": one["low"], "high": one["high"]}
