"""Overlap of training and evaluation images, and what studies of two sets share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from audit.commands.composed.evaluation_runs import ModelRun, Options, open_evaluation_set
from audit.evaluation.studies.overlap import overlap_table
from clipmodel.errors import UserError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from clipmodel.evaluation.readers.evaluation_set import EvaluationSet
    from probes.embeddings.embed import EmbeddedImages

# Beyond that a column is an identifier or a measurement rather than a grouping.
MOST_GROUPS = 20


def zero_shot_right(run: ModelRun, opened: EvaluationSet, images: EmbeddedImages) -> NDArray[np.bool_]:
    """[N] whether zero-shot classification gets each readable image right."""
    from clipmodel.evaluation.zero_shot_outcomes import ensembled, predict, template_embeddings

    if opened.truth is None or not opened.classes or not opened.templates:
        raise UserError(
            f"{opened.where}: no single label per image, or no names", remedy="give a labelled set"
        )
    classes = ensembled(template_embeddings(run.texts, opened.classes, opened.templates))
    truth = opened.truth[images.rows]
    right: NDArray[np.bool_] = predict(images.blocks, classes, truth).predicted == truth
    return right


def overlap(
    run: ModelRun, train: str, on: str, options: Options, *, cache: Path, similarity: float, most_bits: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The table of accuracies, and one row per evaluation image with its nearest training image."""
    from clipmodel.evaluation.overlap.near_duplicates import near_duplicates
    from clipmodel.evaluation.overlap.perceptual_hash import perceptual_hash
    from probes.datasets.formats.plain_images import PlainImages

    opened = open_evaluation_set(on, options, cache=cache)
    training = open_evaluation_set(train, options, cache=cache, split="train")
    images, others = run.embed(opened), run.embed(training)
    own, theirs = PlainImages(opened), PlainImages(training)
    # Of the evaluation images all; of the training images only the candidates, when they are asked for.
    hashes = np.stack([perceptual_hash(own.open_image(int(row))) for row in images.rows])
    found = near_duplicates(
        images.embeddings,
        others.blocks,
        hashes,
        lambda place: perceptual_hash(theirs.open_image(int(others.rows[place]))),
        similarity=similarity,
        most_bits=most_bits,
    )
    right = zero_shot_right(run, opened, images)
    table = overlap_table(right, found.duplicate, group_columns(opened, images.rows))
    listed = pd.DataFrame(
        {
            "id": [opened.images.ids[row] for row in images.rows],
            "nearest": [training.images.ids[others.rows[place]] for place in found.nearest],
            "similarity": found.similarity,
            "bits": found.bits,
            "duplicate": found.duplicate,
            "right": right,
        }
    )
    return table, listed


def group_columns(opened: EvaluationSet, rows: Any) -> pd.DataFrame | None:
    """Metadata that divides the images into groups: columns of 2 to 20 distinct values."""
    if opened.metadata is None:
        return None
    chosen = opened.metadata.iloc[rows].reset_index(drop=True)
    kept = [name for name in chosen if 2 <= chosen[name].nunique() <= MOST_GROUPS]
    return chosen[kept] if kept else None
