"""scikit-learn's handwritten digits: 1,797 images of 8 x 8 pixels that need no download."""

from __future__ import annotations

import io
from functools import cache
from typing import Any

import numpy as np
from PIL import Image

from clipmodel.errors import UserError
from clipmodel.evaluation.readers.evaluation_set import EvaluationSet, FunctionImages, checked
from clipmodel.evaluation.registry.entry import SetEntry

TRAIN = 1000  # the first images: later ones are by other writers
LEVELS = 16
WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
ENTRY = SetEntry(
    name="digits",
    title="Handwritten digits of scikit-learn",
    metric="acc1",
    source="E. Alpaydin and C. Kaynak 1998, UCI Machine Learning Repository, through scikit-learn",
    licence="CC BY 4.0",
    classes=[[str(number), word] for number, word in enumerate(WORDS)],
    templates=['a photo of the number: "{}".', "the handwritten digit {}"],
    images=797,
    chance=0.1,
)


def read_digits(*, split: str = "test") -> EvaluationSet:
    """The last 797 images ("test") or the first 1,000 ("train"), as grey PNG files, ink black on white.

    Raises
    ------
    UserError
        Another split is asked for, or scikit-learn is not installed.
    """
    if split not in ("train", "test"):
        raise UserError(f"digits: no split {split!r}", remedy="use train or test")
    data = _load()
    rows = range(TRAIN) if split == "train" else range(TRAIN, len(data.target))
    ids = [f"digit-{row:04d}" for row in rows]
    return checked(
        EvaluationSet(
            entry=ENTRY,
            images=FunctionImages(ids, lambda row: _png(data.images[rows[row]])),
            where=f"scikit-learn's digits ({split})",
            truth=data.target[rows.start : rows.stop].astype(np.int64),
            classes=tuple(tuple(names) for names in ENTRY.class_names or ()),
            templates=tuple(ENTRY.templates or ()),
        )
    )


@cache
def _load() -> Any:
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise UserError("digits: scikit-learn is not installed", remedy="pip install scikit-learn") from error
    return load_digits()


def _png(ink: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    # The levels are amounts of ink, 0 to 16.
    Image.fromarray((255 - ink * 255 / LEVELS).round().astype(np.uint8)).save(buffer, format="PNG")
    return buffer.getvalue()
