"""The folder of an audit: audit.json, tables as parquet and CSV, the report; written whole, read checked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pandas as pd

from audit.csv_cells import is_raw, raw_csv, write_csv
from audit.json_tables import dump, read_json
from clipmodel.atomic_files import replace_folder
from clipmodel.errors import UserError
from probes.records import SCHEMA_VERSION, Manifest, check_manifest
from probes.records.manifest_types import version_words
from probes.records.schemas import RECORDS, SCHEMAS

AUDIT_FILE: Final = "audit.json"
RUN_FILE: Final = "run.json"
REPORT_FILE: Final = "report.html"
JSON_TABLES: Final = (
    "accuracy", "rates", "gaps", "composition", "variation", "controlled", "specifications", "prompt_effects",
    "trends", "trend_curves", "paired",
    "findings", "excluded", "gates", "measures",
)  # fmt: skip
ADDED_TABLES: Final = ("annotators", "standard")
"""Tables of audit.json that are there only if they have rows: not every run has what they need."""
OPTIONAL_TABLES: Final = (
    "counts",
    "curves",
    "images",
    "pairs",
    "clusters",
    "outcomes",
    "confirmation",
    "moments",
    "confirmation_clusters",
    "confirmation_moments",
    "scalars",
)
"""Tables that have files of their own only: audit.json stays small, and is enough for a report."""
TABLES: Final = (*JSON_TABLES, *ADDED_TABLES, *OPTIONAL_TABLES)
LATER_TABLES: Final = frozenset({"trends", "trend_curves"})
"""Tables that audits of this schema version lack if they were written before the tables existed."""
PARQUET_ONLY: Final = frozenset({"outcomes", "scalars"})
"""One row per image and outcome: as CSV it would be many times larger than everything else."""


def attribute_columns(manifest: Manifest) -> tuple[str, ...]:
    """The columns of the group attributes, in the order of every table."""
    return tuple(one["column"] for one in manifest["attributes"])


def conform(name: str, table: pd.DataFrame, manifest: Manifest) -> pd.DataFrame:
    """A table with the columns and types that the contract states, and rows numbered from 0.

    Raises
    ------
    ValueError
        The table has other columns than its schema in `probes.records.schemas`.
    """
    return SCHEMAS[name].conform(table, attribute_columns(manifest)).reset_index(drop=True)


def audit_text(
    manifest: Manifest, tables: Mapping[str, pd.DataFrame], *, verdict: str, n_specifications: int
) -> str:
    """The text of audit.json: the same bytes from the same tables."""
    shown = {name: tables[name] for name in JSON_TABLES}
    shown |= {name: tables[name] for name in ADDED_TABLES if len(tables[name])}
    document = {
        "schema_version": SCHEMA_VERSION,
        "manifest": manifest,
        "verdict": verdict,
        "n_specifications": n_specifications,
        "columns": {name: list(table.columns) for name, table in shown.items()},
    }
    return dump(document, shown)


def write_folder(
    folder: Path,
    text: str,
    tables: Mapping[str, pd.DataFrame],
    *,
    report: str | None,
    run_info: Mapping[str, Any] | None,
    safe_csv: bool = True,
) -> None:
    """Write an audit whole, or not at all; files of an earlier audit are replaced, others are kept.

    Raises
    ------
    UserError
        The folder cannot be written.
    """

    def fill(content: Path) -> None:
        (content / AUDIT_FILE).write_text(text, encoding="utf-8")
        for name, table in tables.items():
            # Both: parquet keeps types and NaN exactly, CSV opens everywhere.
            table.to_parquet(content / f"{name}.parquet", index=False)
            if name not in PARQUET_ONLY:
                with raw_csv(not safe_csv or is_raw()):
                    write_csv(table, content / f"{name}.csv")
        if run_info is not None:
            (content / RUN_FILE).write_text(dump(run_info, {}), encoding="utf-8")
        if report is not None:
            (content / REPORT_FILE).write_text(report, encoding="utf-8")

    replace_folder(folder, fill, owned=_is_ours)


def read_folder(folder: Path) -> tuple[Manifest, str, dict[str, pd.DataFrame | None]]:
    """Manifest, verdict and tables of an audit; None for an optional table that the folder does not hold.

    Raises
    ------
    UserError
        There is no audit.json, it is damaged, or of another schema version.
    """
    path = folder / AUDIT_FILE
    if not path.is_file():
        raise UserError(f"{folder}: no {AUDIT_FILE}", remedy="give the folder that clip-audit run wrote")
    document = read_json(path)
    if (version := document.get("schema_version")) != SCHEMA_VERSION:
        raise UserError(f"{path}: {version_words(version)}", remedy="run the audit again with this version")
    try:
        manifest: Manifest = document["manifest"]
        check_manifest(manifest)
        tables = {
            name: _table(name, document["columns"][name], document[name], manifest)
            if name in document or name not in (*LATER_TABLES, *ADDED_TABLES)
            else SCHEMAS[name].empty(attribute_columns(manifest))
            for name in (*JSON_TABLES, *ADDED_TABLES)
        }
        verdict = str(document["verdict"])
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path}: damaged, {error!r}", remedy="run the audit again") from error
    optional = {name: _read_optional(folder / f"{name}.parquet") for name in OPTIONAL_TABLES}
    return manifest, verdict, {**tables, **optional}


def _table(name: str, columns: list[str], rows: list[dict[str, Any]], manifest: Manifest) -> pd.DataFrame:
    for row in rows:
        # pandas would fill a missing cell with NaN, and damage would read as an unknown number.
        if missing := set(columns) - set(row):
            raise ValueError(f"a row lacks {sorted(missing)}")
    return conform(name, pd.DataFrame(rows, columns=columns), manifest)


def _read_optional(path: Path) -> pd.DataFrame | None:
    try:
        return pd.read_parquet(path) if path.is_file() else None
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: damaged, {error}", remedy="run the audit again") from error


def without_categories(table: pd.DataFrame) -> pd.DataFrame:
    """The table as it is read back: words instead of categories, rows numbered from 0."""
    categories = table.select_dtypes("category").columns
    return table.astype(dict.fromkeys(categories, "str")).reset_index(drop=True)


def empty_records_table(name: str, manifest: Manifest) -> pd.DataFrame:
    """A table of the records without rows."""
    return RECORDS[name].empty(attribute_columns(manifest))


def _is_ours(name: str) -> bool:
    tables = {f"{table}.{suffix}" for table in TABLES for suffix in ("parquet", "csv")}
    return name in {AUDIT_FILE, RUN_FILE, REPORT_FILE} | tables
