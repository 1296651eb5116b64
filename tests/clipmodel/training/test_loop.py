"""A run interrupted and continued equals one that was left alone; what goes wrong is said clearly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from clipmodel.errors import UserError
from clipmodel.loading import LoadedModel, load_model
from clipmodel.training.callbacks import StepReport
from clipmodel.training.loop import train
from clipmodel.training.recipe import AugmentRecipe, Recipe


def _train(recipe: Recipe, images: Path, out: Path, **kwargs: object) -> LoadedModel:
    return train(recipe, out=out, resolve=lambda _: [images], **kwargs)  # type: ignore[arg-type]


def test_the_model_written_is_the_model_trained(recipe: Recipe, images: Path, tmp_path: Path) -> None:
    reports: list[StepReport] = []
    model = _train(recipe, images, tmp_path, hooks=[reports.append])
    assert load_model(tmp_path / "model").fingerprint == model.fingerprint
    assert [report.step for report in reports] == list(range(1, 13))
    assert reports[-1].epoch == pytest.approx(12 * 8 / 36)
    lines = (tmp_path / "log.csv").read_text().splitlines()
    assert len(lines) == 13
    assert float(lines[-1].split(",")[1]) == pytest.approx(reports[-1].loss)


def test_the_loss_falls_on_images_it_can_memorise(recipe: Recipe, images: Path, tmp_path: Path) -> None:
    faster = recipe.optim.model_copy(update={"peak_learning_rate": 4e-3})
    still = recipe.data.model_copy(update={"augment": AugmentRecipe()})
    longer = recipe.model_copy(update={"steps": 60, "optim": faster, "data": still})
    losses: list[float] = []
    _train(longer, images, tmp_path, hooks=[lambda report: losses.append(report.loss)])
    assert np.mean(losses[-5:]) < np.mean(losses[:5]) - 0.3


def test_stopped_and_continued_equals_uninterrupted(recipe: Recipe, images: Path, tmp_path: Path) -> None:
    whole = _train(recipe, images, tmp_path / "whole")
    _train(recipe, images, tmp_path / "parts", steps=5)
    assert _train(recipe, images, tmp_path / "parts").fingerprint == whole.fingerprint


def test_interrupted_between_checkpoints_goes_on(recipe: Recipe, images: Path, tmp_path: Path) -> None:
    whole = _train(recipe, images, tmp_path / "whole")

    def interrupt(report: StepReport) -> None:
        if report.step == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _train(recipe, images, tmp_path / "parts", hooks=[interrupt])
    steps: list[int] = []
    again = _train(recipe, images, tmp_path / "parts", hooks=[lambda report: steps.append(report.step)])
    assert steps == [8, 9, 10, 11, 12]
    assert again.fingerprint == whole.fingerprint


def test_seeds_matter_and_are_kept_apart(recipe: Recipe, images: Path, tmp_path: Path) -> None:
    first = _train(recipe, images, tmp_path / "a", steps=2)
    other = _train(recipe, images, tmp_path / "b", steps=2, seed=7)
    assert first.fingerprint != other.fingerprint
    with pytest.raises(UserError, match="another recipe or seed"):
        _train(recipe, images, tmp_path / "a", steps=2, seed=7)
