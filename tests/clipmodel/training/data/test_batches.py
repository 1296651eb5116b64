from __future__ import annotations

from typing import Any

import pytest
import torch

from clipmodel.training.data.streamed import StreamData, stream_pairs
from clipmodel.training.distributed import World
from clipmodel.training.recipe import Recipe
from tests.clipmodel.training.conftest import RECIPE
from tests.clipmodel.training.support.made_shards import numbered, write_tar

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


def test_the_parts_of_processes_make_up_the_batch(shards: str) -> None:
    recipe = streamed_recipe(shards, loading={"substreams": 4})
    whole, parts = _data(recipe), [_data(recipe) for _ in range(2)]
    for step in range(3):
        batch = whole.batch(step)
        halves = [part.batch(step, slice(4 * i, 4 * i + 4)) for i, part in enumerate(parts)]
        assert batch.keys == halves[0].keys + halves[1].keys
        assert torch.equal(batch.pixels, torch.cat([half.pixels for half in halves]))
    # Where both stand is where the whole stands.
    merged = parts[0].state_dict(3)["positions"] | parts[1].state_dict(3)["positions"]
    assert merged == whole.state_dict(3)["positions"]
