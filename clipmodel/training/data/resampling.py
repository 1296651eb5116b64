"""The composition of the training data: rows of chosen combinations left out, or seen several times a pass.

Rows left out at a stated strength are bias on purpose: what a model makes of it is known in advance, which is
what statistics on bias are calibrated against. Rows repeated give a rare subject its share of the batches.

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
from clipmodel.yaml_models import StrictModel

LOG = logging.getLogger(__name__)


class RowsRecipe(StrictModel):
    """Which rows a rule is for; `where` a column has several values, any of them matches."""

    where: dict[str, list[str]] = Field(min_length=1, description="column: value or values; all must match")

    @field_validator("where", mode="before")
    @classmethod
    def _as_lists(cls, where: Any) -> Any:
        if not isinstance(where, dict):
            return where
        return {
            name: [str(value) for value in (values if isinstance(values, list) else [values])]
            for name, values in where.items()
        }


class ThinRecipe(RowsRecipe):
    """Leave out a share of the rows that match."""

    strength: float = Field(ge=0, le=1, description="share of the matching rows left out; 1: all of them")
    seed: int = Field(0, ge=0, description="which rows; apart from the run's, so that runs share their data")


class RepeatRecipe(RowsRecipe):
    """Show the rows that match more often than the others."""

    times: int = Field(ge=2, description="how often each of them is seen in a pass")


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
        Each one applies to all N rows; a row that any of them leaves out is gone.
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
    summary = []
    for rule in rules:
        matching = np.flatnonzero(_matches(frame, rule.where, what=f"{source}: data.thin"))
        draws = row_draws(frame.iloc[matching], seed=rule.seed)
        # Stable: rows with the same content have the same draw, and their order in the file decides.
        chosen = matching[np.argsort(draws, kind="stable")[: round(rule.strength * len(matching))]]
        gone[chosen] = True
        summary.append({**rule.model_dump(), "matched": len(matching), "left_out": len(chosen)})
        LOG.info("thinned %s: %d of %d rows left out", _words(rule.where), len(chosen), len(matching))
    if gone.all():
        raise UserError(f"no rows are left of {source!r} after data.thin", remedy="lower a strength")
    return frame[~gone], summary


def repeated(
    frame: pd.DataFrame, rules: Sequence[RepeatRecipe], *, source: str
) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """The rows, each as many times as the rules say, and what each rule did.

    Copies follow the rows in their order and keep their index. A row that several rules match is seen as
    often as the highest says.

    Parameters
    ----------
    frame
        The rows, N.
    rules
        Each one applies to all N rows.
    source
        The data's name, for messages.

    Returns
    -------
    tuple
        The frame, and for each rule {"where", "times", "matched"}.

    Raises
    ------
    UserError
        A column is absent, or a rule matches no row.
    """
    times = np.ones(len(frame), dtype=int)
    summary = []
    for rule in rules:
        matching = _matches(frame, rule.where, what=f"{source}: data.repeat")
        times[matching] = np.maximum(times[matching], rule.times)
        summary.append({**rule.model_dump(), "matched": int(matching.sum())})
    # The k-th block holds the rows seen more than k times, so the first N rows are the table itself.
    copies = [np.flatnonzero(times > number) for number in range(times.max(initial=1))]
    return frame.iloc[np.concatenate(copies)], summary


def row_draws(frame: pd.DataFrame, *, seed: int) -> np.ndarray:
    """A uniform number in [0, 1) a row, float64 [N], from the seed and everything the row holds."""
    columns = sorted(frame.columns)
    draws = np.empty(len(frame))
    for i, row in enumerate(frame[columns].itertuples(index=False, name=None)):
        # A hash, not a generator: the draw of a row does not depend on which other rows there are.
        digest = hashlib.blake2b(str(seed).encode(), digest_size=8)
        for name, value in zip(columns, row, strict=True):
            content = value if isinstance(value, bytes) else _text(value).encode()
            # The length stands in front of the content, so that no two rows can give one stream of bytes.
            digest.update(f"\0{name}\0{len(content)}\0".encode())
            digest.update(content)
        # 53 bits, the precision of a float64 in [0, 1).
        draws[i] = (int.from_bytes(digest.digest(), "little") >> 11) * 2.0**-53
    return draws


def _text(value: object) -> str:
    return "\x1f".join(map(str, value)) if isinstance(value, (list, tuple, np.ndarray)) else str(value)


def _matches(frame: pd.DataFrame, where: Mapping[str, Sequence[str]], *, what: str) -> np.ndarray:
    found = np.ones(len(frame), dtype=bool)
    for column, values in where.items():
        if column not in frame:
            remedy = f"columns: {', '.join(map(str, frame.columns))}"
            raise UserError(f"{what}: no column {column!r}", remedy=remedy)
        found &= np.array([_holds(cell, values) for cell in frame[column]], dtype=bool)
    if not found.any():
        raise UserError(
            f"{what}: no row matches {_words(where)}",
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
