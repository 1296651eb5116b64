"""A run that is killed again and again, for tests/clipmodel/training/integration/test_resume.py.

    python -m tests.clipmodel.training.support.killed_process RECIPE.json IMAGES OUT SEED

Each life is a fork of this process, which itself computes nothing. The first ones are killed where it does
most harm, the next ones at a moment drawn at random, the last one not at all. Prints all exit codes.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from pathlib import Path
from unittest.mock import patch

import torch

from clipmodel import atomic_files
from clipmodel.loading.embedding_model import LoadedModel
from clipmodel.training.callbacks import StepReport
from clipmodel.training.loop import train
from clipmodel.training.recipe import Recipe

STEP_SECONDS, STARTING_SECONDS = 0.02, 0.3
RANDOM_KILLS = 6


def die(*_: object, **__: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def half_a_checkpoint(content: object, file: object) -> None:
    file.write(b"half a checkpoint")  # type: ignore[attr-defined]
    die()


# Where a kill does most harm: in the draft, before it is swapped in, after it, in the model.
TRAPS = (
    lambda: patch.object(torch, "save", half_a_checkpoint),
    lambda: patch.object(Path, "replace", die),
    lambda: patch.object(atomic_files, "sync_folder", die),
    lambda: patch.object(LoadedModel, "save", die),
)


def slowly(report: StepReport) -> None:
    time.sleep(STEP_SECONDS)


def live(recipe: Recipe, images: Path, out: Path, *, trap: int) -> None:
    """One life; a trap makes it end where that trap lies."""

    def run() -> None:
        train(recipe, out=out, hooks=[slowly], resolve=lambda _: [images])

    if trap < len(TRAPS):
        with TRAPS[trap]():
            run()
    run()


def main(recipe: Path, images: Path, out: Path, seed: int) -> list[int]:
    rng = random.Random(seed)
    plan = Recipe.model_validate(json.loads(recipe.read_text()))
    codes: list[int] = []
    while 0 not in codes:
        life = len(codes)
        child = os.fork()
        if not child:
            live(plan, images, out, trap=life)
            os._exit(0)
        if len(TRAPS) <= life < len(TRAPS) + RANDOM_KILLS:
            time.sleep(rng.uniform(0.1, 1) * plan.steps / RANDOM_KILLS * STEP_SECONDS + STARTING_SECONDS)
            os.kill(child, signal.SIGKILL)
        codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        if codes[-1] > 0:
            break
    return codes


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(json.dumps(main(*map(Path, sys.argv[1:4]), int(sys.argv[4]))))
