"""Streamed shards of numbered images, and the recipe that reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from clipmodel.training.data.streamed import StreamData, stream_pairs
from clipmodel.training.distributed import World
from clipmodel.training.recipe import Recipe
from tests.clipmodel.training.conftest import RECIPE
from tests.clipmodel.training.support.made_shards import jpeg

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


def stream_data(recipe: Recipe, seed: int = 0) -> StreamData:
    batches = stream_pairs(recipe, seed=seed, world=ALONE).batches
    assert isinstance(batches, StreamData)
    return batches


def damaged_table(folder: Path, bad: int, good: int) -> str:
    rows = ["image,caption"]
    for n in range(bad + good):
        (folder / f"{n}.jpg").write_bytes(b"no image" if n < bad else jpeg(n))
        rows.append(f"{n}.jpg,number {n}")
    (folder / "table.csv").write_text("\n".join(rows) + "\n")
    return str(folder / "table.csv")
