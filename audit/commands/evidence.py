"""`clip-audit evidence`: an audit as documents to check, sign and file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from audit.commands.console import terminal
from audit.commands.console.small_table_settings import makes_small_tables
from clipmodel.errors import UserError
from clipmodel.plurals import number_of

EPILOG = "Example:  clip-audit evidence runs/quickstart --out evidence/quickstart"


@makes_small_tables
def evidence(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="A folder that clip-audit run wrote.")],
    out: Annotated[Path | None, typer.Option(help="Folder of the pack.", show_default="RUN/evidence")] = None,
) -> None:
    """Write report (HTML, PDF), tables, JUnit, model card, crosswalk to regulations, hashes and sign-off.

    Nothing in it is called legal: it says which table answers which question, and what is not measured.
    """
    from audit.evidence.pack import run_info_of, write_pack
    from audit.result import AuditResult

    target = out or folder / "evidence"
    # Old files in the folder would get into SHA256SUMS and look like parts of this pack.
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UserError(f"{target}: is not an empty folder", remedy="choose another folder with --out")
    result = AuditResult.read(folder)
    with terminal.ERR.status("writing the evidence pack"):
        names = write_pack(result, target, run_info=run_info_of(folder))
    console = terminal.out()
    console.print(f"{number_of(len(names), 'file')} in {target}", soft_wrap=True, markup=False)
    if "report.pdf" not in names:
        console.print("no PDF: Chromium was not found; print report.html from a browser", soft_wrap=True)
