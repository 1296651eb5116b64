"""`clip-audit calibrate`: the calibration study, and its page of the documentation."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from audit.commands.console import terminal
from audit.csv_cells import write_csv
from clipmodel.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

EPILOG = (
    "Examples:  clip-audit calibrate --out runs/calibration  ·  "
    "clip-audit calibrate --models 20 --page docs/calibration.md"
)


MEASURED_FOR_EACH, MOST_MEASURED = 5, 1000
"""Audits for the coverage of measures, for each audit in bulk, and at most: one process makes them."""
PERMUTED_FOR_EACH, MOST_PERMUTED = 3, 600
"""Audits a case for permutation tests, which take longest, some .6 s each."""
PLANTED_FOR_EACH: Final = 3
"""Audits that plant the detectable gap, for each audit in bulk: of some scenarios half print none."""


def calibrate(
    *,
    out: Annotated[Path, typer.Option(help="Folder of the tables; what is there is kept.")] = Path(
        "runs/calibration"
    ),
    page: Annotated[
        Path | None, typer.Option(help="Markdown to write, with figures; default: OUT/page.md.")
    ] = None,
    audits: Annotated[int, typer.Option(min=1, help="Whole audits to simulate in each scenario.")] = 200,
    bulk: Annotated[int, typer.Option(min=1, help="Audits to simulate in bulk in each scenario.")] = 2000,
    scenario: Annotated[
        list[str] | None, typer.Option(help="Scenario to simulate; may be repeated; default: all.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes that simulate.")] = 1,
    finished: Annotated[
        bool, typer.Option("--finished", help="Write the page from what OUT holds; simulate nothing more.")
    ] = False,
    models: Annotated[int, typer.Option(min=0, help="Controls to train, and planted models a strength.")] = 0,
    strength: Annotated[
        list[float] | None, typer.Option(min=0, max=1, help="Share of rows left out; may be repeated.")
    ] = None,
    steps: Annotated[int, typer.Option(min=10, help="Steps of training a model.")] = 200,
    seed: Annotated[int, typer.Option(min=0, help="Of the simulations.")] = 0,
) -> None:
    """Check the audit against known truths: coverage, false findings, power; with --models, planted bias.

    Simulated audits that OUT holds are not made again, and a trained model is measured once: an interrupted
    command resumes, and `--finished` writes the page meanwhile. Remove OUT to begin anew.

    Raises
    ------
    UserError
        There is no such scenario.
    """
    from audit.calibration.calibration_page import write_page

    strengths = strength or [0.9]
    out.mkdir(parents=True, exist_ok=True)
    with terminal.progress_bars() as progress:
        tables = _simulated(
            out, audits=audits, bulk=bulk, scenarios=scenario, workers=workers, seed=seed, finished=finished,
            progress=progress,
        )  # fmt: skip
        if models:
            from audit.calibration.planted_bias import judge_models, planted_summary
            from audit.commands.composed.planted_models import measure_all

            values = measure_all(
                out / "models", controls=models, planted=models, strengths=strengths,
                steps=steps, progress=progress,
            )  # fmt: skip
            tables["models"] = judge_models(values)
            tables["planted"] = planted_summary(tables["models"], values)
    for name, table in tables.items():
        write_csv(table, out / f"{name}.csv")
    page = page or out / "page.md"
    page.parent.mkdir(parents=True, exist_ok=True)
    options = [f"--audits {audits}", f"--bulk {bulk}", f"--seed {seed}"]
    options += ["--finished"] if finished else []
    options += [f"--models {models}", *(f"--strength {value:g}" for value in strengths)] if models else []
    write_page(tables, page, command=shlex.join(["clip-audit", "calibrate", *" ".join(options).split()]))
    _print(tables["bulk"], "Audits of known truth in bulk")
    _print(tables["summary"], "Whole audits of known truth")
    if "planted" in tables:
        _print(tables["planted"], "Planted bias")
    terminal.out().print(f"Page: {page}", soft_wrap=True, markup=False)


def _simulated(
    out: Path,
    *,
    audits: int,
    bulk: int,
    scenarios: list[str] | None,
    workers: int,
    seed: int,
    finished: bool,
    progress: terminal.Report,
) -> dict[str, pd.DataFrame]:
    import pandas as pd

    from audit.calibration.coverage import coverage_table
    from audit.calibration.detectable_gaps import DETECTABLE, detectable_summary
    from audit.calibration.hard_cases import hard_case_table
    from audit.calibration.measure_coverage import measure_table
    from audit.calibration.scenarios import BY_NAME
    from audit.calibration.whole_audits import agreement_of, summary_of
    from audit.commands.composed.simulated_audits import simulated_rows

    if unknown := [name for name in scenarios or () if name not in BY_NAME]:
        raise UserError(f"no scenario {unknown[0]!r}", remedy=f"the scenarios are: {', '.join(BY_NAME)}")

    def rows(kind: str, n: int, names: list[str] | None) -> pd.DataFrame:
        return simulated_rows(
            out / "audits", kind=kind, audits=n, seed=seed, scenarios=names, workers=workers,
            progress=progress, make_missing=not finished,
        )  # fmt: skip

    made: dict[str, Callable[[], pd.DataFrame]] = {
        "measures": lambda: measure_table(audits=min(MEASURED_FOR_EACH * bulk, MOST_MEASURED), seed=seed),
        "hard": lambda: hard_case_table(audits=min(PERMUTED_FOR_EACH * bulk, MOST_PERMUTED), seed=seed),
        "coverage": lambda: coverage_table(seed=seed, progress=progress),
    }
    planted = [name for name in DETECTABLE if name in (scenarios or DETECTABLE)]
    # Made before the other tables: the whole audits below are compared with them.
    many = rows("bulk", bulk, scenarios)
    tables = {
        "bulk": summary_of(many),
        "detectable": detectable_summary(rows("detectable", PLANTED_FOR_EACH * bulk, planted)),
    }
    for name, make in made.items():
        path = out / f"{name}.csv"
        # The tables are kept: an interrupted study resumes with what is missing.
        if not path.is_file() and not finished:
            make().to_csv(path, index=False, lineterminator="\n")
        if path.is_file():
            tables[name] = pd.read_csv(path)
    whole = rows("whole", audits, scenarios)
    return tables | {"summary": summary_of(whole), "agreement": agreement_of(whole, many)}


def _print(table: pd.DataFrame, title: str) -> None:
    rows = [
        [f"{value:.4g}" if isinstance(value, float) else str(value) for value in row]
        for row in table.to_numpy().tolist()
    ]
    terminal.print_table(terminal.out(), title, tuple(table.columns), rows)
