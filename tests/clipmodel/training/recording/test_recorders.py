"""Trackers get what the tables get; one that is not installed is named with its extra."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from clipmodel.errors import UserError
from clipmodel.training.loop import train
from clipmodel.training.recipe import Recipe
from tests.clipmodel.training.conftest import RECIPE

VALIDATION = {"where": {"split": ["test"]}, "every": "2 steps", "zero_shot": {"shape": ["{}"]}}


def _recipe(*trackers: str) -> Recipe:
    return Recipe.model_validate({**RECIPE, "log": list(trackers), "validation": VALIDATION})


def test_tensorboard_shows_every_step_once_after_going_on(images: Path, tmp_path: Path) -> None:
    accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator", reason="tensorboard is not installed"
    )
    for stop in (3, 5):
        train(_recipe("tensorboard"), out=tmp_path, steps=stop, resolve=lambda _: [images])
    events = accumulator.EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    losses = events.Scalars("training/loss")
    assert [event.step for event in losses] == [1, 2, 3, 4, 5]
    accuracy = events.Scalars("measures/zero-shot accuracy, shape")
    assert [event.step for event in accuracy] == [2, 3, 4, 5]


class _Library:
    """Stands for wandb: keeps what it is told."""

    def __init__(self) -> None:
        self.inits: list[dict[str, Any]] = []
        self.logged: list[tuple[int, dict[str, float]]] = []
        self.codes: list[int] = []

    def setup(self) -> SimpleNamespace:
        return SimpleNamespace(settings=SimpleNamespace(project=None))

    def init(self, **options: Any) -> SimpleNamespace:
        self.inits.append(options)
        return SimpleNamespace(id=options["id"] or "abc", log=self.log, finish=self.finish)

    def log(self, values: dict[str, float], step: int) -> None:
        self.logged.append((step, values))

    def finish(self, exit_code: int) -> None:
        self.codes.append(exit_code)


def test_weights_and_biases_continues_the_run_of_the_folder(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = _Library()
    monkeypatch.setitem(sys.modules, "wandb", library)  # type: ignore[arg-type]
    for stop in (3, 4):
        train(_recipe("wandb"), out=tmp_path, steps=stop, resolve=lambda _: [images])
    assert [options["id"] for options in library.inits] == [None, "abc"]
    assert library.inits[0]["config"]["batch_size"] == 8
    assert library.inits[0]["project"] == "clip-audit"
    assert [step for step, values in library.logged if "training/loss" in values] == [1, 2, 3, 4]
    assert [step for step, values in library.logged if "measures/recall@1, image to text" in values] == [
        2,
        3,
        4,
    ]
    assert library.codes == [0, 0]


def test_a_run_that_fails_is_reported_as_failed(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = _Library()
    monkeypatch.setitem(sys.modules, "wandb", library)  # type: ignore[arg-type]

    def stop(_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(_recipe("wandb"), out=tmp_path, hooks=[stop], resolve=lambda _: [images])
    assert library.codes == [1]


@pytest.mark.parametrize("tracker", ["wandb", "tensorboard"])
def test_a_tracker_that_is_not_installed_is_named(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tracker: str
) -> None:
    monkeypatch.setitem(sys.modules, tracker, None)
    with pytest.raises(UserError, match=f"names {tracker}, which is not installed") as caught:
        train(_recipe(tracker), out=tmp_path, resolve=lambda _: [images])
    assert f"clip-audit[{tracker}]" in str(caught.value.remedy)
