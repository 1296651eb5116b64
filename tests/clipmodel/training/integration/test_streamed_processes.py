"""Streaming in two real processes that torchrun starts: what they see, what they learn, and kill -9."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from clipmodel.loading import load_model
from clipmodel.training.callbacks import StepReport
from clipmodel.training.data.streamed import stream_pairs
from clipmodel.training.loop import train
from clipmodel.training.recipe import Recipe
from tests.clipmodel.training.support.made_shards import jpeg, numbered, write_tar
from tests.clipmodel.training.support.streamed_data import ALONE, MODEL, streamed_recipe
from tests.clipmodel.training.support.streamed_processes import KILLED_AT, Evaluations

ROOT = Path(__file__).parents[4]
MODULE = "tests.clipmodel.training.support.streamed_processes"
TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
STEPS, SUBSTREAMS = 12, 4
DAMAGED = "image damaged or of no known format"
pytestmark = pytest.mark.slow


def _recipe(source: str, **loading: object) -> Recipe:
    """Without batch norm, whose statistics would be those of a process."""
    values = streamed_recipe(
        source, loading={"substreams": SUBSTREAMS, "max_skipped": 50, **loading}
    ).model_dump()
    model = {**MODEL, "text": values["model"]["text"], "vision": {**MODEL["vision"], "stem_channels": []}}
    return Recipe.model_validate({**values, "model": model, "steps": STEPS, "save_every": 3})


def _parquet(path: Path, numbers: range) -> None:
    images = [b"no image" if n == 20 else jpeg(n) for n in numbers]
    captions = [f"image number {n}" for n in numbers]
    pq.write_table(pa.table({"image": images, "caption": captions}), path)


@pytest.fixture(scope="module")
def recipes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Recipe]:
    """Four tar shards of eight, so that a pass is four steps; parquet shards of 13, 7 and 12, one bad."""
    folder = tmp_path_factory.mktemp("shards")
    for n in range(4):
        write_tar(folder / f"{n}.tar", numbered(range(8 * n, 8 * n + 8)))
    for n, numbers in enumerate((range(13), range(13, 20), range(20, 32))):
        _parquet(folder / f"{n}.parquet", numbers)
    return {
        "tar": _recipe(f"{folder}/{{0..3}}.tar", workers=1),
        "parquet": _recipe(f"{folder}/{{0..2}}.parquet"),
    }


@pytest.fixture(scope="module")
def plan(recipes: dict[str, Recipe], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("plan") / "plan.json"
    path.write_text(json.dumps({name: recipe.model_dump(mode="json") for name, recipe in recipes.items()}))
    return path


def _run(*arguments: object) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, *map(str, arguments)]
    told = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=200)
    assert told.returncode == 0, told.stderr
    return told.stdout


@pytest.fixture(scope="module")
def both(plan: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of what two processes trained: one start for all tests, because that takes the time."""
    folder = tmp_path_factory.mktemp("both")
    _run(*TORCHRUN, "-m", MODULE, plan, folder)
    return folder


def _keys(folder: Path, name: str) -> list[list[str]]:
    """Of each step's batch, the first process's before the second's."""
    first, second = (json.loads((folder / f"{name}-{rank}.json").read_text())[0] for rank in range(2))
    assert {len(keys) for keys in first + second} == {4}
    return [a + b for a, b in zip(first, second, strict=True)]


def test_each_pass_sees_every_image_once(both: Path) -> None:
    steps = _keys(both, "tar")
    passes = [[key for keys in steps[n : n + 4] for key in keys] for n in range(0, STEPS, 4)]
    assert len(passes) == 3
    assert all(len(set(keys)) == 32 for keys in passes)  # of 32: none twice, none left out
    assert len({tuple(keys) for keys in passes}) == 3  # in another order each time


@pytest.mark.parametrize("name", ["tar", "parquet"])
def test_together_they_see_what_one_process_sees(both: Path, recipes: dict[str, Recipe], name: str) -> None:
    data = stream_pairs(recipes[name], seed=0, world=ALONE).batches
    assert _keys(both, name) == [list(data.batch(step).keys) for step in range(STEPS)]


def test_uneven_shards_are_seen_evenly_and_the_bad_image_never(both: Path) -> None:
    seen = Counter(key for keys in _keys(both, "parquet") for key in keys)
    assert len(seen) == 31
    assert not any(key.endswith("2.parquet row 0") for key in seen)
    assert set(seen.values()) <= {2, 3, 4}  # 96 draws of 31; a substream may be a pass ahead of another


@pytest.mark.parametrize("name", ["tar", "parquet"])
def test_they_learn_what_one_process_learns(
    both: Path, recipes: dict[str, Recipe], name: str, tmp_path: Path
) -> None:
    reports: list[StepReport] = []
    evaluations = Evaluations()
    alone = train(recipes[name], out=tmp_path, hooks=[reports.append], evaluators=[evaluations])
    log = pd.read_csv(both / name / "log.csv")
    assert log["loss"].tolist() == pytest.approx([report.loss for report in reports], abs=1e-5)
    # Each process knows only its own passes, but an epoch must end in both at once: both wait.
    assert log["epoch"].tolist() == pytest.approx([report.epoch for report in reports])
    assert json.loads((both / f"{name}-0.json").read_text())[1] == evaluations.steps
    assert len(evaluations.steps) >= 2
    weights = load_model(both / name / "model").clip.state_dict()
    for parameter, value in alone.clip.state_dict().items():
        # Adam's first steps divide tiny gradients by themselves, and so their rounding errors too.
        assert (value - weights[parameter]).abs().max() < 1e-3, parameter


def test_what_both_skipped_is_added_up(both: Path, recipes: dict[str, Recipe], tmp_path: Path) -> None:
    train(recipes["parquet"], out=tmp_path)
    accounts = [json.loads((folder / "training.json").read_text()) for folder in (both / "parquet", tmp_path)]
    assert accounts[0]["skipped"] == accounts[1]["skipped"]
    skipped: dict[str, Any] = accounts[0]["skipped"]
    assert skipped["read"] == 8 * STEPS
    assert 2 <= skipped["samples"].pop(DAMAGED) <= 4  # once a pass
    assert not skipped["samples"] and not skipped["shards"] and not skipped["rows"]


def test_killed_again_and_again_it_ends_with_the_same_weights(
    both: Path, plan: Path, recipes: dict[str, Recipe], tmp_path: Path
) -> None:
    lives = json.loads(_run("-m", MODULE, plan, tmp_path, "killed"))
    for name in recipes:
        first, second, last = lives[name]
        assert first == 3, "it died while it wrote the checkpoint of step 3"
        assert KILLED_AT <= second < STEPS == last
        weights, accounts = (
            [(folder / name / file).read_bytes() for folder in (both, tmp_path)]
            for file in ("model/model.safetensors", "training.json")
        )
        assert weights[0] == weights[1]
        assert accounts[0] == accounts[1]
