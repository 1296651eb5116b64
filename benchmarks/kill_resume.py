"""Kill a training run 20 times at random moments; its weights must be those of a run left alone.

    python -m benchmarks.kill_resume [--quick]

The run is the command line's, in a process of its own that gets SIGKILL: no handler sees it. Fifteen moments
are drawn over the steps, up to one and a half steps after a line of the log, so that they fall into steps,
looks at the validation set, checkpoints and what lies between; five fall into the start of the program.
"""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from benchmarks.races import asked_for_quick, report
from clipmodel.training.recipe import RECIPES

STEPS, SAVE_EVERY = 60, 2
SAME = ["step", "loss", "learning_rate", "logit_scale", "epoch"]  # in the log; the others are times
POLL_SECONDS = 0.01


@dataclass(frozen=True)
class Life:
    """One process of the run that is killed."""

    moment: str
    first: int  # lines of the log when it began
    last: int  # and when it was dead
    seconds: float


def recipe() -> dict[str, Any]:
    """The bundled model, trained on over a few hundred of its pictures, watched and saved all the time."""
    values: dict[str, Any] = yaml.safe_load((RECIPES / "tiny.yaml").read_text(encoding="utf-8"))
    values |= {"init": "tiny", "steps": STEPS, "batch_size": 32, "save_every": SAVE_EVERY, "tokenizer": None}
    values["data"]["where"] = {"split": ["validation"]}
    values["optim"] |= {"warmup_steps": 5, "peak_learning_rate": 3e-4}
    values["validation"] = {
        "where": {"split": ["validation"], "vendor": ["noto"]},
        "every": "7 steps",
        "zero_shot": {"occupation": ["{a} {}"]},
    }
    values.pop("audit", None)
    return values


def start(plan: Path, out: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "audit.cli", "train", str(plan), "--out", str(out)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def lines(out: Path) -> int:
    """Whole lines of the log after its header."""
    path = out / "log.csv"
    return max(0, path.read_bytes().count(b"\n") - 1) if path.is_file() else 0


def kill_at_step(plan: Path, out: Path, *, step: int, wait: float) -> Life:
    started, first = time.perf_counter(), None
    process = start(plan, out)
    while process.poll() is None and (lines(out) < step or first is None):
        first = lines(out) if first is None and (out / "training.json").is_file() else first
        time.sleep(POLL_SECONDS)
    time.sleep(wait)
    process.kill()
    process.wait()
    return Life(f"step {step}", first or 0, lines(out), time.perf_counter() - started)


def kill_after(plan: Path, out: Path, *, seconds: float, but_by: int) -> Life:
    """Kill at a moment of the start, or at a step where the machine is faster than that."""
    started, first = time.perf_counter(), lines(out)
    process = start(plan, out)
    while time.perf_counter() - started < seconds and lines(out) <= max(first, but_by):
        time.sleep(POLL_SECONDS)
    process.kill()
    process.wait()
    return Life("start", first, lines(out), time.perf_counter() - started)


def digest(out: Path) -> str:
    return hashlib.sha256((out / "model" / "model.safetensors").read_bytes()).hexdigest()


def main() -> None:
    quick = asked_for_quick(__doc__)
    at_steps, at_start = (3, 1) if quick else (15, 5)
    rng = random.Random(0)
    with tempfile.TemporaryDirectory() as scratch:
        plan, whole, killed = (Path(scratch) / name for name in ("recipe.yaml", "whole", "killed"))
        plan.write_text(yaml.safe_dump(recipe()), encoding="utf-8")
        began = time.perf_counter()
        if start(plan, whole).wait():
            raise RuntimeError("the run that is left alone failed")
        took = time.perf_counter() - began
        step_seconds = 32 / pd.read_csv(whole / "log.csv")["images_per_second"].median()
        moments: list[int | None] = [*sorted(rng.sample(range(1, STEPS), at_steps)), *[None] * at_start]
        rng.shuffle(moments)
        steps = sorted((moment for moment in moments if moment is not None), reverse=True)
        lives = [
            kill_after(
                plan, killed, seconds=rng.uniform(0, took / 4), but_by=steps[-1] if steps else STEPS - 1
            )
            if moment is None
            else kill_at_step(plan, killed, step=steps.pop(), wait=rng.uniform(0, 1.5 * step_seconds))
            for moment in moments
        ]
        if start(plan, killed).wait():
            raise RuntimeError("the run that was killed does not go on")
        logs = [pd.read_csv(out / "log.csv", dtype=str)[SAME] for out in (whole, killed)]
        measures = [(out / "measures.csv").read_bytes() for out in (whole, killed)]
        same_weights = digest(whole) == digest(killed)
        notes = [
            f"Final weights: SHA-256 {digest(whole)[:16]} left alone, {digest(killed)[:16]} killed "
            f"{len(lives)} times: {'identical' if same_weights else 'DIFFERENT'}.",
            f"log.csv (step, loss, learning rate, logit scale, epoch): {_alike(logs[0].equals(logs[1]))}; "
            f"measures.csv: {_alike(measures[0] == measures[1])}.",
            f"{STEPS} steps of 32 pairs, a checkpoint every {SAVE_EVERY}, a look at the validation set "
            f"every 7; left alone {took:.0f} s.",
        ]
    report(
        None if quick else "kill_resume",
        "A run killed at random moments",
        header=("kill", "moment", "lines of the log before", "after", "seconds lived"),
        lines=[
            (str(i), life.moment, str(life.first), str(life.last), f"{life.seconds:.1f}")
            for i, life in enumerate(lives, start=1)
        ],
        notes=notes,
    )
    if not same_weights:
        raise SystemExit(1)


def _alike(same: bool) -> str:
    return "identical" if same else "DIFFERENT"


if __name__ == "__main__":
    main()
