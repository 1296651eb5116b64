"""`clip-audit calibrate`: the audit, audited, and its page of the documentation."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audit.commands import terminal

if TYPE_CHECKING:
    import pandas as pd

EPILOG = (
    "Examples:  clip-audit calibrate --out runs/calibration  ·  "
    "clip-audit calibrate --models 20 --page docs/calibration.md"
)


def calibrate(
    *,
    out: Annotated[Path, typer.Option(help="Folder of the tables; what is there is kept.")] = Path(
        "runs/calibration"
    ),
    page: Annotated[
        Path | None, typer.Option(help="Markdown to write, with figures; default: OUT/page.md.")
    ] = None,
    audits: Annotated[int, typer.Option(min=10, help="Whole audits to simulate for each setting.")] = 4000,
    repeated: Annotated[int, typer.Option(min=0, help="Of these, run again by the audit itself.")] = 20,
    models: Annotated[int, typer.Option(min=0, help="Controls to train, and planted models a strength.")] = 0,
    strength: Annotated[
        list[float] | None, typer.Option(min=0, max=1, help="Share of rows left out; may be repeated.")
    ] = None,
    steps: Annotated[int, typer.Option(min=10, help="Steps of training a model.")] = 200,
    seed: Annotated[int, typer.Option(min=0, help="Of the simulations.")] = 0,
) -> None:
    """Check the audit where the truth is known: coverage, false alarms, power; with --models, planted bias.

    Simulated tables that OUT holds are not made again, and a trained model is measured once: an interrupted
    command goes on where it was. Remove OUT to begin anew.
    """
    from audit.calibration.page import write_page

    strengths = strength or [0.9]
    out.mkdir(parents=True, exist_ok=True)
    with terminal.progress_bars() as progress:
        tables = _simulated(out, audits=audits, repeated=repeated, seed=seed, progress=progress)
        if models:
            from audit.calibration.planted_bias import judge_models, planted_summary
            from audit.commands.planted_models import measure_all

            values = measure_all(
                out / "models", controls=models, planted=models, strengths=strengths,
                steps=steps, progress=progress,
            )  # fmt: skip
            tables["models"] = judge_models(values)
            tables["planted"] = planted_summary(tables["models"], values)
    for name, table in tables.items():
        table.to_csv(out / f"{name}.csv", index=False, lineterminator="\n")
    page = page or out / "page.md"
    page.parent.mkdir(parents=True, exist_ok=True)
    options = [f"--audits {audits}", f"--repeated {repeated}", f"--models {models}" if models else ""]
    options += [f"--strength {value:g}" for value in strengths if models]
    write_page(tables, page, command=shlex.join(["clip-audit", "calibrate", *" ".join(options).split()]))
    _print(tables["false_alarms"], "False alarms without any disparity")
    if "planted" in tables:
        _print(tables["planted"], "Planted bias")
    terminal.out().print(f"Page: {page}", soft_wrap=True, markup=False)


def _simulated(
    out: Path, *, audits: int, repeated: int, seed: int, progress: terminal.Report
) -> dict[str, pd.DataFrame]:
    import pandas as pd

    from audit.calibration.coverage import coverage_table, false_alarm_table, power_table

    makers = {
        "coverage": lambda: coverage_table(seed=seed, progress=progress),
        "false_alarms": lambda: false_alarm_table(
            audits=audits, repeated=repeated, seed=seed, progress=progress
        ),
        "power": lambda: power_table(audits=max(200, audits // 4), seed=seed, progress=progress),
    }
    tables = {}
    for name, make in makers.items():
        path = out / f"{name}.csv"
        if not path.is_file():
            make().to_csv(path, index=False, lineterminator="\n")
        tables[name] = pd.read_csv(path)
    return tables


def _print(table: pd.DataFrame, title: str) -> None:
    rows = [
        [f"{value:.4g}" if isinstance(value, float) else str(value) for value in row]
        for row in table.to_numpy().tolist()
    ]
    terminal.print_table(terminal.out(), title, tuple(table.columns), rows)
