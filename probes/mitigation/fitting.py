"""What a mitigation is fitted on, and the one interface of all methods.

Shapes: N images to fit on, D embedding, C texts of the suite, G groups, P prompts of a group.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from clipmodel.array_types import Floats
from clipmodel.errors import UserError
from clipmodel.inputs.articles import article
from probes.mitigation.transform import EncodeTexts, Mitigation, insert_word


class UnsuitableError(UserError):
    """A method that these data, or this file of embeddings, cannot be mitigated by; the message says why."""


@dataclass(frozen=True, kw_only=True)
class FitData:
    """Labelled embeddings of the images to fit on, and the texts that the suite asks.

    Attributes
    ----------
    attribute
        The attribute whose gaps are to be lowered.
    images
        [N, D] unit-norm.
    codes
        [N] the group of each image, 0 ... G-1.
    levels
        G names of the groups.
    words
        Group -> words for it, such as woman; the first one is used where one is enough.
    texts
        C texts that the suite asks, as prompts.
    text_vectors
        [C, D] their embeddings.
    encode
        Embeds further texts; raises `UserError` for a file of embeddings that does not have them.
    seed
        Of whatever is random.
    captions
        [N] a caption of each image; None if the data have none, or not of every image.
    """

    attribute: str
    images: Floats
    codes: np.ndarray
    levels: Sequence[str]
    words: Mapping[str, Sequence[str]]
    texts: Sequence[str]
    text_vectors: Floats
    encode: EncodeTexts
    seed: int = 0
    captions: Sequence[str] | None = None

    def __post_init__(self) -> None:
        if len(self.levels) < 2:
            raise UnsuitableError(
                f"{self.attribute!r} has one group among the images to fit on",
                remedy="name an attribute with several",
            )

    @cached_property
    def one_hot(self) -> Floats:
        """[N, G]."""
        return np.asarray(self.codes[:, None] == np.arange(len(self.levels)), dtype=np.float64)

    @cached_property
    def group_means(self) -> Floats:
        """[G, D] mean image embedding of each group."""
        means: Floats = (self.one_hot.T @ self.images) / self.one_hot.sum(axis=0)[:, None]
        return means

    @cached_property
    def group_texts(self) -> list[Floats]:
        """G arrays [P, D]: the prompts "a photo of a woman", or the words alone if only those are known.

        Raises
        ------
        UnsuitableError
            The model cannot embed them: a file of embeddings has other texts.
        """
        for form in ("a photo of {article} {word}", "{word}"):
            texts = [
                [form.format(article=article(word), word=word) for word in self.words[level]]
                for level in self.levels
            ]
            try:
                return [np.asarray(self.encode(own), dtype=np.float64) for own in texts]
            except UserError as error:
                missing = error
        raise UnsuitableError(f"no embedding of the words of {self.attribute!r}: {missing}", remedy="--words")

    @cached_property
    def pairs(self) -> Floats:
        """[K, 2, D]: every text of the suite with the words of two groups inserted.

        Raises
        ------
        UnsuitableError
            The model cannot embed them.
        """
        firsts = [self.words[level][0] for level in self.levels]
        reworded = [[insert_word(text, word) for word in firsts] for text in self.texts]
        try:
            flat = [text for own in reworded for text in own]
            vectors = np.asarray(self.encode(flat), np.float64).reshape(len(reworded), len(firsts), -1)
        except UserError as error:
            raise UnsuitableError(
                "needs the texts of the suite reworded for each group", remedy="use a model"
            ) from error
        first, second = np.triu_indices(len(firsts), k=1)
        return np.stack([vectors[:, first], vectors[:, second]], axis=2).reshape(-1, 2, vectors.shape[-1])


class Method(ABC):
    """One way to lower a gap, as a class: `name`, `source`, `about`, `fit`."""

    name: ClassVar[str]
    source: ClassVar[str]
    """Paper and, where the paper was not seen, the mark "recalled"."""
    about: ClassVar[str]
    """One sentence for the report."""
    needs: ClassVar[str] = "labels"
    """What it is fitted to: labels, texts or nothing."""

    @abstractmethod
    def fit(self, data: FitData) -> Mitigation:
        """Fit the method.

        Raises
        ------
        UnsuitableError
            The method cannot be used here; the message says why.
        """


def subspace(vectors: Floats, *, rank: int | None = None, tolerance: float = 1e-9) -> Floats:
    """[R, D] orthonormal rows that span the rows of `vectors`, at most the `rank` strongest."""
    _, sizes, rows = np.linalg.svd(vectors, full_matrices=False)
    kept = rows[sizes > tolerance * max(float(sizes.max(initial=0.0)), 1e-300)]
    return np.asarray(kept[:rank], dtype=np.float64)


def without(basis: Floats) -> Floats:
    """[D, D] the projection on the complement of orthonormal rows [R, D]."""
    return np.asarray(np.eye(basis.shape[1]) - basis.T @ basis, dtype=np.float64)
