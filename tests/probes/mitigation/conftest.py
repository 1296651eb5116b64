"""Embeddings in which one direction holds the attribute and another the label."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from clipmodel.errors import UserError
from probes.mitigation.fitting import FitData
from probes.mitigation.transform import unit

D, N = 12, 240


def words_as_vectors(texts: Sequence[str]) -> np.ndarray:
    """A text is the sum of vectors of its words, which a hash gives: man and woman differ along axis 0."""
    vectors = []
    for text in texts:
        total = np.zeros(D)
        for word in text.split():
            if word == "unknown":
                raise UserError(f"no embedding of {text!r}", remedy="none")
            own = np.random.default_rng(sum(word.encode())).standard_normal(D)
            if word in ("man", "male"):
                own = own * 0.2 + 3 * np.eye(D)[0]
            if word in ("woman", "female"):
                own = own * 0.2 - 3 * np.eye(D)[0]
            total += own
        vectors.append(total)
    return unit(np.stack(vectors)).astype(np.float32)


@pytest.fixture
def data() -> FitData:
    rng = np.random.default_rng(5)
    codes = np.arange(N) % 2
    images = 0.5 * rng.standard_normal((N, D))
    images[:, 0] += np.where(codes == 0, 1.0, -1.0)
    texts = ["a photo of a doctor", "a photo of a nurse", "a photo of a judge"]
    return FitData(
        attribute="gender", images=unit(images), codes=codes, levels=["Male", "Female"],
        words={"Male": ("man", "male"), "Female": ("woman", "female")}, texts=texts,
        text_vectors=words_as_vectors(texts).astype(float), encode=words_as_vectors, seed=1,
    )  # fmt: skip
