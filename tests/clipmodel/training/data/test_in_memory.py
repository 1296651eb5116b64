from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from clipmodel.errors import UserError
from clipmodel.loading import LoadedModel
from clipmodel.training.data.in_memory import prepare_data
from clipmodel.training.loop import train
from clipmodel.training.recipe import Recipe


def _train(recipe: Recipe, images: Path, out: Path, **kwargs: object) -> LoadedModel:
    return train(recipe, out=out, resolve=lambda _: [images], **kwargs)  # type: ignore[arg-type]


def test_each_epoch_sees_every_row_once(recipe: Recipe, images: Path) -> None:
    data = prepare_data(recipe, [images], seed=0).batches
    rows = np.concatenate([data.rows(step) for step in range(9)])  # 72 rows, two epochs of 36
    assert sorted(rows[:36]) == list(range(36))
    assert sorted(rows[36:]) == list(range(36))
    assert list(rows[:36]) != list(rows[36:])


def test_the_shares_of_processes_make_up_the_batch(recipe: Recipe, images: Path) -> None:
    data = prepare_data(recipe, [images], seed=0).batches
    whole, shares = data.batch(3), [data.batch(3, slice(start, start + 2)) for start in range(0, 8, 2)]
    assert torch.equal(torch.cat([share.pixels for share in shares]), whole.pixels)
    assert torch.equal(torch.cat([share.ignore for share in shares]), whole.ignore)
    assert whole.ignore.any()
    for i, share in enumerate(shares):
        length = share.tokens.shape[1]  # up to the longest caption of the share
        assert torch.equal(share.tokens, whole.tokens[2 * i : 2 * i + 2, :length])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch_size": 37}, "larger than the 36 images"),
        ({"data": {"where": {"split": ["nowhere"]}}}, "no rows are left"),
        ({"data": {"where": {"spilt": ["train"]}}}, "no column 'spilt'"),
    ],
)
def test_data_that_cannot_be_used(
    recipe: Recipe, images: Path, tmp_path: Path, change: dict[str, object], message: str
) -> None:
    if isinstance(part := change.get("data"), dict):
        change = {"data": recipe.data.model_copy(update=part)}
    with pytest.raises(UserError, match=message):
        _train(recipe.model_copy(update=change), images, tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no image", r"images\.parquet, row 7: is none of JPEG"),
        (None, "row 7: no image in column 'image'"),
    ],
)
def test_an_image_that_cannot_be_decoded_is_named(
    recipe: Recipe, images: Path, tmp_path: Path, content: bytes | None, message: str
) -> None:
    frame = pd.read_parquet(images)
    frame.loc[7, "image"] = content
    frame.to_parquet(tmp_path / "images.parquet")
    with pytest.raises(UserError, match=message):
        prepare_data(recipe, [tmp_path / "images.parquet"], seed=0)


def test_no_such_data(recipe: Recipe, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no training data at"):
        _train(recipe, tmp_path / "absent.parquet", tmp_path / "out")
