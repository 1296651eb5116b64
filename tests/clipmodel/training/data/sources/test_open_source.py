from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from clipmodel.errors import UserError
from clipmodel.training.data.streamed import StreamData, stream_pairs
from clipmodel.training.distributed import World
from clipmodel.training.recipe import Recipe
from tests.clipmodel.training.conftest import RECIPE
from tests.clipmodel.training.support.made_shards import jpeg, numbered, write_tar

ALONE = World(rank=0, size=1, device=torch.device("cpu"))


MODEL: dict[str, Any] = RECIPE["model"]  # type: ignore[assignment]


STREAMED = {
    **RECIPE,
    "tokenizer": "clip",
    "model": {**MODEL, "text": {**MODEL["text"], "vocab_size": 49408}},
}


def streamed_recipe(
    source: str | list[str], *, loading: dict[str, object] | None = None, **data: object
) -> Recipe:
    options = {"workers": 0, "shuffle": 8, **(loading or {})}
    return Recipe.model_validate({**STREAMED, "data": {"source": source, "loading": options, **data}})


def _data(recipe: Recipe, seed: int = 0) -> StreamData:
    batches = stream_pairs(recipe, seed=seed, world=ALONE).batches
    assert isinstance(batches, StreamData)
    return batches


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Three shards of 12, 9 and 16 images."""
    folder = tmp_path_factory.mktemp("shards")
    for number, (first, last) in enumerate([(0, 12), (12, 21), (21, 37)]):
        write_tar(folder / f"{number}.tar", numbered(range(first, last)))
    return f"{folder}/{{0..2}}.tar"


def _damaged_table(folder: Path, bad: int, good: int) -> str:
    rows = ["image,caption"]
    for n in range(bad + good):
        (folder / f"{n}.jpg").write_bytes(b"no image" if n < bad else jpeg(n))
        rows.append(f"{n}.jpg,number {n}")
    (folder / "table.csv").write_text("\n".join(rows) + "\n")
    return str(folder / "table.csv")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"caption": "captoin"}, "none of the first 20 samples can be used: no caption: .*it has jpg, txt"),
        ({"image": "png"}, "none of the first 20 samples can be used: no image"),
    ],
)
def test_kinds_of_members_that_are_not_there(shards: str, data: dict[str, str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        _data(streamed_recipe(shards, **data))


def test_data_that_cannot_be_opened(tmp_path: Path) -> None:
    (tmp_path / "a.xyz").touch()
    (tmp_path / "empty.tar").touch()
    for source, message in [
        (f"{tmp_path}/a.xyz", r"a\.xyz: a kind of data not known by its name"),
        (f"{tmp_path}/b.tar", r"no training data at .*b\.tar"),
        (
            f"{tmp_path}/empty.tar",
            r"none of the first 1 samples can be used: empty shard: .*\(check data.source\)",
        ),
        (_damaged_table(tmp_path, bad=0, good=3), "batch_size 8 is larger than the 3 images"),
    ]:
        with pytest.raises(UserError, match=message):
            _data(streamed_recipe(source))
