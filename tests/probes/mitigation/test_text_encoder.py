from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from clipmodel import load_model
from clipmodel.errors import UserError
from clipmodel.loading.prefixed_texts import encode_with_prefix
from probes.datasets.formats.embeddings import Texts
from probes.embeddings.precomputed import PrecomputedModel
from probes.embeddings.store import EmbeddingStore
from probes.mitigation.text_encoder import TextEncoder


def test_with_and_without_a_store_the_same_embeddings(tmp_path: Path) -> None:
    model = load_model("tiny")
    texts = ["a man", "a woman"]
    plain = TextEncoder(model)(texts)
    np.testing.assert_array_equal(plain, TextEncoder(model, EmbeddingStore(tmp_path))(texts))
    np.testing.assert_array_equal(plain, model.encode_text(texts).numpy())
    prefix = np.ones((1, 128))
    found = TextEncoder(model).prefixed(texts, prefix)
    wanted = encode_with_prefix(model, texts, torch.ones(1, 128)).detach()  # type: ignore[arg-type]
    np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_a_file_of_embeddings_has_no_tower() -> None:
    texts = Texts(rows={"a man": 0}, vectors=np.ones((1, 2), np.float32), model="file")
    encoder = TextEncoder(PrecomputedModel(texts))
    assert encoder.tower is None
    with pytest.raises(UserError, match="file takes no learned tokens"):
        encoder.prefixed(["a man"], np.ones((1, 2)))
