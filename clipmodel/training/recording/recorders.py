"""Where the figures of a run go: tables in its folder, and TensorBoard or Weights & Biases where asked."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol, Self

from clipmodel.errors import UserError
from clipmodel.training.callbacks import Measure, StepReport
from clipmodel.training.recipe import Recipe, Tracker
from clipmodel.training.recording.resumable_csv import ResumableCsv

LOG_FILE, MEASURES_FILE = "log.csv", "measures.csv"
TRAINING_FILE = "training.json"  # in the run's folder and beside its model: what is trained, on what
TENSORBOARD_FOLDER, WANDB_FILE = "tensorboard", "wandb-run.txt"
SHOWN = ("loss", "learning_rate", "logit_scale", "epoch", "images_per_second", "data_seconds")


class Recorder(AbstractContextManager[Any], Protocol):
    """Records the figures of a run; leaving it as a context manager closes it."""

    def record_step(self, report: StepReport) -> None: ...

    def record_measures(self, report: StepReport, measures: Sequence[Measure]) -> None: ...

    def sync(self) -> None:
        """A checkpoint follows: have everything on the disk."""


class Tables:
    """log.csv, a line per step, and measures.csv, a line for everything an evaluator found."""

    def __init__(self, out: Path, *, step: int) -> None:
        self._log = ResumableCsv(out / LOG_FILE, ["step", *SHOWN], step=step)
        columns = ["step", "epoch", "measure", "value", "n"]
        self._measures = ResumableCsv(out / MEASURES_FILE, columns, step=step)

    def record_step(self, report: StepReport) -> None:
        values = {name: getattr(report, name) for name in ("step", *SHOWN)}
        for name in ("images_per_second", "data_seconds"):
            # Times vary from run to run: four digits are more than they mean.
            values[name] = f"{values[name]:.4g}"
        self._log.add(values)

    def record_measures(self, report: StepReport, measures: Sequence[Measure]) -> None:
        for one in measures:
            self._measures.add(
                {
                    "step": report.step,
                    "epoch": report.epoch,
                    "measure": one.name,
                    "value": one.value,
                    "n": one.n,
                }
            )

    def sync(self) -> None:
        self._log.sync()
        self._measures.sync()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._log.close()
        self._measures.close()


class TensorBoard:
    """Scalars in OUT/tensorboard; steps that are done again replace those shown before."""

    def __init__(self, out: Path, *, step: int) -> None:
        _require("tensorboard")
        # Imported late: the library is optional and takes seconds.
        from torch.utils.tensorboard import SummaryWriter

        folder = str(out / TENSORBOARD_FOLDER)
        self._writer = SummaryWriter(folder, purge_step=step + 1 if step else None)

    def record_step(self, report: StepReport) -> None:
        for name in SHOWN:
            self._writer.add_scalar(f"training/{name}", getattr(report, name), report.step)

    def record_measures(self, report: StepReport, measures: Sequence[Measure]) -> None:
        for one in measures:
            self._writer.add_scalar(f"measures/{one.name}", one.value, report.step)

    def sync(self) -> None:
        self._writer.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()


class WeightsAndBiases:
    """A run of the project "clip-audit", continued where the folder's run is; its own rules drop steps twice.

    WANDB_PROJECT, WANDB_MODE and the other variables of the library are heeded.
    """

    def __init__(self, out: Path, recipe: Recipe, *, seed: int, step: int) -> None:
        library = _require("wandb")
        name = out / WANDB_FILE
        # A run that begins anew must not continue the one whose checkpoint was deleted.
        known = name.read_text(encoding="utf-8").strip() if step and name.is_file() else None
        config = {**recipe.model_dump(mode="json"), "seed": seed}
        self._run = library.init(
            project=library.setup().settings.project or "clip-audit",
            name=out.name,
            id=known,
            resume="allow",
            dir=str(out),
            config=config,
        )
        name.write_text(f"{self._run.id}\n", encoding="utf-8")

    def record_step(self, report: StepReport) -> None:
        self._run.log({f"training/{name}": getattr(report, name) for name in SHOWN}, step=report.step)

    def record_measures(self, report: StepReport, measures: Sequence[Measure]) -> None:
        self._run.log({f"measures/{one.name}": one.value for one in measures}, step=report.step)

    def sync(self) -> None:
        """The library sends on its own."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._run.finish(exit_code=0 if kind is None else 1)


@contextmanager
def opened_recorders(recipe: Recipe, out: Path, *, seed: int, step: int) -> Iterator[list[Recorder]]:
    """The tables and the trackers of a recipe, for a run that resumes after `step`.

    Raises
    ------
    UserError
        A tracker's library is not installed.
    """
    with ExitStack() as stack:
        recorders: list[Recorder] = [stack.enter_context(Tables(out, step=step))]
        for tracker in recipe.log:
            recorders.append(stack.enter_context(_tracker(tracker, recipe, out, seed=seed, step=step)))
        yield recorders


def _tracker(name: Tracker, recipe: Recipe, out: Path, *, seed: int, step: int) -> Recorder:
    if name == "tensorboard":
        return TensorBoard(out, step=step)
    return WeightsAndBiases(out, recipe, seed=seed, step=step)


def _require(library: str) -> ModuleType:
    try:
        return importlib.import_module(library)
    except ImportError as error:
        raise UserError(
            f"the recipe's log names {library}, which is not installed",
            remedy=f"pip install 'clip-audit[{library}]', or take it out of log",
        ) from error
