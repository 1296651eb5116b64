"""A WebDataset home as its own writer writes it, and small images."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import webdataset
from PIL import Image


def png(shade: int) -> bytes:
    """A grey image of 4 x 4 pixels."""
    buffer = io.BytesIO()
    Image.fromarray(np.full((4, 4), shade, np.uint8)).save(buffer, format="PNG")
    return buffer.getvalue()


Home = Callable[..., Path]


@pytest.fixture
def make_home(tmp_path: Path) -> Home:
    """Write samples in CLIP_benchmark's layout, two a shard, as its converter does."""

    def make(samples: Sequence[dict[str, object]], texts: dict[str, str], *, name: str = "wds_own") -> Path:
        root = tmp_path / name
        (root / "test").mkdir(parents=True)
        shards = [samples[i : i + 2] for i in range(0, len(samples), 2)]
        for number, shard in enumerate(shards):
            with webdataset.TarWriter(str(root / "test" / f"{number}.tar")) as writer:
                for row, sample in enumerate(shard):
                    writer.write({"__key__": f"s{2 * number + row:07d}", **sample})
        (root / "test" / "nshards.txt").write_text(str(len(shards)))
        for file, text in texts.items():
            (root / file).write_text(text)
        return root

    return make
