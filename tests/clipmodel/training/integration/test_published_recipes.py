"""The recipes of the nine published models: sizes, hyperparameters, and the arithmetic they state."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torch.utils.flop_counter import FlopCounterMode

from clipmodel.architecture.clip import CLIP
from clipmodel.config import NAMED_CONFIGS
from clipmodel.errors import UserError
from clipmodel.training.recipe import RECIPES, Recipe, load_recipe

# Model, parameters, peak learning rate (Radford et al. 2021, tables 19 and 20).
PUBLISHED = {
    "rn50": ("RN50", 102_007_137, 5e-4),
    "rn101": ("RN101", 119_688_033, 5e-4),
    "rn50x4": ("RN50x4", 178_300_601, 5e-4),
    "rn50x16": ("RN50x16", 290_979_217, 4e-4),
    "rn50x64": ("RN50x64", 623_258_305, 3.6e-4),
    "vit-b-32": ("ViT-B/32", 151_277_313, 5e-4),
    "vit-b-16": ("ViT-B/16", 149_620_737, 5e-4),
    "vit-l-14": ("ViT-L/14", 427_616_513, 4e-4),
    "vit-l-14-336": ("ViT-L/14@336", 427_944_193, 2e-5),
}
ESTIMATE = re.compile(
    r"([\d.]+) GFLOP x 4 x (.*?) pairs = ([\d.e]+) FLOP; (\w+) A100 of 312 TFLOP/s at an assumed (\d+)% use: "
    r"([\d.]+) (days|hours|minutes)\. An estimate, not a measurement\."
)
SECONDS = {"days": 86400, "hours": 3600, "minutes": 60}


def _meta_clip(recipe: Recipe) -> CLIP:
    with torch.device("meta"):
        return CLIP(recipe.model_configuration)


@pytest.mark.parametrize("name", PUBLISHED)
def test_sizes_and_hyperparameters_are_the_published_ones(name: str) -> None:
    recipe, (model, parameters, rate) = load_recipe(name), PUBLISHED[name]
    assert recipe.model_configuration == NAMED_CONFIGS[model]
    assert sum(p.numel() for p in _meta_clip(recipe).parameters()) == parameters
    optim = recipe.optim
    assert (optim.peak_learning_rate, optim.warmup_steps, optim.weight_decay) == (rate, 2000, 0.2)
    expected = ((0.9, 0.98), 1e-6) if name.startswith("vit") else ((0.9, 0.999), 1e-8)
    assert (optim.betas, optim.eps) == expected
    # 32 epochs of 400 million pairs in batches of 32,768; one for the model at 336 px.
    assert recipe.batch_size == 32_768
    assert recipe.steps == (12_207 if name == "vit-l-14-336" else 390_625)
    assert (recipe.init is not None) == (name == "vit-l-14-336")


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_batch_divides_as_the_recipe_says(name: str) -> None:
    recipe = load_recipe(name)
    text = (RECIPES / f"{name}.yaml").read_text()
    (gpus, each, parts), (eight, again, more) = (
        tuple(map(int, found))
        for found in (
            re.search(r"(\d+) GPUs x (\d+) pairs x accumulate (\d+)", text).groups(),  # type: ignore[union-attr]
            re.search(r"\b(8) x (\d+) x (\d+) = 32,768", text).groups(),  # type: ignore[union-attr]
        )
    )
    nodes = int(re.search(r"--nnodes (\d+) --nproc-per-node 8", recipe.launch)[1])  # type: ignore[index]
    assert gpus == 8 * nodes
    assert gpus * each * parts == eight * again * more == recipe.batch_size
    assert parts == recipe.accumulate
    substreams = recipe.data.loading.substreams
    assert substreams is not None and recipe.batch_size % substreams == 0
    assert substreams % gpus == substreams % 8 == 0 and substreams // gpus >= 2


@pytest.mark.parametrize("name", [*PUBLISHED, "small"])
def test_the_time_expected_follows_from_the_operations(name: str) -> None:
    recipe = load_recipe(name)
    found = ESTIMATE.search(" ".join(recipe.expect.split()))
    assert found
    gflop, _, total, gpus, use, time, unit = found.groups()
    assert float(gflop) == pytest.approx(_forward_gflop(recipe), rel=2e-3)
    assert recipe.epochs is not None and recipe.data.samples is not None
    operations = 4 * float(gflop) * 1e9 * recipe.epochs * recipe.data.samples
    assert float(total) == pytest.approx(operations, rel=0.05)
    seconds = operations / ((1 if gpus == "one" else int(gpus)) * 312e12 * int(use) / 100)
    assert float(time) == pytest.approx(seconds / SECONDS[unit], rel=0.1)


def _forward_gflop(recipe: Recipe) -> float:
    clip, side = _meta_clip(recipe), recipe.model_configuration.vision.image_size
    pixels = torch.empty(1, 3, side, side, device="meta")
    tokens = torch.zeros(1, 77, dtype=torch.long, device="meta")
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        clip.encode_image(pixels)
        clip.encode_text(tokens)
    return counter.get_total_flops() / 1e9


def _changed(tmp_path: Path, change: dict[str, Any], name: str = "vit-b-32") -> Recipe:
    values = yaml.safe_load((RECIPES / f"{name}.yaml").read_text())
    path = tmp_path / "own.yaml"
    path.write_text(yaml.safe_dump({**values, **change}))
    return load_recipe(str(path))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": "ViT-B32"}, "model 'ViT-B32' is none of RN50, "),
        ({"steps": 100}, "give steps or epochs: 32 epochs are 390625 steps"),
        ({"data": {"source": "a.tar"}}, "`epochs` needs data.samples"),
        ({"epochs": "many"}, "must be numbers above zero"),
        ({"tokenizer": {"vocab_size": 49408}}, "streamed data need `tokenizer: clip`"),
        ({"accumulate": 3}, "batch_size 32768 does not divide by accumulate 3"),
        ({"data": {"source": "a.tar", "samples": 9, "where": {"a": ["b"]}}}, "need `captions`"),
        ({"data": {"source": "a.tar", "samples": 9, "seperator": ","}}, "unknown key"),
    ],
)
def test_streamed_recipes_that_cannot_be(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        _changed(tmp_path, change)


def test_streaming_keys_need_a_stream(tmp_path: Path) -> None:
    data = yaml.safe_load((RECIPES / "tiny.yaml").read_text())["data"]
    with pytest.raises(UserError, match="`image_root` is for streamed data, without `captions`"):
        _changed(tmp_path, {"data": {**data, "image_root": "images"}}, name="tiny")


def test_how_data_are_loaded_does_not_make_another_run(tmp_path: Path) -> None:
    recipe = load_recipe("vit-b-32")
    data = recipe.model_dump()["data"]
    loading = {**data["loading"], "workers": 1, "substreams": 512, "prefetch": 1, "max_skipped": 3}
    assert _changed(tmp_path, {"data": {**data, "loading": loading}}).sha256 == recipe.sha256
    for change in ({"shuffle": 8}, {"workers": 1, "shuffle": 8}):
        other = _changed(tmp_path, {"data": {**data, "loading": {**data["loading"], **change}}})
        assert other.sha256 != recipe.sha256
    plain = _changed(tmp_path, {"data": {**data, "loading": {}}})
    assert plain.sha256 == _changed(tmp_path, {"data": {**data, "loading": {"workers": 9}}}).sha256
    assert math.isclose(recipe.steps, plain.steps)
