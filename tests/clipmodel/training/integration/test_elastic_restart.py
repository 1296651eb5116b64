"""A worker of torchrun dies: all start again, resume, and end with the weights of an undisturbed run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from clipmodel.loading import load_model
from clipmodel.training.recipe import Recipe
from tests.clipmodel.training.support.elastic_run import KILLED_AT

ROOT = Path(__file__).parents[4]
SAVE_EVERY, STEPS = 3, 9


@pytest.mark.slow
def test_a_killed_worker_costs_the_steps_since_the_last_checkpoint(
    recipe: Recipe, images: Path, tmp_path: Path
) -> None:
    short = recipe.model_copy(update={"steps": STEPS, "save_every": SAVE_EVERY})
    (tmp_path / "recipe.json").write_text(short.model_dump_json())
    command = [
        sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2",
        "--max-restarts", "1", "--monitor-interval", "0.2",
        "-m", "tests.clipmodel.training.support.elastic_run",
        str(tmp_path / "recipe.json"), str(images), str(tmp_path),
    ]  # fmt: skip
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    told = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=500
    )
    assert told.returncode == 0, told.stderr
    first, second = (
        [int(step) for step in (tmp_path / f"steps of life {life}").read_text().split()] for life in (0, 1)
    )
    # Steps 1 to 5, a death, and from the checkpoint of step 3 on again.
    assert first == list(range(1, KILLED_AT + 1))
    assert second == list(range(SAVE_EVERY + 1, STEPS + 1))
    killed, whole = (load_model(tmp_path / name / "model").fingerprint for name in ("killed", "whole"))
    assert killed == whole
