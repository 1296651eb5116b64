"""Captions of images as a measure of what a mitigation costs: is the right caption, or image, found first?

Shapes: N images, C captions, D joint embedding, Q queries.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clipmodel.array_types import Floats, Singles
from clipmodel.errors import UserError
from clipmodel.evaluation.retrieval import DIRECTIONS, outcomes_of_arrays
from probes.datasets.demographic_dataset import DemographicDataset

__all__ = ["IMAGE_TO_TEXT", "NO_CAPTION", "TEXT_TO_IMAGE", "Captions", "Found", "captions_of"]

IMAGE_TO_TEXT, TEXT_TO_IMAGE = DIRECTIONS
NO_CAPTION = -1
RECALL_AT = 1


@dataclass(frozen=True, kw_only=True)
class Found:
    """The queries of one direction.

    Attributes
    ----------
    found
        [Q] the probability that what belongs to a query is found first, under a random order of ties.
    cluster
        [Q] codes of what is drawn as a whole.
    """

    found: Floats
    cluster: NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Captions:
    """The captions of some images.

    Attributes
    ----------
    texts
        C different ones.
    vectors
        [C, D] their embeddings.
    of_image
        [N] the caption of each image, `NO_CAPTION` if it has none.
    """

    texts: tuple[str, ...]
    vectors: Singles
    of_image: NDArray[np.int64]

    def of(self, wanted: NDArray[np.bool_]) -> Captions:
        """The captions of some of the images; those of other images are no candidates."""
        own = self.of_image[wanted]
        used = np.unique(own[own != NO_CAPTION])
        place = np.full(len(self.texts) + 1, NO_CAPTION, dtype=np.int64)  # the last one is NO_CAPTION's
        place[used] = np.arange(len(used))
        return Captions(
            texts=tuple(self.texts[row] for row in used), vectors=self.vectors[used], of_image=place[own]
        )

    def found(self, images: Singles, vectors: Singles, clusters: NDArray[np.int64]) -> dict[str, Found]:
        """Recall at 1 of every query, by direction.

        Parameters
        ----------
        images, vectors
            [N, D] and [C, D] unit-norm embeddings, before or after a mitigation.
        clusters
            [N] codes. A caption is in the cluster of its images; one of several clusters is its own.
        """
        known = np.flatnonzero(self.of_image != NO_CAPTION)
        pairs = np.stack([known, self.of_image[known]], axis=1)
        outcomes = outcomes_of_arrays(images, vectors, pairs, ks=(RECALL_AT,))
        of_caption = self._clusters_of_captions(clusters)
        codes = {IMAGE_TO_TEXT: clusters, TEXT_TO_IMAGE: of_caption}
        return {
            name: Found(found=outcome.found[0], cluster=codes[name][outcome.queries])
            for name, outcome in outcomes.items()
        }

    def _clusters_of_captions(self, clusters: NDArray[np.int64]) -> NDArray[np.int64]:
        found = np.empty(len(self.texts), dtype=np.int64)
        highest = int(clusters.max(initial=0))
        for row in range(len(self.texts)):
            own = np.unique(clusters[self.of_image == row])
            found[row] = own[0] if len(own) == 1 else highest + 1 + row
        return found


def captions_of(dataset: DemographicDataset, column: str) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """The different captions in a column of a data set, and which one each image has.

    Raises
    ------
    UserError
        There is no such column, or it has fewer than two captions.
    """
    if column not in dataset.frame:
        columns = ", ".join(map(str, dataset.frame.columns))
        raise UserError(f"--captions: the data have no column {column!r}", remedy=f"columns: {columns}")
    values = dataset.frame[column]
    known = values.notna().to_numpy() & (values.astype(str).str.strip() != "").to_numpy()
    texts = sorted(set(values[known].astype(str)))
    if len(texts) < 2:
        raise UserError(
            f"--captions: column {column!r} has {len(texts)} different captions", remedy="name another column"
        )
    place = {text: row for row, text in enumerate(texts)}
    of_image = [place[str(v)] if k else NO_CAPTION for v, k in zip(values, known, strict=True)]
    return tuple(texts), np.array(of_image, dtype=np.int64)
