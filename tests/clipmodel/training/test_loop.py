"""A run interrupted and continued equals one that was left alone; what goes wrong is said clearly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from clipmodel.errors import UserError
from clipmodel.loading import LoadedModel, load_model
from clipmodel.training.callbacks import StepReport
from clipmodel.training.data.in_memory import prepare_data
from clipmodel.training.loop import train
from clipmodel.training.recipe import AugmentRecipe, Recipe


def _train(recipe: Recipe, pictures: Path, out: Path, **kwargs: object) -> LoadedModel:
    return train(recipe, out=out, resolve=lambda _: [pictures], **kwargs)  # type: ignore[arg-type]


def test_the_model_written_is_the_model_trained(recipe: Recipe, pictures: Path, tmp_path: Path) -> None:
    reports: list[StepReport] = []
    model = _train(recipe, pictures, tmp_path, hooks=[reports.append])
    assert load_model(tmp_path / "model").fingerprint == model.fingerprint
    assert [report.step for report in reports] == list(range(1, 13))
    assert reports[-1].epoch == pytest.approx(12 * 8 / 36)
    lines = (tmp_path / "log.csv").read_text().splitlines()
    assert len(lines) == 13
    assert float(lines[-1].split(",")[1]) == pytest.approx(reports[-1].loss)


def test_the_loss_falls_on_pictures_it_can_memorise(recipe: Recipe, pictures: Path, tmp_path: Path) -> None:
    faster = recipe.optim.model_copy(update={"peak_learning_rate": 4e-3})
    still = recipe.data.model_copy(update={"augment": AugmentRecipe()})
    longer = recipe.model_copy(update={"steps": 60, "optim": faster, "data": still})
    losses: list[float] = []
    _train(longer, pictures, tmp_path, hooks=[lambda report: losses.append(report.loss)])
    assert np.mean(losses[-5:]) < np.mean(losses[:5]) - 0.3


def test_stopped_and_continued_equals_uninterrupted(recipe: Recipe, pictures: Path, tmp_path: Path) -> None:
    whole = _train(recipe, pictures, tmp_path / "whole")
    _train(recipe, pictures, tmp_path / "parts", steps=5)
    assert _train(recipe, pictures, tmp_path / "parts").fingerprint == whole.fingerprint


def test_interrupted_between_checkpoints_goes_on(recipe: Recipe, pictures: Path, tmp_path: Path) -> None:
    whole = _train(recipe, pictures, tmp_path / "whole")

    def interrupt(report: StepReport) -> None:
        if report.step == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _train(recipe, pictures, tmp_path / "parts", hooks=[interrupt])
    steps: list[int] = []
    again = _train(recipe, pictures, tmp_path / "parts", hooks=[lambda report: steps.append(report.step)])
    assert steps == [8, 9, 10, 11, 12]
    assert again.fingerprint == whole.fingerprint


def test_seeds_matter_and_are_kept_apart(recipe: Recipe, pictures: Path, tmp_path: Path) -> None:
    first = _train(recipe, pictures, tmp_path / "a", steps=2)
    other = _train(recipe, pictures, tmp_path / "b", steps=2, seed=7)
    assert first.fingerprint != other.fingerprint
    with pytest.raises(UserError, match="another recipe or seed"):
        _train(recipe, pictures, tmp_path / "a", steps=2, seed=7)


def test_each_epoch_sees_every_row_once(recipe: Recipe, pictures: Path) -> None:
    data = prepare_data(recipe, [pictures], seed=0).batches
    rows = np.concatenate([data.rows(step) for step in range(9)])  # 72 rows, two epochs of 36
    assert sorted(rows[:36]) == list(range(36))
    assert sorted(rows[36:]) == list(range(36))
    assert list(rows[:36]) != list(rows[36:])


def test_the_shares_of_processes_make_up_the_batch(recipe: Recipe, pictures: Path) -> None:
    data = prepare_data(recipe, [pictures], seed=0).batches
    whole, shares = data.batch(3), [data.batch(3, slice(start, start + 2)) for start in range(0, 8, 2)]
    assert torch.equal(torch.cat([share.pixels for share in shares]), whole.pixels)
    assert torch.equal(torch.cat([share.ignore for share in shares]), whole.ignore)
    assert whole.ignore.any()
    for i, share in enumerate(shares):
        length = share.tokens.shape[1]  # up to the longest caption of the share
        assert torch.equal(share.tokens, whole.tokens[2 * i : 2 * i + 2, :length])


def test_damaged_checkpoint_is_named(recipe: Recipe, pictures: Path, tmp_path: Path) -> None:
    _train(recipe, pictures, tmp_path, steps=2)
    (tmp_path / "checkpoint.pt").write_bytes(b"torn")
    with pytest.raises(UserError, match=r"checkpoint\.pt: unreadable"):
        _train(recipe, pictures, tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch_size": 37}, "larger than the 36 pictures"),
        ({"data": {"where": {"split": ["nowhere"]}}}, "no rows are left"),
        ({"data": {"where": {"spilt": ["train"]}}}, "no column 'spilt'"),
    ],
)
def test_data_that_cannot_be_used(
    recipe: Recipe, pictures: Path, tmp_path: Path, change: dict[str, object], message: str
) -> None:
    if isinstance(part := change.get("data"), dict):
        change = {"data": recipe.data.model_copy(update=part)}
    with pytest.raises(UserError, match=message):
        _train(recipe.model_copy(update=change), pictures, tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no picture", r"pictures\.parquet, row 7: is none of JPEG"),
        (None, "row 7: no picture in column 'image'"),
    ],
)
def test_a_picture_that_cannot_be_decoded_is_named(
    recipe: Recipe, pictures: Path, tmp_path: Path, content: bytes | None, message: str
) -> None:
    frame = pd.read_parquet(pictures)
    frame.loc[7, "image"] = content
    frame.to_parquet(tmp_path / "pictures.parquet")
    with pytest.raises(UserError, match=message):
        prepare_data(recipe, [tmp_path / "pictures.parquet"], seed=0)


def test_no_such_data(recipe: Recipe, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no training data at"):
        _train(recipe, tmp_path / "absent.parquet", tmp_path / "out")
