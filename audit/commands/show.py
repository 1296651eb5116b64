"""`clip-audit show`: the tables of an audit in the terminal, or as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audit.commands.console import terminal
from clipmodel.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

EPILOG = (
    "Examples:  clip-audit show runs/quickstart  ·  clip-audit show runs/quickstart findings  ·  "
    "clip-audit show runs/quickstart rates --where probe=gender --json"
)
COLUMNS = {
    "findings": ("id", "probe", "outcome", "group", "difference", "low", "high", "p_adjusted", "status"),
    "gaps": ("probe", "outcome", "group", "reference", "difference", "difference_low", "difference_high"),
    "rates": ("probe", "outcome", "group", "n", "clusters", "rate", "low", "high", "pooled"),
    "accuracy": ("probe", "group", "n", "clusters", "rate", "low", "high", "balanced"),
    "prompt_effects": (
        "probe",
        "outcome",
        "group",
        "reference",
        "prompts",
        "value",
        "images_low",
        "images_high",
        "prompt_low",
        "prompt_high",
    ),
    "gates": ("name", "verdict", "metric", "margin", "value", "low", "high"),
}
"""Columns that are printed of a table, so that it fits 80 characters; others print their first ones."""


def show(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="A folder that clip-audit run wrote.")],
    table: Annotated[str, typer.Argument(help="A table; left out, the tables are listed.")] = "",
    where: Annotated[
        list[str] | None, typer.Option(metavar="COLUMN=VALUE", help="Keep the rows with this value.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Rows to print.")] = 40,
    as_json: Annotated[bool, typer.Option("--json", help="Print all columns and rows as JSON.")] = False,
) -> None:
    """Print a table of an audit, or list its tables."""
    from audit.commands.console.run_summary import summary_json
    from audit.result import AuditResult
    from audit.result_files import TABLES

    result = AuditResult.read(folder)
    if not table:
        if as_json:
            typer.echo(summary_json(result, folder=folder))
            return
        rows = [
            (name, f"{len(frame):,}", ", ".join(map(str, frame.columns[:4])) + ", …")
            for name in TABLES
            if (frame := getattr(result, name)) is not None
        ]
        terminal.print_table(
            terminal.out(),
            f"Tables of {folder}",
            ("table", "rows", "columns"),
            rows,
            words={"table", "columns"},
        )
        return
    if table not in TABLES or getattr(result, table) is None:
        raise UserError(
            f"{table!r}: no such table in {folder}", remedy=f"the tables are: {', '.join(TABLES)}"
        )
    frame = _kept(getattr(result, table), where or [])
    if as_json:
        # pandas writes NaN as null; JSON itself has no NaN.
        typer.echo(json.dumps(json.loads(frame.to_json(orient="records")), ensure_ascii=False, indent=1))
        return
    _print(frame, table, limit=limit)


def _kept(frame: pd.DataFrame, where: list[str]) -> pd.DataFrame:
    for condition in where:
        column, found, value = condition.partition("=")
        if not found or column not in frame:
            raise UserError(
                f"--where {condition}: expected COLUMN=VALUE with a column of the table",
                remedy=f"the columns are: {', '.join(map(str, frame.columns))}",
            )
        frame = frame[frame[column].astype(str) == value]
    return frame


def _print(frame: pd.DataFrame, table: str, *, limit: int) -> None:
    from audit.tables.groups.group_counts import group_attributes
    from audit.tables.primary import ALL

    shown = frame.head(limit)
    if table in ("rates", "accuracy"):
        names = group_attributes(frame)
        groups = [" x ".join(v for v in row if v != ALL) or "all" for row in shown[names].to_numpy().tolist()]
        shown = shown.assign(group=groups)
    columns = [name for name in COLUMNS.get(table, tuple(frame.columns[:7])) if name in shown]
    words = {name for name in columns if shown[name].dtype.kind not in "iuf"}
    rows = [[_text(value) for value in row] for row in shown[columns].itertuples(index=False, name=None)]
    terminal.print_table(terminal.out(), table, columns, rows, words=words)
    if len(frame) > limit:
        terminal.out().print(f"{len(frame) - limit:,} more rows; --limit, --where or --json show them")


def _text(value: object) -> str:
    if isinstance(value, float):
        return "–" if value != value else f"{value:.3f}"
    return str(value)
