"""An evaluation set with its images: what every reader returns.

Shapes: N images, C classes, K captions, P pairs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd

from clipmodel.array_types import Bools, Integers
from clipmodel.errors import UserError
from clipmodel.evaluation.registry.entry import SLOT, SetEntry

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".ppm", ".jp2", ".avif")


class ImageSource(Protocol):
    """Encoded images in a fixed order; an image is read when it is asked for."""

    @property
    def ids(self) -> Sequence[str]:
        """A unique name for each image."""

    def read_bytes(self, row: int) -> bytes:
        """The encoded image of a row; UserError if it cannot be read."""


@dataclass(frozen=True)
class FileImages:
    """Images that are files."""

    paths: Sequence[Path]
    ids: Sequence[str]

    def read_bytes(self, row: int) -> bytes:
        """The file's bytes."""
        try:
            return self.paths[row].read_bytes()
        except OSError as error:
            raise UserError(f"{self.paths[row]}: {error.strerror}", remedy="restore the file") from error


@dataclass(frozen=True)
class FunctionImages:
    """Images that a function encodes or looks up."""

    ids: Sequence[str]
    read: Callable[[int], bytes]

    def read_bytes(self, row: int) -> bytes:
        """What the function returns for the row."""
        return self.read(row)


@dataclass(frozen=True, kw_only=True)
class CandidateSet:
    """One question of image selection.

    Attributes
    ----------
    caption
        Which caption is the cue.
    images
        [M] the candidates, as rows of the set's images.
    right
        [M] which of them belong to the cue.
    """

    caption: int
    images: Integers
    right: Bools


@dataclass(frozen=True, kw_only=True)
class EvaluationSet:
    """Images with labels, captions, or both.

    Attributes
    ----------
    entry
        Name, metric, licence; class names and templates as the registry has them.
    images
        N images.
    where
        Where they were read from, for a report.
    truth
        [N] class of each image.
    multilabel
        [N, C] classes of each image, for a set of several labels per image.
    classes
        The names of each class, C of them.
    templates
        Prompts with {} for the class name.
    captions, pairs
        K texts, and [P, 2] which image and text belong together.
    candidate_sets
        Questions of image selection (WinoGAViL).
    metadata
        One row per image: the groups of a worst-group metric and others.
    clusters
        [N] what each image belongs to (a person, a drawing) if several images are not independent.
    language
        Of prompts or captions.
    notes
        What a reader of the result must know.
    """

    entry: SetEntry
    images: ImageSource
    where: str
    truth: Integers | None = None
    multilabel: Bools | None = None
    classes: tuple[tuple[str, ...], ...] = ()
    templates: tuple[str, ...] = ()
    captions: tuple[str, ...] = ()
    pairs: Integers | None = None
    candidate_sets: tuple[CandidateSet, ...] = ()
    metadata: pd.DataFrame | None = None
    clusters: Sequence[str] | None = None
    language: str = "en"
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.images.ids)

    @property
    def name(self) -> str:
        return self.entry.name


def checked(made: EvaluationSet) -> EvaluationSet:
    """The set, if it can be evaluated; a repeated class name is allowed and noted.

    Raises
    ------
    UserError
        There is no image, a label points at no class, or the lengths differ.
    """
    if not len(made):
        raise UserError(f"{made.where}: no images", remedy="check the path and the split")
    n_classes = len(made.classes)
    if made.truth is not None:
        if len(made.truth) != len(made):
            raise UserError(
                f"{made.where}: {len(made.truth)} labels for {len(made)} images", remedy="check it"
            )
        if n_classes and (made.truth.min() < 0 or made.truth.max() >= n_classes):
            wrong = int(np.flatnonzero((made.truth < 0) | (made.truth >= n_classes))[0])
            raise UserError(
                f"{made.where}: image {made.images.ids[wrong]} has the class {made.truth[wrong]}, "
                f"but there are names for {n_classes} classes (counted from 0)",
                remedy="give every class a line of names; a blank line is a class too",
            )
    if made.multilabel is not None and n_classes and made.multilabel.shape[1] != n_classes:
        raise UserError(
            f"{made.where}: labels of {made.multilabel.shape[1]} classes, names of {n_classes}",
            remedy="give every class a line of names",
        )
    repeated = [name for name, n in Counter(names[0] for names in made.classes if names).items() if n > 1]
    notes = made.notes
    if repeated:
        notes = (*notes, f"class names that occur more than once: {', '.join(map(repr, repeated))}")
    return EvaluationSet(**{**made.__dict__, "notes": notes})


def with_slot(templates: Sequence[str], *, where: str) -> tuple[str, ...]:
    """Templates with {} as the slot; CLIP_benchmark writes it {c}.

    Raises
    ------
    UserError
        A template has no slot or several.
    """
    found = [template.replace("{c}", SLOT) for template in templates]
    for number, template in enumerate(found, start=1):
        if template.count(SLOT) != 1:
            raise UserError(
                f"{where}: template {number}, {template!r}, needs one place for the class name",
                remedy="write {c} or {} where the name goes",
            )
    return tuple(found)


def named_classes(entry: SetEntry) -> tuple[tuple[str, ...], ...]:
    """The registry's class names; empty if it has none."""
    return tuple(entry.class_names or ())
