"""How many images one process of this machine decodes and embeds in a second."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image

from clipmodel.loading import load_model
from clipmodel.loading.device import usable_device
from probes.datasets.demographic_dataset import decode

BATCH, ROUNDS = 64, 3
PHOTO = (640, 480)  # width and height in pixels of the image that is decoded
NUMBER_BYTES = {"float32": 4, "float16": 2}
ROW_BYTES = 40  # of a row beside its embedding: key, reason, annotations


@dataclass(frozen=True, kw_only=True)
class Rates:
    """Images per second of one process on this machine.

    Attributes
    ----------
    decode
        JPEG of 640 x 480 to preprocessed pixels, on one thread.
    embed
        Pixels to embeddings.
    dim
        D of the model.
    """

    decode: float
    embed: float
    dim: int

    def seconds(self, n: int, workers: int) -> float:
        """Time for n images on workers like this process, which decode while they embed."""
        return n / (min(self.decode, self.embed) * workers)

    def stored_bytes(self, n: int, store: str) -> int:
        """Disk for n embeddings."""
        return n * (self.dim * NUMBER_BYTES[store] + ROW_BYTES)


def measure(model: str, device: str) -> Rates:
    """Decode and embed some drawn images; the best of a few rounds, after one that warms up."""
    loaded = load_model(model, device=usable_device(device))
    data = _photo()
    pixels = loaded.preprocess(decode(data))
    batch = torch.stack([pixels] * BATCH)
    return Rates(
        decode=8 / _best(lambda: [loaded.preprocess(decode(data)) for _ in range(8)]),
        embed=BATCH / _best(lambda: loaded.encode_image(batch)),
        dim=loaded.embed_dim,
    )


def _photo() -> bytes:
    # Enlarged noise: a JPEG of pure noise decodes far more slowly than a photograph, one of a flat colour
    # faster.
    coarse = np.random.default_rng(0).integers(0, 256, (15, 20, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(coarse).resize(PHOTO, Image.Resampling.BICUBIC).save(buffer, format="JPEG", quality=90)
    return buffer.getvalue()


def _best(work: Callable[[], object]) -> float:
    # The first call also loads libraries and allocates memory.
    work()
    seconds = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    # The minimum: other processes only ever add time.
    return min(seconds)
