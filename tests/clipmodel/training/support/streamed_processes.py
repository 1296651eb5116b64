"""Streamed runs of two processes, for tests/clipmodel/training/integration/test_streamed_processes.py.

  torchrun --standalone --nproc-per-node 2 -m tests.clipmodel.training.support.streamed_processes PLAN FOLDER
  python -m tests.clipmodel.training.support.streamed_processes PLAN FOLDER killed

PLAN is a JSON of recipes by name, each of which is trained in FOLDER/NAME. The first notes the keys that each
process was given. The second plays torchrun, to be quicker: every life of a run is two forks of this process,
which itself computes nothing; all but the last life are killed. It prints how many steps each life logged.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from unittest.mock import patch

import torch

from clipmodel.loading.embedding_model import LoadedModel
from clipmodel.training.callbacks import Every, Measure, StepReport
from clipmodel.training.data.batches import Batch
from clipmodel.training.data.streamed import StreamData
from clipmodel.training.distributed import joined_world
from clipmodel.training.loop import train
from clipmodel.training.recipe import Recipe
from tests.clipmodel.training.support.killed_process import half_a_checkpoint, slowly

PROCESSES = 2
KILLED_AT = 5  # steps in the log, in the second life; in the first one a checkpoint is written half
POLL_SECONDS, MOST_SECONDS = 0.01, 120


class Evaluations:
    """An evaluator that notes when it looked: at the end of each epoch, which all processes wait for."""

    every = Every(count=1, unit="epoch")

    def __init__(self) -> None:
        self.steps: list[int] = []

    def begin(self, step: int) -> None:
        pass

    def evaluate(self, report: StepReport, model: LoadedModel) -> list[Measure]:
        self.steps.append(report.step)
        return []


def work(recipes: dict[str, Recipe], folder: Path) -> None:
    """One process's part of all runs; FOLDER/NAME-RANK.json has the keys of each step and the evaluations."""
    with joined_world() as world:
        for name, recipe in recipes.items():
            keys: list[tuple[str, ...]] = []
            given, evaluations = StreamData.batch, Evaluations()

            def noted(data: StreamData, *args: object, keys=keys, given=given) -> Batch:  # type: ignore[no-untyped-def]
                batch: Batch = given(data, *args)
                keys.append(batch.keys)
                return batch

            with patch.object(StreamData, "batch", noted):
                train(recipe, out=folder / name, evaluators=[evaluations])
            (folder / f"{name}-{world.rank}.json").write_text(json.dumps([keys, evaluations.steps]))


def rank(number: int, port: int, recipe: Recipe, out: Path, *, trapped: bool) -> int:
    """Fork a process of the run, as torchrun would start it."""
    if child := os.fork():
        return child
    os.environ |= {
        "TORCHELASTIC_RUN_ID": "test", "RANK": str(number), "LOCAL_RANK": str(number),
        "WORLD_SIZE": str(PROCESSES), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port),
    }  # fmt: skip
    with patch.object(torch, "save", half_a_checkpoint) if trapped else nullcontext():
        train(recipe, out=out, hooks=[slowly])
    os._exit(0)


def live(recipe: Recipe, out: Path, *, killed_at: int | None, trapped: bool = False) -> int:
    """One life of the run; the steps in its log when it was over. Where one process dies, all do."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    children = [rank(number, port, recipe, out, trapped=trapped) for number in range(PROCESSES)]
    ended: list[int] = []
    for _ in range(int(MOST_SECONDS / POLL_SECONDS)):
        found, status = os.waitpid(-1, os.WNOHANG)
        if found:
            ended.append(found)
        if len(ended) == PROCESSES or (found and status) or logged(out) >= (killed_at or recipe.steps + 1):
            break
        time.sleep(POLL_SECONDS)
    for child in set(children) - set(ended):
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    return logged(out)


def logged(out: Path) -> int:
    """Whole lines of the log after its header."""
    log = out / "log.csv"
    return max(0, log.read_bytes().count(b"\n") - 1) if log.is_file() else 0


def killed(recipe: Recipe, out: Path) -> list[int]:
    """Steps in the log after each life."""
    return [
        live(recipe, out, killed_at=None, trapped=True),
        live(recipe, out, killed_at=KILLED_AT),
        live(recipe, out, killed_at=None),
    ]


def main(plan: Path, folder: Path, mode: str = "") -> None:
    recipes = {key: Recipe.model_validate(value) for key, value in json.loads(plan.read_text()).items()}
    torch.set_num_threads(1)
    if mode == "killed":
        print(json.dumps({name: killed(recipe, folder / name) for name, recipe in recipes.items()}))
    else:
        work(recipes, folder)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]), *sys.argv[3:])
