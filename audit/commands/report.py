"""`clip-audit report`: the report again, from the folder of an audit or of a training run."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer

from audit.commands.console import terminal
from audit.commands.console.small_table_settings import makes_small_tables

EPILOG = (
    "Examples:  clip-audit report runs/quickstart  ·  clip-audit report runs/train-tiny  ·  "
    "clip-audit report runs/a runs/b --out runs/both.html  ·  clip-audit report runs --out runs/index.html"
)


@makes_small_tables
def report(
    folders: Annotated[
        list[Path], typer.Argument(metavar="DIR...", help="Folders that clip-audit run or train wrote.")
    ],
    out: Annotated[Path, typer.Option(help="The page about several runs.", show_default="runs.html")] = Path(
        "runs.html"
    ),
) -> None:
    """Write report.html from what a folder holds: nothing is computed anew, torch is not needed.

    Of a folder that holds folders of audits, an index with a search field and trend lines over releases.

    Of several audits, one page sets them side by side: accuracy against the widest gap, and the worst-off
    group of every question.

    Of a training run, also of one that is still going on, the report shows loss, validation, and accuracy
    and differences of the audits on the way, against the epoch.
    """
    from audit.training.history import is_training_folder

    if len(folders) == 1 and (inside := _runs_in(folders[0])):
        _report_index(folders[0], inside, out)
    elif len(folders) > 1:
        _report_several(folders, out)
    elif is_training_folder(folders[0]):
        _report_training(folders[0])
    else:
        _report_audit(folders[0])


def _runs_in(folder: Path) -> list[Path]:
    """The folders of audits below a folder that is no audit itself."""
    from audit.result_files import AUDIT_FILE
    from audit.training.history import is_training_folder

    if (folder / AUDIT_FILE).exists() or is_training_folder(folder):
        return []
    return sorted(path.parent for path in folder.glob(f"*/{AUDIT_FILE}"))


def _report_index(root: Path, folders: Sequence[Path], out: Path) -> None:
    from audit.json_tables import read_json
    from audit.report.runs_index import IndexedRun, render_index
    from audit.result import AuditResult
    from audit.result_files import REPORT_FILE, RUN_FILE
    from clipmodel.atomic_files import replace_file

    runs = []
    for folder in folders:
        info = read_json(folder / RUN_FILE) if (folder / RUN_FILE).is_file() else {}
        runs.append(
            IndexedRun(
                name=folder.name, result=AuditResult.read(folder), started=str(info.get("started", "")),
                href=_link(folder / REPORT_FILE, out) if (folder / REPORT_FILE).is_file() else "",
            )
        )  # fmt: skip
    page = render_index(runs).encode()
    replace_file(out, lambda file: file.write(page))
    terminal.out().print(f"{len(runs)} runs of {root}: {out}", soft_wrap=True, markup=False)


def _link(path: Path, page: Path) -> str:
    # Relative and quoted: the page and the audits are moved together.
    return quote(os.path.relpath(path, page.absolute().parent).replace(os.sep, "/"))


def _report_several(folders: Sequence[Path], out: Path) -> None:
    from audit.report.several import names_of, render_several
    from audit.result import AuditResult
    from audit.result_files import REPORT_FILE
    from clipmodel.atomic_files import replace_file

    names = names_of(folders)
    results = {name: AuditResult.read(folder) for name, folder in zip(names, folders, strict=True)}
    links = {
        name: _link(folder / REPORT_FILE, out)
        for name, folder in zip(names, folders, strict=True)
        if (folder / REPORT_FILE).is_file()
    }
    page = render_several(results, links=links).encode()
    replace_file(out, lambda file: file.write(page))
    terminal.out().print(f"{len(results)} audits: {out}", soft_wrap=True, markup=False)


def _report_audit(folder: Path) -> None:
    from audit.commands.console.run_summary import print_summary
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
    from audit.commands.console.training_summary import print_training_summary
    from audit.result_files import REPORT_FILE
    from audit.training.history import TrainingHistory
    from audit.training.training_report import render_training_report, write_curves
    from clipmodel.atomic_files import replace_file

    history = TrainingHistory.read(folder)
    with terminal.ERR.status("writing the report"):
        page = render_training_report(history).encode()
        replace_file(folder / REPORT_FILE, lambda file: file.write(page))
        write_curves(history, folder)
    console = terminal.out()
    print_training_summary(history, console)
    console.print(f"\nReport: {folder / REPORT_FILE}", soft_wrap=True, markup=False)
