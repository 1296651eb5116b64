"""Bias on purpose: rows of chosen combinations are left out of the training data, at a stated strength.

What a model makes of it is known in advance, which is what statistics on bias are calibrated against.

Shapes: N rows.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from pydantic import Field, field_validator

from clipmodel.errors import UserError
from clipmodel.yamlfile import StrictModel

LOG = logging.getLogger(__name__)


class ThinRecipe(StrictModel):
    """Leave out a share of the rows that match; `where` a column has several values, any of them matches."""

    where: dict[str, list[str]] = Field(min_length=1, description="column: value or values; all must match")
    strength: float = Field(ge=0, le=1, description="share of the matching rows left out; 1: all of them")
    seed: int = Field(0, ge=0, description="which rows; apart from the run's, so that runs share their data")

    @field_validator("where", mode="before")
    @classmethod
    def _as_lists(cls, where: Any) -> Any:
        if not isinstance(where, dict):
            return where
        return {
            name: [str(value) for value in (values if isinstance(values, list) else [values])]
            for name, values in where.items()
        }


def thinned(
    frame: pd.DataFrame, rules: Sequence[ThinRecipe], *, source: str
) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """The rows that are left, and what each rule did.

    A rule leaves out the given share of its rows, rounded to whole ones: those with the smallest draws. A
    draw is a hash of the row and the rule's seed, so it depends neither on the order of the rows nor on the
    strength, and a stronger rule leaves out every row that a weaker one does.

    Parameters
    ----------
    frame
        The rows, N.
    rules
        Each one looks at all N rows; a row that any of them leaves out is gone.
    source
        The data's name, for messages.

    Returns
    -------
    tuple
        The frame, and for each rule {"where", "strength", "seed", "matched", "left_out"}.

    Raises
    ------
    UserError
        A column is absent, a rule matches no row, or no row is left.
    """
    gone = np.zeros(len(frame), dtype=bool)
    account = []
    for rule in rules:
        matching = np.flatnonzero(_matches(frame, rule.where, source=source))
        draws = row_draws(frame.iloc[matching], seed=rule.seed)
        chosen = matching[np.argsort(draws, kind="stable")[: round(rule.strength * len(matching))]]
        gone[chosen] = True
        account.append({**rule.model_dump(), "matched": len(matching), "left_out": len(chosen)})
        LOG.info("thinned %s: %d of %d rows left out", _words(rule.where), len(chosen), len(matching))
    if gone.all():
        raise UserError(f"no rows are left of {source!r} after data.thin", remedy="lower a strength")
    return frame[~gone], account


def row_draws(frame: pd.DataFrame, *, seed: int) -> np.ndarray:
    """A uniform number in [0, 1) a row, float64 [N], from the seed and everything the row holds."""
    columns = sorted(frame.columns)
    draws = np.empty(len(frame))
    for i, row in enumerate(frame[columns].itertuples(index=False, name=None)):
        digest = hashlib.blake2b(str(seed).encode(), digest_size=8)
        for name, value in zip(columns, row, strict=True):
            content = value if isinstance(value, bytes) else _text(value).encode()
            digest.update(f"\0{name}\0{len(content)}\0".encode())
            digest.update(content)
        draws[i] = (int.from_bytes(digest.digest(), "little") >> 11) * 2.0**-53
    return draws


def _text(value: object) -> str:
    return "\x1f".join(map(str, value)) if isinstance(value, (list, tuple, np.ndarray)) else str(value)


def _matches(frame: pd.DataFrame, where: Mapping[str, Sequence[str]], *, source: str) -> np.ndarray:
    found = np.ones(len(frame), dtype=bool)
    for column, values in where.items():
        if column not in frame:
            remedy = f"columns: {', '.join(map(str, frame.columns))}"
            raise UserError(f"{source}: no column {column!r} (data.thin)", remedy=remedy)
        found &= np.array([_holds(cell, values) for cell in frame[column]], dtype=bool)
    if not found.any():
        raise UserError(
            f"{source}: no row matches {_words(where)} (data.thin)",
            remedy="; ".join(f"{column}: {_levels(frame[column])}" for column in where),
        )
    return found


def _holds(cell: object, values: Sequence[str]) -> bool:
    if isinstance(cell, (list, tuple, np.ndarray)):
        return any(str(item) in values for item in cell)
    return str(cell) in values


def _levels(column: pd.Series) -> str:
    levels = sorted({str(item) for item in column.explode().dropna()})
    return ", ".join(levels[:20]) + (", ..." if len(levels) > 20 else "")


def _words(where: Mapping[str, Sequence[str]]) -> str:
    return " and ".join(f"{column} {' or '.join(values)}" for column, values in where.items())
