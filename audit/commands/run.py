"""`clip-audit run`: a suite, a model and a data set to an audit in a folder."""

from __future__ import annotations

import os
import platform
import shlex
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.console import Console
from rich.markup import escape

from audit.commands.console import terminal
from audit.commands.console.model_options import (
    ActivationOption,
    CacheOption,
    DeviceOption,
    ModelOption,
    PreprocessOption,
    Told,
    WeightsOption,
    spelled,
)
from audit.commands.console.output_folder import check_output_folder, kept_tables, public
from audit.commands.console.small_table_settings import in_two_processes, makes_small_tables
from audit.commands.console.suite_data import data_of, notes_on_groups
from audit.prepared_process import prepared_process
from clipmodel.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

    from audit.report.section import ReportContext
    from audit.result import AuditResult
    from probes.datasets import DemographicDataset
    from probes.records import Records
    from probes.scoring.engine import Scorer
    from probes.suite.suite import Suite

ImagesOption = Annotated[bool, typer.Option("--images", help="Keep a table of every image's prediction.")]
RawCsvOption = Annotated[
    bool, typer.Option("--raw-csv", help="Leave words in CSV files that a spreadsheet would run as they are.")
]
MitigationOption = Annotated[
    Path | None, typer.Option("--with", metavar="FILE", help="A mitigation that clip-audit mitigate fitted.")
]
StandardOption = Annotated[
    list[str] | None,
    typer.Option(
        "--standard",
        metavar="FOLDER|SET",
        help="Standard accuracy to show beside the disparities: results of clip-audit evaluate, or a set to "
        "evaluate now, such as digits; repeat it for several.",
        show_default=False,
    ),
]


class ScoringEngine(StrEnum):
    """Who scores stored embeddings."""

    local = "local"
    ray = "ray"


EngineOption = Annotated[
    ScoringEngine,
    typer.Option(
        help="Who counts the answers: this process, or tasks of Ray (RAY_ADDRESS, or this machine)."
    ),
]
WorkersOption = Annotated[int, typer.Option(min=1, help="Tasks of ray at a time.")]
EPILOG = (
    "Examples:  clip-audit run  ·  "
    "clip-audit run my-suite.yaml --model runs/train-tiny/model --out runs/mine  ·  "
    "clip-audit run quickstart --data table:people.csv  ·  "
    "clip-audit run clip_paper --data embeddings:DIR --engine ray --workers 8"
)
MOST_HANDED_OVER: Final = 256 << 20
"""Bytes of records that one process hands to another."""
CONCLUDED_WITH: Final = (
    "audit.commands.console.run_summary",
    "audit.figures.replacement",
    "pyarrow.parquet",
    "rich.table",
)
"""What is imported while the model is asked, beside `audit.report`."""


