"""`clip-audit train`: a recipe to a model."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audit.commands.console import terminal

if TYPE_CHECKING:
    from clipmodel.training.callbacks import StepReport

EPILOG = (
    "Examples:  clip-audit train tiny --out runs/train-tiny  ·  "
    "clip-audit train tiny --out runs/try --steps 50"
)
QUIET_SECONDS = 30  # between lines of progress where there is no terminal
MEMORY = 0.98  # of the speed so far, a step


def train(
    recipe: Annotated[str, typer.Argument(help="A shipped recipe by name, or a YAML file.")],
    *,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of the run; one that is there is continued.", show_default="runs/RECIPE"),
    ] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Stop early, after this many steps.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Instead of the recipe's.")] = None,
) -> None:
    """Train a CLIP by a recipe, or resume where the folder left off.

    A recipe with a `validation` is measured, one with an `audit` is audited on the way.
    """
    from audit.commands.composed.audit_evaluator import AuditedRecipe, AuditEvaluator
    from clipmodel.training.recipe import load_recipe

    plan = load_recipe(recipe, AuditedRecipe)
    out = out or Path("runs") / Path(recipe).stem
    evaluators = [] if plan.audit is None else [AuditEvaluator(plan.audit, out)]
    from clipmodel.training.loop import MODEL_FOLDER
    from clipmodel.training.loop import train as run_training

    stop = min(plan.steps, steps or plan.steps)
    with terminal.log_shown("clipmodel.training"), terminal.progress_bars() as bars:
        progress = Progress(recipe, stop=stop, show=bars if terminal.ERR.is_terminal else None)
        try:
            model = run_training(
                plan, out=out, steps=steps, seed=seed, hooks=[progress], evaluators=evaluators,
                resolve=parquet_files,
            )  # fmt: skip
        finally:
            # Also of a run that was interrupted or failed: its curves may show why.
            images = _draw_curves(out) if progress.last or _without_curves(out) else []
    console = terminal.out()
    if progress.last:
        done, scale = progress.last, f"logit scale {model.logit_scale:.1f}"
        console.print(f"{done.step} of {done.steps} steps, loss {done.loss:.3f}, {scale}")
    else:
        console.print("nothing to do: the folder holds all the steps asked for")
    if skipped := _skipped(out):
        console.print(f"Skipped: {skipped}", soft_wrap=True, markup=False, highlight=False)
    folder = out / MODEL_FOLDER
    console.print(f"Model:  {folder}", soft_wrap=True, markup=False)
    if images:
        console.print(f"Curves: {', '.join(map(str, images))}", soft_wrap=True, markup=False)
    console.print(f"Next:   clip-audit report {out}", soft_wrap=True, markup=False)
    console.print(f"        clip-audit run quickstart --model {folder}", soft_wrap=True, markup=False)


class Progress:
    """A hook that shows loss, speed, the wait for data and the time that is left.

    Parameters
    ----------
    what
        Is being trained.
    stop
        The last step.
    show
        Moves a bar; None where there is no terminal: then a line is printed every `QUIET_SECONDS`.
    """

    def __init__(self, what: str, *, stop: int, show: Callable[[str, int, int], None] | None) -> None:
        self.last: StepReport | None = None
        self._what, self._stop, self._show = what, stop, show
        self._ended, self._printed = time.perf_counter(), -math.inf
        self._weight = self._seconds = self._waiting = self._pairs = 0.0

    def __call__(self, report: StepReport) -> None:
        now = time.perf_counter()
        # Between two reports, so that saving and auditing count; the first step warms up and does not.
        if self.last is not None:
            self._weight = MEMORY * self._weight + 1
            self._seconds = MEMORY * self._seconds + now - self._ended
            self._waiting = MEMORY * self._waiting + report.data_seconds
            self._pairs = MEMORY * self._pairs + report.pairs
        self.last, self._ended = report, now
        if self._show is not None:
            self._show(f"{self._what}: {self._words(report)}", report.step, self._stop)  # says what is left
        elif now - self._printed >= QUIET_SECONDS or report.step == self._stop:
            self._printed = now
            line = (
                f"{self._what}: step {report.step} of {self._stop}, {self._words(report)}{self._left(report)}"
            )
            terminal.ERR.print(line, soft_wrap=True, markup=False)

    def _words(self, report: StepReport) -> str:
        words = f"epoch {report.epoch:.1f}, loss {report.loss:.3f}"
        if not self._seconds:
            return words
        speed, waiting = self._pairs / self._seconds, 100 * self._waiting / self._seconds
        return f"{words}, {speed:,.0f} images/s, data wait {waiting:.0f} %"

    def _left(self, report: StepReport) -> str:
        if not self._seconds:
            return ""
        return f", {_duration(self._seconds / self._weight * (self._stop - report.step))} left"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"


def _skipped(out: Path) -> str:
    from audit.json_tables import read_json
    from audit.training.history import skipped_words
    from clipmodel.training.recording.recorders import TRAINING_FILE

    return skipped_words(read_json(out / TRAINING_FILE))


def _draw_curves(out: Path) -> list[Path]:
    from audit.training.history import TrainingHistory
    from audit.training.training_report import write_curves

    return write_curves(TrainingHistory.read(out), out)


def parquet_files(source: str) -> Sequence[Path]:
    """What data.source of a recipe means: the embedded emoji by name, or the path of a parquet file."""
    from probes.datasets.emoji import FOLDER

    return sorted(FOLDER.glob("*.parquet")) if source == "emoji" else [Path(source)]


def _without_curves(out: Path) -> bool:
    """Whether a run that is done was killed before its curves were drawn."""
    from audit.training.training_report import LOSS_IMAGE

    log, image = out / "log.csv", out / LOSS_IMAGE
    return log.is_file() and not (image.is_file() and image.stat().st_mtime >= log.stat().st_mtime)
