"""What an owner of data should know of columns that were taken for attributes because no card chose them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from probes.datasets.annotation_tables import plain_name
from probes.datasets.cards import DataCard, Described

__all__ = ["attribute_notes", "with_attribute_notes"]

FEWEST = 20  # images below which an attribute that differs in every one is no surprise
OUTPUTS = re.compile(
    r"((model|clip|pred(icted|iction)?|y|top_?1|max)[ _-]?)?"
    r"((is|was)[ _-]?)?(correct(ly[ _-]classified)?|wrong|hit|error|loss|conf(idence)?|certainty|entropy"
    r"|logprob|prob(ability)?|softmax|score|logit|similarity)s?"
    r"|((model|clip|y|top_?1)[ _-])?(pred(icted|ictions?|s)?|y[ _-]?hat|output|guess)([ _-](class|label))?"
)
"""Names of columns that a model writes, not an annotator."""


def attribute_notes(
    frame: pd.DataFrame, attributes: Sequence[str], *, beside: Sequence[str] | None = None
) -> dict[str, list[str]]:
    """By attribute: notes on empty columns, near-equal names and values, identifiers, columns of a model.

    Parameters
    ----------
    frame
        One row per image, with a column for each attribute; strings, NaN where there is no label.
    attributes
        The columns that images are grouped by.
    beside
        All attributes of the data, if they are more.
    """
    found = {}
    every = attributes if beside is None else beside
    for name in attributes:
        column = frame[name].dropna()
        notes = [f"The column {name} is empty: it divides no images."] if column.empty else []
        notes += [*_namesakes(name, attributes, every), *_capitals(name, column)]
        notes += [*_identifier(name, column), *_output(name)]
        if notes:
            found[name] = notes
    return found


def with_attribute_notes(known: Described) -> DataCard:
    """The card with the notes on all attributes."""
    notes = attribute_notes(known.frame, known.attributes)
    return replace(known.card, notes=(*known.card.notes, *(one for some in notes.values() for one in some)))


def _namesakes(name: str, attributes: Sequence[str], every: Sequence[str]) -> list[str]:
    """Attributes of the same plain name, but for those that were told of it already."""
    told = attributes[: attributes.index(name)]
    return [
        f"The columns {name} and {other} differ in capitals, blanks or hyphens only and stay two attributes."
        for other in every
        if other != name and other not in told and plain_name(other) == plain_name(name)
    ]


def _capitals(name: str, column: pd.Series) -> list[str]:
    words: dict[str, list[str]] = {}
    for value in sorted(column.unique()):
        words.setdefault(value.casefold(), []).append(value)
    pairs = [" and ".join(same) for same in words.values() if len(same) > 1]
    return [f"Groups of {name} that differ in capitals only are kept apart: {pairs[0]}."] if pairs else []


def _identifier(name: str, column: pd.Series) -> list[str]:
    """A column whose values hardly repeat divides the images into no groups."""
    n_values = column.nunique()
    if len(column) < FEWEST or n_values < len(column) / 2:
        return []
    return [
        f"The column {name} has {n_values:,} values in {len(column):,} images, like an identifier or a "
        "measurement: no groups can be compared by it."
    ]


def _output(name: str) -> list[str]:
    if not OUTPUTS.fullmatch(name.lower()):
        return []
    return [
        f"The column {name} reads like something a model says of an image; here it counts as an attribute."
    ]