@makes_small_tables
@in_two_processes
def run(
    suite: Annotated[str, typer.Argument(help="A shipped suite by name, or a YAML file.")] = "quickstart",
    *,
    model: ModelOption = None,
    data: Annotated[
        str | None, typer.Option(metavar="KIND:PATH", help="The data set.", show_default="the suite's")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the audit.", show_default="runs/SUITE")] = None,
    cache: CacheOption = None,
    images: ImagesOption = False,
    raw_csv: RawCsvOption = False,
    device: DeviceOption = "cpu",
    activation: ActivationOption = None,
    preprocess: PreprocessOption = None,
    weights: WeightsOption = None,
    mitigation: MitigationOption = None,
    standard: StandardOption = None,
    engine: EngineOption = ScoringEngine.local,
    workers: WorkersOption = 2,
    as_json: Annotated[bool, typer.Option("--json", help="Print the closing summary as JSON.")] = False,
) -> None:
    """Audit a model: ask it every question of a suite, and write tables and a report."""
    started, clock = datetime.now(UTC), time.perf_counter()
    told: Told = {"activation": activation, "preprocess": preprocess, "weights": weights}
    with prepared_process(_prepared_conclusion) as concluded_there:
        from probes.suite.suite import load_suite

        questions = load_suite(suite)
        folder = out or Path("runs") / questions.suite
        check_output_folder(folder)  # now: it would otherwise end the run after the model was asked
        dataset = _told_data(suite, questions, data)
        records, table = _ask(
            questions,
            model=model,
            told=told,
            dataset=dataset,
            cache=cache,
            keep_images=images,
            device=device,
            mitigation=mitigation,
            standard=standard or [],
            scoring=_scoring(engine, workers, device),
        )
        words = [public(suite), *(["--model", public(model)] if model else [])]
        words += ["--data", public(data or questions.data), "--out", folder.name, *["--images"] * images]
        words += [] if mitigation is None else ["--with", public(str(mitigation))]
        words += [word for name in standard or [] for word in ("--standard", public(name))]
        info = {
            "command": shlex.join(["clip-audit", "run", *words, *spelled(told)]),
            "started": started.isoformat(timespec="seconds"),
            "machine": {"system": platform.platform(), "cores": os.cpu_count(), "device": device},
            "out": folder.name,  # the name alone, as of every path here: run.json is passed on with the audit
        }
        asked = _Asked(records, table, folder, info, clock=clock, safe_csv=not raw_csv, as_json=as_json)
        if (summary := _elsewhere(asked, concluded_there)) is None:
            _conclude(asked, terminal.out())
        else:
            sys.stdout.write(summary)
            sys.stdout.flush()


@dataclass(frozen=True)
class _Asked:
    """What a run knows when the model has been asked, and the audit is concluded from."""

    records: Records
    standard: pd.DataFrame | None
    folder: Path
    info: Mapping[str, Any]
    clock: float
    safe_csv: bool
    as_json: bool


def _elsewhere(asked: _Asked, conclude: Callable[[_Asked], str | None]) -> str | None:
    """Have the audit concluded by the process that is prepared for it; None if that did not do it."""
    tables = [value for value in vars(asked.records).values() if hasattr(value, "memory_usage")]
    # Handing over copies them, and a run that keeps a row per image may need the memory.
    if sum(int(table.memory_usage().sum()) for table in tables) > MOST_HANDED_OVER:
        return None
    with terminal.working("computing intervals and writing the report"):
        return conclude(asked)


def _prepared_conclusion() -> Callable[[_Asked], str]:
    """Import what `_conclude` needs, and return it as a function of which the output is returned."""
    for name in CONCLUDED_WITH:
        import_module(name)
    from audit.report import load_templates

    load_templates()

    def conclude(asked: _Asked) -> str:
        console = terminal.out()
        # On a terminal nothing else may print, and an error is told by the other process.
        terminal.ERR.quiet = True
        with console.capture() as captured:
            _conclude(asked, console)
        return captured.get()

    return conclude


def _conclude(asked: _Asked, console: Console) -> None:
    """Compute the tables, write them and the report, and print the summary."""
    from audit.result import AuditResult

    with terminal.working("computing intervals"):
        result = AuditResult.from_records(asked.records)
    if asked.standard is not None:
        result = replace(result, standard=asked.standard)
    info = {**asked.info, "seconds": round(time.perf_counter() - asked.clock, 1)}
    context = _write(result, asked.folder, info, safe_csv=asked.safe_csv)
    from audit.commands.console.run_summary import print_summary, summary_json

    if asked.as_json:
        console.out(summary_json(result, folder=asked.folder), highlight=False)
    else:
        print_summary(result, console, folder=asked.folder, context=context)


def _told_data(suite: str, questions: Suite, data: str | None) -> DemographicDataset:
    """The data, and on standard error what to know of the groups that are asked for."""
    dataset = data_of(suite, questions, data)
    for note in notes_on_groups(questions, dataset):
        terminal.ERR.print(f"[yellow]{escape(note)}[/]", soft_wrap=True)
    return dataset


def _write(result: AuditResult, folder: Path, info: Mapping[str, Any], *, safe_csv: bool) -> ReportContext:
    """Write the tables, then the report, and return what the report worked out."""
    from audit.figures.replacement import failures_replaced
    from audit.report import begun_report
    from audit.report.section import ReportContext
    from audit.result_files import REPORT_FILE
    from clipmodel.atomic_files import replace_file

    context = ReportContext(result=result, run_info=info)
    with terminal.working("writing the report"), failures_replaced(), begun_report(context) as finished:
        # The tables first: what draws or prints can fail, and must not cost what was computed.
        result.write(folder, run_info=info, safe_csv=safe_csv)
        with kept_tables(folder):
            page = finished().encode()
            replace_file(folder / REPORT_FILE, lambda file: file.write(page))
    return context


def _ask(
    questions: Suite,
    *,
    model: str | None,
    told: Told,
    dataset: DemographicDataset,
    cache: Path | None,
    keep_images: bool,
    device: str,
    mitigation: Path | None,
    standard: Sequence[str],
    scoring: AbstractContextManager[Scorer | None],
) -> tuple[Records, pd.DataFrame | None]:
    from clipmodel.loading.device import usable_device
    from probes.embeddings.embed import EmbeddingStore
    from probes.embeddings.models import model_for
    from probes.runner import run_suite

    store = EmbeddingStore(cache)
    # A mitigation and the standard sets need the model itself; an audit of stored embeddings does not.
    lazily = store if mitigation is None and not standard else None
    loaded = model_for(dataset, model, device=usable_device(device), told=told, store=lazily)
    if mitigation is not None:
        from probes.mitigation.apply import with_mitigation

        loaded, dataset = with_mitigation(loaded, dataset, mitigation)
    with terminal.progress_bars() as progress, scoring as scorer:
        table = None
        if standard:
            from audit.commands.composed.standard_sets import standard_table
            from probes.embeddings.embed import cache_folder

            table = standard_table(
                standard, loaded, spec=model or loaded.name, store=store, cache=cache or cache_folder(),
                progress=progress,
            )  # fmt: skip
        records = run_suite(
            questions,
            loaded,
            dataset,
            store=store,
            keep_images=keep_images,
            progress=progress,
            device=usable_device(device),
            scorer=scorer,
        )
    return records, table


def _scoring(engine: ScoringEngine, workers: int, device: str) -> AbstractContextManager[Scorer | None]:
    """What counts the answers, for the time of the run; None: this process."""
    if engine is ScoringEngine.local:
        return nullcontext()
    if device != "cpu":  # said now: the scorer would say so after the images were embedded
        raise UserError("--engine ray scores on CPUs", remedy=f"leave --device {device} out")
    from probes.scoring.ray_scoring import ray_scorer

    return ray_scorer(workers)
