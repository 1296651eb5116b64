"""`clip-audit report`: the report again, from the folder of an audit or of a training run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from audit.commands import terminal
from audit.commands.small_table_settings import makes_small_tables

EPILOG = "Examples:  clip-audit report runs/quickstart  ·  clip-audit report runs/train-tiny"


@makes_small_tables
def report(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="A folder that clip-audit run or clip-audit train wrote.")
    ],
) -> None:
    """Write report.html from what a folder holds: nothing is computed anew, torch is not needed.

    Of a training run, also of one that is still going on, the report shows loss, validation, and accuracy
    and differences of the audits on the way, against the epoch.
    """
    from audit.training.history import is_training_folder

    if is_training_folder(folder):
        _report_training(folder)
    else:
        _report_audit(folder)


def _report_audit(folder: Path) -> None:
    from audit.commands.run_summary import print_summary
    from audit.figures.replacement import failures_replaced
    from audit.json_tables import read_json
    from audit.report import render_report
    from audit.result import AuditResult
    from audit.result_files import RUN_FILE

    result = AuditResult.read(folder)
    info = read_json(folder / RUN_FILE) if (folder / RUN_FILE).is_file() else None
    with terminal.ERR.status("writing the report"), failures_replaced():
        result.write(folder, report=lambda audit: render_report(audit, run_info=info), run_info=info)
    console = terminal.out()
    print_summary(result, console, folder=folder)


def _report_training(folder: Path) -> None:
    from audit.commands.training_summary import print_training_summary
    from audit.result_files import REPORT_FILE
    from audit.training.history import TrainingHistory
    from audit.training.report import render_training_report, write_curves
    from clipmodel.atomic_files import replace_file

    history = TrainingHistory.read(folder)
    with terminal.ERR.status("writing the report"):
        page = render_training_report(history).encode()
        replace_file(folder / REPORT_FILE, lambda file: file.write(page))
        write_curves(history, folder)
    console = terminal.out()
    print_training_summary(history, console)
    console.print(f"\nReport: {folder / REPORT_FILE}", soft_wrap=True, markup=False)
