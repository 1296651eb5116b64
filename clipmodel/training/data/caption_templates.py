"""Captions made on the fly from the columns of a table, and the facts each caption states.

A template such as "{a} {occupation} with {skin_tone} skin" is filled from a row. Every column it uses is
a fact (column, value). Another image in the batch that has all the facts of a caption is described by
it as well, so it is no negative for that caption: `CaptionTable.also_described` finds those pairs.

Shapes: N rows of the table, F facts, B rows of a batch.
"""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from clipmodel.inputs.articles import article

ABSENT = ("none", "")  # values that state nothing


@dataclass(frozen=True, kw_only=True)
class CaptionTemplate:
    """One way to caption a row."""

    text: str  # slots are columns; {a} is the article of the word after it
    when: Mapping[str, str]  # the row must have these values; they are facts of the caption too
    weight: float = 1.0  # relative to the other templates that fit the row
    any_colour: bool = False  # says nothing of colour, so the image may be recoloured at will

    @property
    def columns(self) -> list[str]:
        names = [name for _, name, _, _ in string.Formatter().parse(self.text) if name]
        return [name for name in names if name != "a"]


@dataclass(frozen=True)
class Caption:
    text: str
    facts: tuple[int, ...]
    any_colour: bool = False


def add_articles(text: str) -> str:
    """Replace each "{a}" left in a text by "a" or "an", by the sound of the word that follows it."""
    words = text.split()
    for i, word in enumerate(words[:-1]):
        if word == "{a}":
            # After filling: the article depends on the word that the slot received.
            words[i] = article(words[i + 1])
    return " ".join(words)


class CaptionTable:
    """Caption sampler over the rows of a table.

    Parameters
    ----------
    frame
        One row per image. List columns give one value drawn at random; strings are used as they are.
    templates
        Ways to caption; those whose columns are all present in a row fit it.

    Raises
    ------
    ValueError
        A template names a column the table lacks, or a row fits no template.
    """

    def __init__(self, frame: pd.DataFrame, templates: Sequence[CaptionTemplate]) -> None:
        columns = {name for template in templates for name in (*template.columns, *template.when)}
        if missing := sorted(columns - set(frame.columns)):
            raise ValueError(f"caption templates name columns the data lacks: {', '.join(missing)}")
        self._templates = list(templates)
        self._values = {name: [_as_list(value) for value in frame[name]] for name in sorted(columns)}
        self._fact_ids: dict[tuple[str, str], int] = {}
        self._has = self._fact_matrix(len(frame))
        self._fitting = [self._templates_for(row) for row in range(len(frame))]
        if empty := [row for row, fitting in enumerate(self._fitting) if not len(fitting[0])]:
            raise ValueError(f"{len(empty)} rows fit no caption template, the first is row {empty[0]}")

    def _fact_matrix(self, n_rows: int) -> np.ndarray:
        pairs = []
        for column, rows in self._values.items():
            for row, values in enumerate(rows):
                for value in values:
                    fact = self._fact_ids.setdefault((column, value), len(self._fact_ids))
                    pairs.append((row, fact))
        has = np.zeros((n_rows, len(self._fact_ids)), dtype=bool)
        if pairs:
            has[tuple(np.array(pairs).T)] = True
        return has

    def _templates_for(self, row: int) -> tuple[np.ndarray, np.ndarray]:
        fits = [
            i
            for i, template in enumerate(self._templates)
            if all(self._values[name][row] for name in template.columns)
            and all(value in self._values[name][row] for name, value in template.when.items())
        ]
        weights = np.array([self._templates[i].weight for i in fits])
        return np.array(fits, dtype=int), weights / weights.sum() if len(weights) else weights

    def sample(self, row: int, rng: np.random.Generator) -> Caption:
        """One caption of a row, drawn by the templates' weights."""
        fits, weights = self._fitting[row]
        template = self._templates[fits[rng.choice(len(fits), p=weights)]]
        chosen = {name: self._draw(self._values[name][row], rng) for name in template.columns}
        stated = {**template.when, **chosen}
        text = add_articles(template.text.format_map({"a": "{a}", **chosen}))
        facts = tuple(self._fact_ids[item] for item in stated.items())
        return Caption(text, facts, template.any_colour)

    @staticmethod
    def _draw(values: Sequence[str], rng: np.random.Generator) -> str:
        return values[0] if len(values) == 1 else values[int(rng.integers(len(values)))]

    def described(self, captions: Sequence[Caption]) -> np.ndarray:
        """[N, len(captions)] bool: row i has all the facts that caption j states, its own included."""
        return np.stack([self._has[:, caption.facts].all(axis=1) for caption in captions], axis=1)

    def also_described(
        self, rows: np.ndarray, captions: Sequence[Caption], part: slice = slice(None)
    ) -> np.ndarray:
        """[B, B] bool: image i, other than j's own, has all the facts that caption j states.

        With `part` only those of its images, against all captions.
        """
        images = np.arange(len(rows))[part]
        has = self._has[rows[images]]
        described = np.stack([has[:, caption.facts].all(axis=1) for caption in captions], axis=1)
        # A caption always describes its own image, and that pair is the positive.
        described[np.arange(len(images)), images] = False
        return described


def _as_list(value: object) -> list[str]:
    # pandas reads an empty cell as NaN, which is a float.
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return []
    items = [str(item) for item in value] if isinstance(value, (list, tuple, np.ndarray)) else [str(value)]
    return [item for item in items if item not in ABSENT]
