"""ImageNet's validation images of the classes of ImageNet-A, -R or ObjectNet, to compare accuracy with."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from clipmodel.errors import UserError
from clipmodel.evaluation.readers.evaluation_set import EvaluationSet, FunctionImages, checked, named_classes
from clipmodel.evaluation.registry.catalogue import imagenet_maps
from clipmodel.evaluation.registry.entry import SetEntry

IMAGENET_CLASSES = 1000


def subset_groups(entry: SetEntry) -> list[list[int]]:
    """For each class of the subset its ImageNet classes, zero-based: one each, or several for ObjectNet."""
    if entry.subset == "objectnet":
        return list(imagenet_maps().objectnet.values())
    return [[c] for c in imagenet_maps().subsets[entry.subset or ""]]


def restricted(opened: EvaluationSet, entry: SetEntry) -> EvaluationSet:
    """Keep the images of a subset's classes, relabelled to them.

    Parameters
    ----------
    opened
        ImageNet with its 1,000 classes.
    entry
        The subset, with class names.

    Raises
    ------
    UserError
        The set does not have ImageNet's classes.
    """
    if opened.truth is None or len(opened.classes) != IMAGENET_CLASSES:
        raise UserError(
            f"{opened.where}: {len(opened.classes)} classes, but {entry.name} is a part of ImageNet's 1,000",
            remedy="give ImageNet's validation set with --root",
        )
    # -1 for the classes that the subset does not have.
    at = np.full(IMAGENET_CLASSES, -1, dtype=np.int64)
    for place, group in enumerate(subset_groups(entry)):
        at[group] = place
    rows = np.flatnonzero(at[opened.truth] >= 0)
    images = FunctionImages(
        [opened.images.ids[int(row)] for row in rows], lambda row: opened.images.read_bytes(int(rows[row]))
    )
    return checked(
        replace(
            opened,
            entry=entry,
            images=images,
            truth=at[opened.truth[rows]],
            classes=named_classes(entry),
            templates=tuple(entry.templates or opened.templates),
            metadata=None if opened.metadata is None else opened.metadata.iloc[rows].reset_index(drop=True),
            clusters=None if opened.clusters is None else [opened.clusters[int(row)] for row in rows],
        )
    )
