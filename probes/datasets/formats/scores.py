"""Scores in a table: which of four kinds a file holds, and the logits that they stand for.

Probabilities (a softmax: an image's scores add up to 1), independent probabilities (a sigmoid a class),
percentages (an image's scores add up to 100) and logits. The kind is decided for the file as a whole. A file
whose rows disagree is refused with the first row that does: a few logits among probabilities would turn every
probability into a logit.

Shapes: N images, C classes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from clipmodel.errors import UserError
from probes.datasets.cards import ScoreKind

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


@dataclass(frozen=True, kw_only=True)
class Scores:
    """The scores of a file.

    Attributes
    ----------
    logits
        [N, C]; NaN in the rows that lack a score.
    bias
        0 where each class stands alone (a sigmoid); None for a softmax.
    notes
        What the scores were taken for, and what was repaired.
    """

    logits: np.ndarray
    bias: float | None
    notes: tuple[str, ...]


def read_scores(file: Path, table: pd.DataFrame, *, stated: ScoreKind | None = None) -> Scores:
    """The logits of a table of scores, one column per class.

    Parameters
    ----------
    file
        For messages.
    table
        [N, C] strings or numbers; the index names the line or row.
    stated
        What the card says the scores are; they must fit it.

    Raises
    ------
    UserError
        A score is no number or beyond `MOST`, no row is complete, or the rows are of several kinds; with the
        line or row.
    """
    scores = _numbers(file, table)
    complete = np.isfinite(scores).all(axis=1)
    if not complete.any():
        raise UserError(f"{file}: no image has a score for every class", remedy="fill in the scores")
    fits = _fitting(scores, complete)
    kind = stated or _kind(fits, complete)
    expected = kind if stated else _of_most(fits, complete)
    if (wrong := complete & ~fits[expected]).any():
        row = int(wrong.argmax())
        values = ", ".join(f"{value:g}" for value in scores[row][:4])
        by = (
            "as the card says"
            if stated
            else f"as the scores of {int((complete & ~wrong).sum()):,} others are"
        )
        raise UserError(
            f"{file}, {table.index.name or 'row'} {table.index[row]}: the scores {values} are no {expected}, "
            f"{by}",
            remedy="correct the row, or say in the card what all scores are, such as 'scores: logits'",
        )
    note = NOTES[kind] if not stated else f"The scores are read as {kind}, as the card says."
    return _as_logits(scores, kind, note=note, complete=complete)


def _numbers(file: Path, table: pd.DataFrame) -> np.ndarray:
    """[N, C] floats, NaN where nothing is written."""
    numbers = table.apply(pd.to_numeric, errors="coerce")
    scores: np.ndarray = numbers.to_numpy(float)
    wrong = (numbers.isna() & table.notna()).to_numpy() | (np.abs(scores) > MOST)
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        where = f"{table.index.name or 'row'} {table.index[row]}"
        raise UserError(
            f"{file}, {where}: {table.columns[column]} is {table.iloc[row, column]!r}",
            remedy=_remedy(str(table.iloc[row, column])),
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


def _kind(fits: dict[ScoreKind, np.ndarray], complete: np.ndarray) -> ScoreKind:
    """The narrowest kind that every complete row can be of."""
    # `NOTES` and `fits` list the kinds from the narrowest to the widest.
    return next(kind for kind, rows in fits.items() if rows[complete].all())


def _of_most(fits: dict[ScoreKind, np.ndarray], complete: np.ndarray) -> ScoreKind:
    """The narrowest kind that most rows can be of: those that cannot contradict it."""
    most = DISAGREEMENT * complete.sum()
    kind = next(kind for kind, rows in fits.items() if (rows & complete).sum() >= most)
    # Rows in [0, 1] that do not add up to 1 keep a file from being a softmax, but not from being sigmoids.
    return "independent probabilities" if fits["independent probabilities"][complete].all() else kind


def _as_logits(scores: np.ndarray, kind: ScoreKind, *, note: str, complete: np.ndarray) -> Scores:
    if kind == "logits":
        return Scores(logits=np.where(complete[:, None], scores, np.nan), bias=None, notes=(note,))
    shares = scores / 100 if kind == "percentages" else scores
    with np.errstate(invalid="ignore"):
        n_clipped = int(((shares < 0) | (shares > 1))[complete].sum())
    repaired = (f"{n_clipped:,} scores outside the range by rounding were clipped.",) if n_clipped else ()
    if kind == "independent probabilities":
        shares = np.clip(shares, LEAST, 1 - LEAST)
        # log1p keeps the digits of a probability near 0.
        return Scores(logits=np.log(shares) - np.log1p(-shares), bias=0.0, notes=(note, *repaired))
    # The logarithm of a softmax is a logit up to a constant, which the next softmax cancels.
    return Scores(logits=np.log(np.clip(shares, LEAST, 1)), bias=None, notes=(note, *repaired))
