"""A table of random images and a recipe small enough to train in a test."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from clipmodel.training.recipe import Recipe

RECIPE = {
    "recipe": "test",
    "description": "random images",
    "launch": "in tests",
    "expect": "nothing",
    "steps": 12,
    "batch_size": 8,
    "save_every": 3,
    "model": {
        "embed_dim": 16,
        "vision": {
            "kind": "vit",
            "image_size": 32,
            "patch_size": 16,
            "stem_channels": [4],
            "width": 16,
            "layers": 1,
            "heads": 2,
        },
        "text": {"context_length": 12, "vocab_size": 300, "width": 16, "layers": 1, "heads": 2},
        "activation": "gelu",
    },
    "tokenizer": {"vocab_size": 300, "passes": 2},
    "data": {
        "source": "images",
        "where": {"split": ["train"]},
        "augment": {"scale": [0.8, 1.1], "shift": 0.1, "rotate_degrees": 10, "flip": True},
        "captions": {
            "templates": [
                {"text": "{a} {colour} {shape} with several words"},
                {"text": "the {noun}", "when": {"shape": "disc"}},
            ],
            "derive": {"noun": [{"value": "sun", "when": {"colour": "orange", "shape": "disc"}}]},
            "only_where": {"colour": "colour_visible"},
        },
    },
    "optim": {"peak_learning_rate": 1e-3, "warmup_steps": 2},
}


@pytest.fixture()
def recipe() -> Recipe:
    return Recipe.model_validate(RECIPE)


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 rows, of which the last four are not for training."""
    rng = np.random.default_rng(0)
    rows = []
    for i in range(40):
        buffer = io.BytesIO()
        Image.fromarray(rng.integers(0, 255, (32, 32, 3), dtype=np.uint8)).save(buffer, "PNG")
        rows.append(
            {
                "image": buffer.getvalue(),
                "colour": ["orange", "blue", "green"][i % 3],
                "colour_visible": i != 5,
                "shape": ["disc", "square"][i % 2],
                "split": "train" if i < 36 else "test",
            }
        )
    rows[5]["shape"], rows[5]["colour"] = "disc", "orange"
    frame = pd.DataFrame(rows)
    frame.loc[5, "colour_visible"] = True
    path = tmp_path_factory.mktemp("images") / "images.parquet"
    frame.to_parquet(path)
    return path
