"""Captions whose words follow Zipf's law, as shards."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from clipmodel.curation import QueryList, Shard, find_shards

N_CAPTIONS, N_WORDS = 3000, 300


@pytest.fixture(scope="session")
def captions() -> pd.DataFrame:
    """3,000 captions of 1 to 8 words out of 300: the first word is in about half of them."""
    rng = np.random.default_rng(0)
    share = 1 / np.arange(1, N_WORDS + 1)
    share /= share.sum()
    texts = [
        " ".join(f"w{i}" for i in rng.choice(N_WORDS, size=rng.integers(1, 9), p=share))
        for _ in range(N_CAPTIONS)
    ]
    return pd.DataFrame({"url": [f"u{i}" for i in range(N_CAPTIONS)], "caption": texts})


@pytest.fixture(scope="session")
def queries() -> QueryList:
    """The words but for the rarest, and some pairs."""
    return QueryList.of([*(f"w{i}" for i in range(200)), *(f"w{i} w{i + 1}" for i in range(20)), "w999"])


@pytest.fixture
def as_shards(tmp_path: Path) -> Callable[[pd.DataFrame, int], list[Shard]]:
    """Cut a table into so many parquet files, in order, and find them as shards."""

    def cut(frame: pd.DataFrame, n: int) -> list[Shard]:
        folder = tmp_path / f"{n} shards"
        folder.mkdir()
        for number, rows in enumerate(np.array_split(np.arange(len(frame)), n)):
            frame.iloc[rows].to_parquet(folder / f"{number:03d}.parquet", row_group_size=500)
        return find_shards([folder], key="url" if "url" in frame else None)

    return cut
