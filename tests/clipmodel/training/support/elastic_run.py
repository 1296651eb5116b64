"""What each process of torchrun does in tests/clipmodel/training/integration/test_elastic_restart.py.

    torchrun --standalone --nproc-per-node 2 --max-restarts 1 \\
        -m tests.clipmodel.training.support.elastic_run RECIPE.json IMAGES FOLDER

In the first life the second process kills itself in mid-run. torchrun starts both again: they resume, and
then train the same recipe a second time without a death, to compare.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

import torch

from clipmodel.training.callbacks import StepReport
from clipmodel.training.loop import train
from clipmodel.training.recipe import Recipe

KILLED_AT = 5
LIFE, RANK = "TORCHELASTIC_RESTART_COUNT", "RANK"


def main(recipe: Path, images: Path, folder: Path) -> None:
    plan = Recipe.model_validate(json.loads(recipe.read_text()))
    life, rank = os.environ[LIFE], int(os.environ[RANK])

    told = folder / f"steps of life {life}"

    def hook(report: StepReport) -> None:
        # Called in the first process alone.
        with told.open("a") as file:
            file.write(f"{report.step}\n")
        if life == "0" and report.step == KILLED_AT:
            time.sleep(100)  # until torchrun ends this process too

    def die() -> None:
        while not told.exists() or len(told.read_text().split()) < KILLED_AT:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGKILL)

    if life == "0" and rank == 1:
        threading.Thread(target=die, daemon=True).start()
    train(plan, out=folder / "killed", hooks=[hook], resolve=lambda _: [images])
    train(plan, out=folder / "whole", resolve=lambda _: [images])


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(*map(Path, sys.argv[1:4]))
