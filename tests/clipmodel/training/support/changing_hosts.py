"""What each process of torchrun does in tests/clipmodel/training/integration/test_changing_hosts.py.

    torchrun --nnodes 1:2 --nproc-per-node 1 --rdzv-backend c10d --rdzv-endpoint localhost:PORT \\
        -m tests.clipmodel.training.support.changing_hosts RECIPE.json IMAGES FOLDER

The first process writes the number of processes, the restart count of its agent and the step after each step,
and at a hurdle waits for the change that the test makes, which ends it.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import torch

from clipmodel.training.callbacks import StepReport
from clipmodel.training.loop import train
from clipmodel.training.recipe import Recipe

HURDLES = {(1, 0): 5, (2, 0): 8, (1, 1): 10}
"""Processes and restart count -> the step after which the first process waits."""


def main(recipe: Path, images: Path, folder: Path) -> None:
    plan = Recipe.model_validate(json.loads(recipe.read_text()))
    # torchrun gives each process a session of its own, so the test must know which to end with its agent.
    (folder / f"process {os.getpid()} of {os.getppid()}").touch()
    size, count = int(os.environ["WORLD_SIZE"]), int(os.environ["TORCHELASTIC_RESTART_COUNT"])

    def hook(report: StepReport) -> None:
        with (folder / "steps").open("a") as file:
            file.write(f"{size} {count} {report.step}\n")
        if report.step == HURDLES.get((size, count)):
            time.sleep(1000)

    train(plan, out=folder / "out", hooks=[hook], resolve=lambda _: [images])


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(*map(Path, sys.argv[1:4]))
