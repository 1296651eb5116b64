"""`clip-audit figures`: the figures of an audit for a paper."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from audit.commands.console import terminal
from clipmodel.errors import UserError
from clipmodel.plurals import number_of

EPILOG = "Example:  clip-audit figures runs/quickstart --format pdf,svg,png --width 3.3in"
# A point here is TeX's, of which 72.27 make an inch: LaTeX prints \textwidth in it.
INCHES = {"in": 1.0, "cm": 1 / 2.54, "mm": 1 / 25.4, "pt": 1 / 72.27}


def figures(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="A folder that clip-audit run wrote.")],
    formats: Annotated[str, typer.Option("--format", help="Of pdf, svg, png, with commas.")] = "pdf,svg",
    width: Annotated[str, typer.Option(help="Width with its unit: 3.3in, 85mm, 8.5cm, 240pt.")] = "4.5in",
    out: Annotated[Path | None, typer.Option(help="Folder.", show_default="RUN/figures")] = None,
) -> None:
    """Write rates and differences by group as files, fonts embedded, and the findings as a LaTeX table."""
    from audit.figures.export import FORMATS, write_figures
    from audit.result import AuditResult

    wanted = [name.strip() for name in formats.split(",") if name.strip()]
    if unknown := [name for name in wanted if name not in FORMATS]:
        raise UserError(f"--format {formats}: unknown {unknown[0]!r}", remedy=f"use {', '.join(FORMATS)}")
    target = out or folder / "figures"
    result = AuditResult.read(folder)
    with terminal.ERR.status("drawing"):
        names = write_figures(result, target, formats=wanted, width_inches=inches(width))
    terminal.out().print(f"{number_of(len(names), 'file')} in {target}", soft_wrap=True, markup=False)


def inches(width: str) -> float:
    """Return a width with its unit in inches.

    Raises
    ------
    UserError
        It is no positive number with one of the units.
    """
    found = re.fullmatch(r"\s*([\d.]+)\s*(in|cm|mm|pt)\s*", width)
    try:
        value = float(found[1]) * INCHES[found[2]] if found else 0.0
    except ValueError:
        value = 0.0
    if not 0.5 <= value <= 30:
        raise UserError(f"--width {width}: expected a width such as 3.3in or 85mm", remedy="add the unit")
    return value
