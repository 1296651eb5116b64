from __future__ import annotations

from pathlib import Path

import pytest

from clipmodel.errors import UserError
from clipmodel.loading import LoadedModel
from clipmodel.training.loop import train
from clipmodel.training.recipe import Recipe


def _train(recipe: Recipe, images: Path, out: Path, **kwargs: object) -> LoadedModel:
    return train(recipe, out=out, resolve=lambda _: [images], **kwargs)  # type: ignore[arg-type]


def test_damaged_checkpoint_is_named(recipe: Recipe, images: Path, tmp_path: Path) -> None:
    _train(recipe, images, tmp_path, steps=2)
    (tmp_path / "checkpoint.pt").write_bytes(b"torn")
    with pytest.raises(UserError, match=r"checkpoint\.pt: unreadable"):
        _train(recipe, images, tmp_path)
