"""`clip-audit report`: the report again, from the folder of an audit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from audit.commands import terminal

EPILOG = "Example:  clip-audit report runs/quickstart"


def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that clip-audit run wrote.")],
) -> None:
    """Write report.html again, and print the summary: nothing is computed anew, torch is not needed."""
    from audit.commands.summary import print_summary
    from audit.report import render_report
    from audit.result import REPORT_FILE, RUN_FILE, AuditResult
    from audit.storage import read_json

    result = AuditResult.read(folder)
    info = read_json(folder / RUN_FILE) if (folder / RUN_FILE).is_file() else None
    with terminal.ERR.status("writing the report"):
        result.write(folder, report=lambda audit: render_report(audit, run_info=info), run_info=info)
    console = terminal.out()
    print_summary(result, console)
    console.print(f"\nReport: {folder / REPORT_FILE}", soft_wrap=True, markup=False)
