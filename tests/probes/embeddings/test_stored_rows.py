"""Rows of shards, read slice by slice from where they lie."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from clipmodel.errors import UserError
from probes.embeddings.store import EmbeddingStore


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_slices_are_read_from_where_they_lie(tmp_path: Path) -> None:
    """Three shards of 50 vectors, asked for in any order, some twice, in slices of any length."""
    store, rng = EmbeddingStore(tmp_path), np.random.default_rng(0)
    vectors = rng.normal(size=(150, 5)).astype(np.float32)
    names = [sha(str(i)) for i in range(150)]
    for start in (100, 0, 50):
        store.add("space", names[start : start + 50], vectors[start : start + 50])
    wanted = np.concatenate([np.arange(150), rng.integers(0, 150, 200)])
    rows, found = store.locate("space", [names[i] for i in wanted] + [sha("?")], dim=5)
    assert found.tolist() == [True] * 350 + [False]
    for part in (slice(0, 150), slice(40, 60), slice(149, 350), slice(7, 7), slice(200, 201)):
        np.testing.assert_array_equal(rows[part], vectors[wanted[part]])
    chosen = rng.integers(0, 350, 30)
    np.testing.assert_array_equal(rows.take(chosen)[5:20], vectors[wanted[chosen]][5:20])


@pytest.mark.parametrize("how", ["removed", "cut"])
def test_a_shard_that_went_away_says_what_to_do(tmp_path: Path, how: str) -> None:
    store = EmbeddingStore(tmp_path)
    store.add("space", [sha("a"), sha("b")], np.ones((2, 2), np.float32))
    rows, _ = store.locate("space", [sha("a"), sha("b")], dim=2)
    shard = next(store.root.rglob("*.arrow"))
    if how == "removed":
        shard.unlink()
    else:
        shard.write_bytes(shard.read_bytes()[: rows.shards[0].start + 8])
    with pytest.raises(UserError, match="run the same command again"):
        rows[:]
