"""Scores in a table: which of four kinds a file holds, and the logits that they stand for.

Probabilities (a softmax: an image's scores add up to 1), independent probabilities (a sigmoid a class),
percentages (an image's scores add up to 100) and logits. The kind is decided for the file as a whole. A file
whose rows disagree is refused with the first row that does: a few logits among probabilities would turn every
probability into a logit.

Shapes: N images, C classes.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd

from clipmodel.errors import UserError
from probes.datasets.cards import ScoreKind
from probes.datasets.shards.row_places import located

LEAST = 1e-12  # stands for a probability of 0, whose logarithm is not finite
ROUNDING = 1e-4  # how far a probability may lie outside [0, 1]; percentages: a hundred times that
SUM_TOLERANCE, SUM_TOLERANCE_A_CLASS = 1e-3, 5e-5  # of a sum of probabilities, rounded to four digits or so
MOST = 1e30  # of a logit; beyond it, differences of two are no numbers in 32 bits
DECIMAL_COMMA = re.compile(r"-?\d+,\d+")
THOUSANDS = re.compile(r"-?\d{1,3}(?:(?:,\d{3})+\.\d+|(?:,\d{3}){2,})")
DISAGREEMENT = 0.5  # from this share of rows on, a file is of the kind that the others contradict
NOTES: dict[ScoreKind, str] = {
    "probabilities": (
        "The scores of an image add up to 1: they are read as a softmax over the classes of the file."
    ),
    "independent probabilities": (
        "The scores lie in [0, 1] and do not add up to 1: each is read as the probability of its class alone."
    ),
    "percentages": (
        "The scores of an image add up to 100: they are read as percentages of a softmax over the classes "
        "of the file."
    ),
    "logits": (
        "The scores leave [0, 1]: they are read as logits, with a softmax over the classes of a design."
    ),
}


class Fits:
    """Which kinds the rows of a file can be of; rows may come some at a time.

    Attributes
    ----------
    n_complete
        Rows with a score for every class.
    """

    def __init__(self) -> None:
        self.n_complete = 0
        self._n: dict[ScoreKind, int] = dict.fromkeys(NOTES, 0)
        self._wrong: dict[ScoreKind, tuple[pd.Index, list[float]]] = {}

    def add(self, scores: np.ndarray, labels: pd.Index) -> None:
        """Add rows [N, C]; the index names the line or row of each."""
        complete = np.isfinite(scores).all(axis=1)
        self.n_complete += int(complete.sum())
        for kind, fits in _fitting(scores, complete).items():
            self._n[kind] += int(fits.sum())
            if kind not in self._wrong and (wrong := complete & ~fits).any():
                row = int(wrong.argmax())
                self._wrong[kind] = (labels[row : row + 1], scores[row][:4].tolist())

    def kind(self, file: Path, stated: ScoreKind | None = None) -> ScoreKind:
        """The kind of the file: as stated, or the narrowest that every complete row can be of.

        Raises
        ------
        UserError
            No row is complete, or the rows are of several kinds; with the line or row.
        """
        if not self.n_complete:
            raise UserError(f"{file}: no image has a score for every class", remedy="fill in the scores")
        found: ScoreKind = next(kind for kind, n in self._n.items() if n == self.n_complete)
        kind = stated or found
        expected = stated or self._of_most()
        if expected in self._wrong:
            label, first = self._wrong[expected]
            values = ", ".join(f"{value:g}" for value in first)
            by = "as the card says" if stated else f"as the scores of {self._n[expected]:,} others are"
            raise UserError(
                f"{located(file, label, 0)}: the scores {values} are no {expected}, {by}",
                remedy="correct the row, or say in the card what all scores are, such as 'scores: logits'",
            )
        return kind

    def _of_most(self) -> ScoreKind:
        """The narrowest kind that most rows can be of: those that cannot contradict it."""
        # Rows in [0, 1] that do not add up to 1 keep a file from being a softmax, but not from being
        # sigmoids.
        if self._n["independent probabilities"] == self.n_complete:
            return "independent probabilities"
        return next(kind for kind, n in self._n.items() if n >= DISAGREEMENT * self.n_complete)


def note_on(kind: ScoreKind, stated: ScoreKind | None) -> str:
    """What the scores are taken for."""
    return NOTES[kind] if not stated else f"The scores are read as {kind}, as the card says."


def numbers_of(file: Path, table: pd.DataFrame) -> np.ndarray:
    """The scores [N, C] of a table of strings or numbers as floats, NaN where nothing is written.

    Raises
    ------
    UserError
        One is no number or beyond `MOST`; with its line or row, which the index names.
    """
    numbers = table.apply(pd.to_numeric, errors="coerce")
    scores: np.ndarray = numbers.to_numpy(float)
    wrong = (numbers.isna() & table.notna()).to_numpy() | (np.abs(scores) > MOST)
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        written = str(table.iloc[row, column])
        raise UserError(
            f"{located(file, table.index, row)}: {table.columns[column]} is {written!r}",
            remedy=_remedy(written),
        )
    return scores


def _remedy(written: str) -> str:
    """What to write in the place of a score that is no number."""
    if DECIMAL_COMMA.fullmatch(written):
        return f"write decimals with a point: {written.replace(',', '.')}"
    if THOUSANDS.fullmatch(written):
        return f"write it without separators of thousands: {written.replace(',', '')}"
    if written.endswith("%"):
        return f"write it without the sign: {written.removesuffix('%').strip()}"
    return f"write a number up to {MOST:g}, or nothing"


def _fitting(scores: np.ndarray, complete: np.ndarray) -> dict[ScoreKind, np.ndarray]:
    """Kind -> [N] bool: whether a row can be of it."""
    n_classes = scores.shape[1]
    # Sums of rounded probabilities deviate by up to half a digit per class.
    tolerance = min(SUM_TOLERANCE + SUM_TOLERANCE_A_CLASS * n_classes, 0.05)
    with np.errstate(invalid="ignore"):
        low, high, total = scores.min(axis=1), scores.max(axis=1), scores.sum(axis=1)
        inside = complete & (low >= -ROUNDING) & (high <= 1 + ROUNDING)
        of_hundred = complete & (low >= -100 * ROUNDING) & (high <= 100 * (1 + ROUNDING))
        return {
            "probabilities": inside & (np.abs(total - 1) <= tolerance),
            "independent probabilities": inside,
            "percentages": of_hundred & (np.abs(total - 100) <= 100 * tolerance + 0.05 * n_classes),
            "logits": complete,
        }


def logits_of(scores: np.ndarray, kind: ScoreKind) -> tuple[np.ndarray, int]:
    """The logits [N, C] that scores [N, C] stand for, and how many scores were clipped.

    NaN in a row of logits that lacks one.
    """
    complete = np.isfinite(scores).all(axis=1)
    if kind == "logits":
        return np.where(complete[:, None], scores, np.nan), 0
    shares = scores / 100 if kind == "percentages" else scores
    with np.errstate(invalid="ignore"):
        n_clipped = int(((shares < 0) | (shares > 1))[complete].sum())
    if kind == "independent probabilities":
        shares = np.clip(shares, LEAST, 1 - LEAST)
        # log1p keeps the digits of a probability near 0.
        return np.log(shares) - np.log1p(-shares), n_clipped
    # The logarithm of a softmax is a logit up to a constant, which the next softmax cancels.
    return np.log(np.clip(shares, LEAST, 1)), n_clipped


def bias_of(kind: ScoreKind) -> float | None:
    """0 where each class stands alone (a sigmoid); None for a softmax."""
    return 0.0 if kind == "independent probabilities" else None
