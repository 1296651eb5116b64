"""What an owner of data should know of columns that were taken for attributes because no card chose them."""

from __future__ import annotations

import re
from dataclasses import replace

import pandas as pd

from probes.datasets.cards import DataCard, Described

FEWEST = 20  # images below which an attribute that differs in every one is no surprise
OUTPUTS = re.compile(
    r"(is_)?correct|(is_)?wrong|hit|error|loss|confidence|certainty|prob(ability)?|score|logit"
)
"""Names of columns that a model writes, not an annotator."""


def with_attribute_notes(known: Described) -> DataCard:
    """The card with notes on values that differ in capitals, on identifiers and on columns of a model."""
    notes: list[str] = []
    for name in known.attributes:
        column = known.frame[name].dropna()
        notes += [*_capitals(name, column), *_identifier(name, column), *_output(name)]
    return replace(known.card, notes=(*known.card.notes, *notes))


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
