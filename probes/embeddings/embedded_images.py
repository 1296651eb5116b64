"""Embeddings of chosen rows of a data set, wherever they lie.

Shapes: N images, D joint embedding, U texts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

BLOCK_IMAGES = 4096  # embeddings that a measure holds at a time


class LazyRows(Protocol):
    """Embeddings [N, D] of which a slice is read when it is asked for."""

    def __len__(self) -> int: ...

    def __getitem__(self, part: slice, /) -> np.ndarray: ...

    def take(self, rows: NDArray[np.int64], /) -> LazyRows: ...


@dataclass(frozen=True)
class EmbeddedImages:
    """Embeddings of chosen rows of a data set.

    Attributes
    ----------
    rows
        [N] the rows that could be read, in the order asked for.
    vectors
        [N, D] float32, unit-norm: an array, or rows of the store that are read slice by slice.
    unreadable
        Row and reason of each image that could not be read.
    n_new
        How many images were embedded now, not found in the store.
    content_sha256
        Over the content of these images, in their order.
    downscaled
        Longer side in pixels -> the same images shrunk to it, where a probe asks for it.
    contents
        N content hashes of what `embed_dataset` read; empty for embeddings that the data set brings along.
    """

    rows: np.ndarray
    vectors: np.ndarray | LazyRows
    unreadable: dict[int, str]
    n_new: int
    content_sha256: str
    downscaled: Mapping[int, EmbeddedImages] = field(default_factory=dict)
    contents: tuple[str, ...] = ()

    @cached_property
    def embeddings(self) -> np.ndarray:
        """[N, D] all of them in memory."""
        return self.vectors[:]

    def blocks(self) -> Iterator[tuple[int, np.ndarray]]:
        """The embeddings some at a time, each block with the place of its first image."""
        for start in range(0, len(self.rows), BLOCK_IMAGES):
            yield start, self.vectors[start : start + BLOCK_IMAGES]

    def similarities(self, texts: np.ndarray) -> np.ndarray:
        """[N, U] cosines with unit-norm vectors [U, D], in their precision; one block is held at a time."""
        # One number per text is held of each image, instead of its D.
        found = np.empty((len(self.rows), len(texts)), texts.dtype)
        for start, block in self.blocks():
            found[start : start + len(block)] = block @ texts.T
        return found

    def of(self, rows: np.ndarray) -> EmbeddedImages:
        """The embeddings of some of the rows, all of which could be read; `n_new` and the hash stay."""
        # Rows of a run ascend, each once (`Plan.rows`): no index is needed, and as many are the same ones.
        if len(rows) == len(self.rows):
            return replace(self, rows=rows)
        at = np.searchsorted(self.rows, rows)
        chosen = self.vectors[at] if isinstance(self.vectors, np.ndarray) else self.vectors.take(at)
        return replace(self, rows=rows, vectors=chosen)
