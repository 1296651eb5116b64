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
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from benchmarks.interleaved_timing import asked_for_quick, report
from clipmodel.training.recipe import RECIPES

STEPS, SAVE_EVERY, BATCH = 60, 2, 32
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
    """The bundled model, trained on over a few hundred of its images, watched and saved all the time."""
    values: dict[str, Any] = yaml.safe_load((RECIPES / "tiny.yaml").read_text(encoding="utf-8"))
    values |= {
        "init": "tiny",
        "steps": STEPS,
        "batch_size": BATCH,
        "save_every": SAVE_EVERY,
        "tokenizer": None,
    }
    values["data"]["where"] = {"split": ["validation"]}
    values["optim"] |= {"warmup_steps": 5, "peak_learning_rate": 3e-4}
    values["validation"] = {
        "where": {"split": ["validation"], "vendor": ["twemoji"]},
        "every": "7 steps",
        "zero_shot": {"occupation": ["{a} {}"]},
    }
    values.pop("audit", None)
    return values


@dataclass(frozen=True, kw_only=True)
class Command:
    """`clip-audit train PLAN`, in one process or in several that torchrun starts."""

    plan: Path
    processes: int = 1

    def start(self, out: Path) -> subprocess.Popen[bytes]:
        many = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(self.processes))
        command = [
            sys.executable, *(many if self.processes > 1 else ()),
            "-m", "audit.cli", "train", str(self.plan), "--out", str(out),
        ]  # fmt: skip
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        return subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def run(self, out: Path) -> float:
        """To its end; the seconds it took."""
        began = time.perf_counter()
        if self.start(out).wait():
            raise RuntimeError(f"the run in {out.name} failed or does not resume")
        return time.perf_counter() - began


def kill(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL to a process and all it started: torchrun's would outlive it."""
    for number in [process.pid, *descendants(process.pid)]:
        with suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)
    process.wait()


def descendants(number: int) -> list[int]:
    with suppress(OSError):
        children = Path(f"/proc/{number}/task/{number}/children").read_text().split()
        return [one for child in map(int, children) for one in (child, *descendants(child))]
    return []


def lines(out: Path) -> int:
    """Whole lines of the log after its header."""
    path = out / "log.csv"
    return max(0, path.read_bytes().count(b"\n") - 1) if path.is_file() else 0


def kill_at_step(command: Command, out: Path, *, step: int, wait: float) -> Life:
    started, first = time.perf_counter(), None
    process = command.start(out)
    while process.poll() is None and (lines(out) < step or first is None):
        first = lines(out) if first is None and (out / "training.json").is_file() else first
        time.sleep(POLL_SECONDS)
    time.sleep(wait)
    kill(process)
    return Life(f"step {step}", first or 0, lines(out), time.perf_counter() - started)


def kill_after(command: Command, out: Path, *, seconds: float, but_by: int) -> Life:
    """Kill at a moment of the start, or at a step where the machine is faster than that."""
    started, first = time.perf_counter(), lines(out)
    process = command.start(out)
    while time.perf_counter() - started < seconds and lines(out) <= max(first, but_by):
        time.sleep(POLL_SECONDS)
    kill(process)
    return Life("start", first, lines(out), time.perf_counter() - started)


def digest(out: Path) -> str:
    return hashlib.sha256((out / "model" / "model.safetensors").read_bytes()).hexdigest()


def killed(
    command: Command, whole: Path, out: Path, *, took: float, steps: int, at_steps: int, at_start: int
) -> list[Life]:
    """Kill a run in `out` again and again, then let it end; `whole` was left alone for `took` seconds."""
    rng = random.Random(0)
    step_seconds = (1 / pd.read_csv(whole / "log.csv")["images_per_second"]).median() * BATCH
    moments: list[int | None] = [*sorted(rng.sample(range(1, steps), at_steps)), *[None] * at_start]
    rng.shuffle(moments)
    left = sorted((moment for moment in moments if moment is not None), reverse=True)
    lives = [
        kill_after(command, out, seconds=rng.uniform(0, took / 4), but_by=left[-1] if left else steps - 1)
        if moment is None
        else kill_at_step(command, out, step=left.pop(), wait=rng.uniform(0, 1.5 * step_seconds))
        for moment in moments
    ]
    command.run(out)
    return lives


def ordeal(command: Command, scratch: Path, *, steps: int, quick: bool) -> tuple[list[Life], list[str], bool]:
    """Lives of the run that is killed, what they left beside the other's, and whether that is the same."""
    whole, out = scratch / "whole", scratch / "killed"
    took = command.run(whole)
    at_steps, at_start = (3, 1) if quick else (15, 5)
    lives = killed(command, whole, out, took=took, steps=steps, at_steps=at_steps, at_start=at_start)
    logs = [pd.read_csv(folder / "log.csv", dtype=str)[SAME] for folder in (whole, out)]
    same_weights, same_log = digest(whole) == digest(out), logs[0].equals(logs[1])
    same = [
        f"{file}: {_alike((whole / file).read_bytes() == (out / file).read_bytes())}"
        for file in ("measures.csv", "training.json")
    ]
    notes = [
        f"Final weights: SHA-256 {digest(whole)[:16]} left alone, {digest(out)[:16]} killed "
        f"{len(lives)} times: {_alike(same_weights)}.",
        f"log.csv ({', '.join(SAME)}): {_alike(same_log)}; {'; '.join(same)}.",
        f"Left alone {took:.0f} s.",
    ]
    return lives, notes, same_weights and same_log and "DIFFERENT" not in " ".join(same)


def report_lives(name: str | None, title: str, lives: list[Life], notes: list[str], *, same: bool) -> None:
    """Print and write the lives; end with code 1 where anything differs."""
    report(
        name,
        title,
        header=("kill", "moment", "lines of the log before", "after", "seconds lived"),
        lines=[
            (str(i), life.moment, str(life.first), str(life.last), f"{life.seconds:.1f}")
            for i, life in enumerate(lives, start=1)
        ],
        notes=notes,
    )
    if not same:
        raise SystemExit(1)


def main() -> None:
    quick = asked_for_quick(__doc__)
    with tempfile.TemporaryDirectory() as scratch:
        plan = Path(scratch) / "recipe.yaml"
        plan.write_text(yaml.safe_dump(recipe()), encoding="utf-8")
        lives, notes, same = ordeal(Command(plan=plan), Path(scratch), steps=STEPS, quick=quick)
    notes.append(
        f"{STEPS} steps of {BATCH} pairs, a checkpoint every {SAVE_EVERY}, a look at the validation set "
        "every 7."
    )
    name = None if quick else "kill_resume"
    report_lives(name, "A run killed at random moments", lives, notes, same=same)


def _alike(same: bool) -> str:
    return "identical" if same else "DIFFERENT"


if __name__ == "__main__":
    main()
