"""A model that is small enough to reason about: a fixed projection of pixels and of words."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch import Tensor

from probes.embeddings.embed import EmbeddingStore


class FakeModel:
    """An image's embedding is its mean colour; a text's is that of the colour it names, or noise."""

    name = "fake"
    embed_dim = 3
    fingerprint = "f" * 64
    preprocess_id = "as it is"
    logit_scale = 20.0

    def __init__(self, *, logit_bias: float | None = None) -> None:
        self.logit_bias = logit_bias
        self.n_images = 0
        self.n_texts = 0

    def preprocess(self, image: Image.Image) -> Tensor:
        return torch.from_numpy(np.asarray(image, np.float32) / 255).permute(2, 0, 1)

    def encode_image(self, pixels: Tensor) -> Tensor:
        self.n_images += len(pixels)
        return torch.nn.functional.normalize(pixels.mean(dim=(2, 3)) + 1e-3, dim=-1)

    def encode_text(self, texts: Sequence[str]) -> Tensor:
        self.n_texts += len(texts)
        return torch.nn.functional.normalize(torch.stack([_colour(text) for text in texts]), dim=-1)


def _colour(text: str) -> Tensor:
    for position, word in enumerate(("red", "green", "blue")):
        if word in text.split():
            return torch.eye(3)[position]
    digest = hashlib.sha256(text.encode()).digest()
    return torch.tensor([byte / 255 for byte in digest[:3]])


@pytest.fixture
def model() -> FakeModel:
    return FakeModel()


@pytest.fixture
def store(tmp_path: Path) -> EmbeddingStore:
    return EmbeddingStore(tmp_path / "cache")


def png(colour: tuple[int, int, int]) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (4, 4), colour).save(buffer, format="PNG")
    return buffer.getvalue()


@pytest.fixture
def write_table(tmp_path: Path) -> Callable[[pd.DataFrame], Path]:
    """Writes one PNG a row, of the colour in its column, and the table beside them."""

    def write(table: pd.DataFrame) -> Path:
        shades = {"red": (200, 20, 20), "green": (20, 200, 20), "blue": (20, 20, 200)}
        for number, (name, colour) in enumerate(zip(table["path"], table["colour"], strict=True)):
            red, green, blue = shades[colour]
            (tmp_path / name).write_bytes(png((red + number % 50, green + number % 50, blue)))
        table.to_csv(tmp_path / "people.csv", index=False)
        return tmp_path / "people.csv"

    return write
