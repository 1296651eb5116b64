"""Two processes with gloo against one with the whole batch: gradients, runs, checkpoints."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
import torch.multiprocessing as mp
from torch import Tensor

from clipmodel.errors import UserError
from clipmodel.loading import LoadedModel, load_model
from clipmodel.training.callbacks import StepReport
from clipmodel.training.distributed import World
from clipmodel.training.evaluators.zero_shot_and_retrieval import Validation
from clipmodel.training.loop import train
from clipmodel.training.recipe import Recipe
from tests.clipmodel.training.conftest import RECIPE
from tests.clipmodel.training.support.two_processes import CASES, RUNS, TRAPS, Case, work

REPORT = StepReport(
    step=4, steps=4, epoch=1.0, pairs=8, loss=1.0, learning_rate=0.1, logit_scale=14.0, seconds=1.0,
    data_seconds=0.1,
)  # fmt: skip
ALONE = World(rank=0, size=1, device=torch.device("cpu"))
Gradients = dict[str, Tensor]


@pytest.fixture(scope="module")
def plain_recipe() -> Recipe:
    """Without batch norm, whose statistics would be those of a process; looked at every second step."""
    model: dict[str, Any] = RECIPE["model"]  # type: ignore[assignment]
    return Recipe.model_validate(
        {
            **RECIPE,
            "model": {**model, "vision": {**model["vision"], "stem_channels": []}},
            "validation": {"every": "2 steps", "zero_shot": {"shape": ["{a} {}"]}},
        }
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, plain_recipe: Recipe, images: Path) -> Path:
    """What two processes wrote: one start for all tests, because starting takes most of the time."""
    folder = tmp_path_factory.mktemp("two")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    # Two steps of one process, which the two go on from, sharded.
    train(plain_recipe, out=folder / "begun alone", steps=2, resolve=lambda _: [images])
    mp.spawn(work, (folder, port, plain_recipe, images), nprocs=2)
    return folder


@pytest.fixture(scope="module")
def found(folder: Path) -> dict[str, Any]:
    return torch.load(folder / "found.pt")


@pytest.fixture(scope="module")
def expected() -> dict[bool, Gradients]:
    """One process, the whole matrix of logits; by whether the loss is the sigmoid."""
    return {sigmoid: Case(sigmoid=sigmoid).gradients(ALONE) for sigmoid in (False, True)}


@pytest.fixture(scope="module")
def alone(
    tmp_path_factory: pytest.TempPathFactory, plain_recipe: Recipe, images: Path
) -> tuple[LoadedModel, list[float]]:
    """Four steps of the recipe in one process: the model and the losses."""
    losses: list[float] = []
    model = train(
        plain_recipe,
        out=tmp_path_factory.mktemp("one"),
        steps=4,
        hooks=[lambda report: losses.append(report.loss)],
        resolve=lambda _: [images],
    )
    return model, losses


def _tower(gradients: Gradients, prefix: str) -> Tensor:
    return torch.cat([value.flatten() for name, value in gradients.items() if name.startswith(prefix)])


def _relative_error(found: Gradients, expected: Gradients, prefix: str) -> float:
    a, b = _tower(found, prefix), _tower(expected, prefix)
    return float((a - b).norm() / b.norm())


@pytest.mark.parametrize("name", CASES)
def test_gradients_are_the_whole_batch_s(
    name: str, found: dict[str, Any], expected: dict[bool, Gradients]
) -> None:
    ours, theirs = found["found"][name], expected[CASES[name].sigmoid]
    assert float(ours["loss"]) == pytest.approx(float(theirs["loss"]), rel=1e-6)
    for part in ("visual.", "text.", "log_scale", *(["logit_bias"] if CASES[name].sigmoid else [])):
        assert _relative_error(ours, theirs, part) < 1e-6, part
    for parameter, gradient in theirs.items():
        assert (ours[parameter] - gradient).abs().max() <= 1e-5 * gradient.abs().max(), parameter


@pytest.mark.parametrize("name", TRAPS)
def test_gathering_without_gradients_would_be_noticed(
    name: str, found: dict[str, Any], expected: dict[bool, Gradients]
) -> None:
    ours, theirs = found["trapped"][name], expected[False]
    assert float(ours["loss"]) == pytest.approx(float(theirs["loss"]), rel=1e-6)
    assert _relative_error(ours, theirs, "log_scale") < 1e-6  # so neither of these two would tell
    assert _relative_error(ours, theirs, "text.") > 0.1


@pytest.mark.parametrize("name", RUNS)
def test_two_processes_train_the_same_model(
    name: str, folder: Path, found: dict[str, Any], alone: tuple[LoadedModel, list[float]]
) -> None:
    model, losses = alone
    assert [step for step, _ in found["steps"][name]] == [1, 2, 3, 4]
    assert [loss for _, loss in found["steps"][name]] == pytest.approx(losses, abs=1e-5)
    written = load_model(folder / name / "model")
    assert written.clip.log_scale.shape == ()
    weights = model.clip.state_dict()
    for parameter, value in written.clip.state_dict().items():
        # Adam's first steps divide tiny gradients by themselves, and so their rounding errors too.
        assert (value - weights[parameter]).abs().max() < 1e-3, parameter
    assert len((folder / name / "log.csv").read_text().splitlines()) == 5


@pytest.mark.parametrize("name", RUNS)
def test_the_first_of_two_processes_looks_at_the_whole_model(
    name: str, folder: Path, plain_recipe: Recipe, images: Path
) -> None:
    found = pd.read_csv(folder / name / "measures.csv")
    assert list(found["step"].unique()) == [2, 4]
    # The last evaluation is of the model that was written: here it is repeated in one process.
    validation = Validation(plain_recipe, lambda _: [images])
    validation.begin(0)
    expected = validation.evaluate(REPORT, load_model(folder / name / "model"))
    last = found[found["step"] == 4]
    assert last["measure"].tolist() == [measure.name for measure in expected]
    assert last["value"].tolist() == pytest.approx([measure.value for measure in expected])


def test_values_of_all_processes_are_gathered_in_order(found: dict[str, Any]) -> None:
    assert found["gathered"] == [("rank 0",), ("rank 1",)]


@pytest.mark.parametrize("name", RUNS)
def test_one_process_goes_on_where_two_stopped(
    name: str, folder: Path, plain_recipe: Recipe, images: Path, tmp_path: Path
) -> None:
    out = tmp_path / name
    shutil.copytree(folder / name, out)
    stopped = load_model(folder / name / "model")
    recipe = plain_recipe.model_copy(update=RUNS[name])
    same = train(recipe, out=out, steps=4, resolve=lambda _: [images])
    assert same.fingerprint == stopped.fingerprint
    steps: list[int] = []
    hooks = [lambda report: steps.append(report.step)]
    train(recipe, out=out, steps=6, hooks=hooks, resolve=lambda _: [images])
    assert steps == [5, 6]
    assert [path.name for path in out.glob("shards-*")] == []


def test_adam_s_moments_survive_the_change_to_one_process(
    folder: Path, plain_recipe: Recipe, images: Path, tmp_path: Path
) -> None:
    losses = {}
    for name in RUNS:
        shutil.copytree(folder / name, tmp_path / name)
        told: list[float] = []
        hooks = [lambda report, told=told: told.append(report.loss)]
        train(plain_recipe, out=tmp_path / name, steps=8, hooks=hooks, resolve=lambda _: [images])
        losses[name] = told
    assert losses["fsdp"] == losses["ddp"]


def test_a_run_goes_from_one_process_to_shards_and_back(
    folder: Path,
    found: dict[str, Any],
    alone: tuple[LoadedModel, list[float]],
    plain_recipe: Recipe,
    images: Path,
    tmp_path: Path,
) -> None:
    model, losses = alone
    assert [step for step, _ in found["steps"]["begun alone"]] == [3, 4]
    # The moments went along: without them the losses of the next steps would be others.
    assert [loss for _, loss in found["steps"]["begun alone"]] == pytest.approx(losses[2:], abs=1e-5)
    weights = model.clip.state_dict()
    for parameter, value in load_model(folder / "begun alone" / "model").clip.state_dict().items():
        assert (value - weights[parameter]).abs().max() < 1e-3, parameter
    shutil.copytree(folder / "begun alone", tmp_path / "back")
    back = train(plain_recipe, out=tmp_path / "back", steps=4, resolve=lambda _: [images])
    assert back.fingerprint == load_model(folder / "begun alone" / "model").fingerprint


def test_a_sharded_checkpoint_is_in_parts_and_only_the_last_is_kept(folder: Path) -> None:
    assert [path.name for path in folder.glob("fsdp/shards-*")] == ["shards-4"]
    assert len(list(folder.glob("fsdp/shards-4/*.distcp"))) == 2


def test_a_sharded_checkpoint_without_its_shards_is_named(
    folder: Path, plain_recipe: Recipe, images: Path, tmp_path: Path
) -> None:
    shutil.copy(folder / "fsdp" / "checkpoint.pt", tmp_path)
    with pytest.raises(UserError, match=r"shards-4: the weights that checkpoint\.pt names"):
        train(plain_recipe, out=tmp_path, resolve=lambda _: [images])


def test_a_batch_that_does_not_divide_is_refused(
    found: dict[str, Any], plain_recipe: Recipe, images: Path, tmp_path: Path
) -> None:
    assert found["refused"] == "batch_size 7 does not divide by 2 processes"
    odd = plain_recipe.model_copy(update={"accumulate": 3})
    with pytest.raises(UserError, match="8 pairs do not divide by accumulate 3"):
        train(odd, out=tmp_path, resolve=lambda _: [images])
