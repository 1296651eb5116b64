"""`clip-audit train`: a recipe to a model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audit.commands import terminal

if TYPE_CHECKING:
    from clipmodel.training.hooks import StepReport

EPILOG = (
    "Examples:  clip-audit train tiny --out runs/train-tiny  ·  "
    "clip-audit train tiny --out runs/try --steps 50"
)


def train(
    recipe: Annotated[str, typer.Argument(help="A shipped recipe by name, or a YAML file.")],
    *,
    out: Annotated[Path, typer.Option(help="Folder of the run; one that is there is continued.")],
    steps: Annotated[int | None, typer.Option(min=1, help="Stop early, after this many steps.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Instead of the recipe's.")] = None,
) -> None:
    """Train a CLIP by a recipe, or go on where the folder left off."""
    from clipmodel.training.recipe import load_recipe

    plan = load_recipe(recipe)
    from clipmodel.training.loop import MODEL_FOLDER
    from clipmodel.training.loop import train as run_training

    last: list[StepReport] = []
    with terminal.log_shown("clipmodel.training"), terminal.progress_bars() as progress:

        def show(report: StepReport) -> None:
            last[:] = [report]
            stop = min(plan.steps, steps or plan.steps)
            progress(f"{recipe}: loss {report.loss:.3f}, epoch {report.epoch:.1f}", report.step, stop)

        model = run_training(plan, out=out, steps=steps, seed=seed, hooks=[show], resolve=parquet_files)
    console = terminal.out()
    if last:
        done = last[0]
        scale = f"logit scale {model.logit_scale:.1f}"
        console.print(f"{done.step} of {done.steps} steps, loss {done.loss:.3f}, {scale}")
    else:
        console.print("nothing to do: the folder holds all the steps asked for")
    folder = out / MODEL_FOLDER
    console.print(f"Model: {folder}", soft_wrap=True, markup=False)
    console.print(f"Next:  clip-audit run quickstart --model {folder}", soft_wrap=True, markup=False)


def parquet_files(source: str) -> Sequence[Path]:
    """What data.source of a recipe means: the embedded emoji by name, or the path of a parquet file."""
    from probes.datasets.emoji import FOLDER

    return sorted(FOLDER.glob("*.parquet")) if source == "emoji" else [Path(source)]
