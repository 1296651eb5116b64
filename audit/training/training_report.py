"""The report of a training run as one HTML file, and its curves as images."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import BinaryIO

from audit.figures import training as figures
from audit.figures.svg import standalone
from audit.report.html import fill_template, frames_as_json
from audit.training.history import TrainingHistory
from audit.training.training_page import training_page, with_intervals
from clipmodel.atomic_files import replace_file

LOSS_IMAGE, ACCURACY_IMAGE = "loss.svg", "accuracy.svg"


def render_training_report(history: TrainingHistory) -> str:
    """Return the report of a run as one self-contained HTML page; the same history, the same bytes."""
    tables = {name: getattr(history, name) for name in ("measures", "accuracy", "gaps")}
    return fill_template("training.html.j2", training_page(history), data=frames_as_json(tables))


def write_curves(history: TrainingHistory, out: Path) -> list[Path]:
    """Write the loss and, where it was measured, the accuracy as images; the paths written.

    Each is whole or absent, and the loss comes last: where it is newer than the log, all are.
    """
    drawings = {}
    validated = history.measures[history.measures["measure"].str.startswith("zero-shot accuracy")]
    if len(validated):
        rows = with_intervals(validated).assign(series=validated["measure"].str.partition(", ")[2])
        drawings[ACCURACY_IMAGE] = figures.measure_curves(
            rows, axis="accuracy, % of images", name="accuracy",
            title="Zero-shot accuracy against the epoch",
        )  # fmt: skip
    if len(history.log):
        drawings[LOSS_IMAGE] = figures.loss_curve(history.log, name="loss", title="Loss against the epoch")
    for name, svg in drawings.items():
        replace_file(out / name, partial(_write, standalone(svg).encode()))
    return [out / name for name in (LOSS_IMAGE, ACCURACY_IMAGE) if name in drawings]


def _write(content: bytes, file: BinaryIO) -> None:
    file.write(content)
