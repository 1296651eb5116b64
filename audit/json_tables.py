"""The JSON of an audit: stable bytes, and errors that a user can act on."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from clipmodel.errors import UserError
from clipmodel.json_text import parse_json


def table_rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as JSON-able dictionaries; NaN becomes None."""
    columns = [table[name].tolist() for name in table.columns]
    names = [str(name) for name in table.columns]
    return [dict(zip(names, map(_null, values), strict=True)) for values in zip(*columns, strict=True)]


def dump(document: Mapping[str, Any], tables: Mapping[str, pd.DataFrame]) -> str:
    """One JSON object: the document's keys and the tables', sorted, each row of a table on a line of its own.

    `<` is written \\u003c, so that the text can stand inside a page.

    Raises
    ------
    ValueError
        The document holds NaN or an infinity.
    """
    texts = {name: _encode(value) for name, value in document.items()}
    texts |= {name: _lines(map(_encode, table_rows(table))) for name, table in tables.items()}
    # A line per row: a diff of two audits shows the rows that changed.
    body = ",\n".join(f"{_encode(name)}: {texts[name]}" for name in sorted(texts))
    return f"{{\n{body}\n}}\n"


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises
    ------
    UserError
        The file cannot be read, is damaged, or holds no object.
    """
    try:
        value = parse_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}", remedy="check the path and its permissions") from error
    except ValueError as error:
        raise UserError(f"{path}: damaged, {error}", remedy="run the audit again") from error
    if not isinstance(value, dict):
        raise UserError(f"{path}: expected a JSON object", remedy="run the audit again")
    return value


def _encode(value: Any) -> str:
    # NaN is refused since JSON has none: Python would write it, and browsers would not read it.
    return json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")


def _lines(rows: Iterable[str]) -> str:
    joined = ",\n".join(rows)
    return f"[\n{joined}\n]" if joined else "[]"


def _null(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value
