"""Columns of several annotators of one attribute: the label that most gave, and what each one said.

Shapes: N images, A annotators.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from clipmodel.errors import UserError
from clipmodel.yaml_models import closest
from probes.label_text import clean_column

__all__ = ["LEAST_ANNOTATORS", "Annotated", "by_majority", "with_annotators"]

LEAST_ANNOTATORS = 2


@dataclass(frozen=True, kw_only=True)
class Annotated:
    """A frame whose attributes have one label per image.

    Attributes
    ----------
    frame
        With a column for each attribute; the annotators' columns stay.
    said
        Attribute -> what each annotator said, [N, A]; missing where one said nothing.
    taken
        The annotators' columns, which are no attributes of their own.
    notes
        How many images have no label because no value has a majority.
    """

    frame: pd.DataFrame
    said: Mapping[str, pd.DataFrame]
    taken: tuple[str, ...]
    notes: tuple[str, ...]


def with_annotators(
    frame: pd.DataFrame,
    annotators: Mapping[str, Sequence[str]],
    *,
    values: Mapping[str, Mapping[str, str | None]],
    file: Path,
) -> Annotated:
    """Read what several annotators said of some attributes.

    Parameters
    ----------
    annotators
        Attribute -> its columns, an annotator each. If the frame has a column of the attribute's own name,
        that is the label; otherwise it is what more than half of those who said something gave.
    values
        Attribute -> what a value is to be called, or None where it is no label, such as "unsure".
    file
        The card, for messages.

    Raises
    ------
    UserError
        A column is absent, or an attribute has fewer than two.
    """
    said, taken, notes = {}, [], []
    for attribute, columns in annotators.items():
        if len(set(columns)) < LEAST_ANNOTATORS:
            raise UserError(
                f"{file}: annotators: {attribute}: {len(set(columns))} column", remedy="name two or more"
            )
        for name in columns:
            if name not in frame:
                raise UserError(
                    f"{file}: annotators: {attribute}: no column {name!r}",
                    remedy=closest(name, list(map(str, frame.columns))),
                )
        words = values.get(attribute, {})
        cleaned = {name: clean_column(frame[name]).column for name in columns}
        own = [clean_column(frame[attribute]).column] if attribute in frame else []
        _check_values(attribute, words, [*cleaned.values(), *own], file=file)
        named = {name: _called(column, words) for name, column in cleaned.items()}
        said[attribute] = pd.DataFrame(named, index=frame.index)
        taken += [name for name in columns if name != attribute]
        if attribute not in frame:
            label = by_majority(said[attribute])
            undecided = int((label.isna() & said[attribute].notna().any(axis=1)).sum())
            frame = frame.assign(**{attribute: label})
            if undecided:
                notes.append(f"{attribute}: no value has a majority of annotators in {undecided} images.")
    return Annotated(frame=frame, said=said, taken=tuple(taken), notes=tuple(notes))


def _check_values(
    attribute: str, words: Mapping[str, str | None], columns: Sequence[pd.Series], *, file: Path
) -> None:
    known = sorted({str(value) for column in columns for value in column.dropna()})
    for old in words:
        if old not in known:
            raise UserError(f"{file}: nobody said {attribute} {old!r}", remedy=closest(old, known))


def _called(column: pd.Series, words: Mapping[str, str | None]) -> pd.Series:
    return column.mask(column.isin(list(words)), column.map(dict(words)))


def by_majority(said: pd.DataFrame) -> pd.Series:
    """[N] the value that more than half of those who said something gave; missing without one.

    Examples
    --------
    >>> by_majority(pd.DataFrame({"a": ["x", "x", None], "b": ["x", "y", "y"]})).tolist()
    ['x', None, 'y']
    """
    labels: list[str | None] = []
    for row in said.itertuples(index=False, name=None):
        given = [value for value in row if isinstance(value, str)]
        word, n = Counter(given).most_common(1)[0] if given else ("", 0)
        labels.append(word if n > len(given) / 2 else None)
    return pd.Series(labels, index=said.index, dtype=object)
