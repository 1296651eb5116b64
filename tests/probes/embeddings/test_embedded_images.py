from __future__ import annotations

import numpy as np
import pytest

from probes.embeddings import embedded_images
from probes.embeddings.embedded_images import EmbeddedImages

VECTORS = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
IMAGES = EmbeddedImages(
    rows=np.array([2, 3, 5, 7, 11]), vectors=VECTORS, unreadable={4: "x"}, n_new=5, content_sha256="c"
)


def test_similarities_are_products_a_block_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = np.eye(3, dtype=np.float32)[:2]
    whole = IMAGES.similarities(texts)
    monkeypatch.setattr(embedded_images, "BLOCK_IMAGES", 2)
    assert [(start, len(block)) for start, block in IMAGES.blocks()] == [(0, 2), (2, 2), (4, 1)]
    np.testing.assert_array_equal(IMAGES.similarities(texts), whole)
    np.testing.assert_allclose(whole, VECTORS[:, :2])


def test_some_of_the_rows() -> None:
    some = IMAGES.of(np.array([3, 11]))
    np.testing.assert_array_equal(some.embeddings, VECTORS[[1, 4]])
    assert (some.rows.tolist(), some.content_sha256) == ([3, 11], "c")
    assert len(IMAGES.of(np.array([], dtype=int)).embeddings) == 0
