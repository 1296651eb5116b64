"""Training rows balanced over combinations of columns: caps, and weights that make the columns independent.

Both act on how often a row is seen in a pass. A cap is what query balancing does with captions (Xu et al.
2024, MetaCLIP), here over columns of a table. Weights are those of Kamiran & Calders 2012, section 5.2, as a
resampling: a contrastive loss compares the pairs of a batch with each other, so that a row which is to count
twice is shown twice.

Shapes: N rows.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from clipmodel.errors import UserError
from clipmodel.training.data.resampling import row_draws
from clipmodel.yaml_models import StrictModel

__all__ = ["CapRecipe", "ReweighRecipe", "capped", "independence_weights", "reweighed"]

LOG = logging.getLogger(__name__)
MISSING = "(missing)"


class CapRecipe(StrictModel):
    """Keep at most so many rows of each combination of some columns."""

    by: list[str] = Field(min_length=1, description="columns; a missing value is a value of its own")
    most: int = Field(ge=1, description="rows that are kept of a combination")
    seed: int = Field(0, ge=0, description="which rows; apart from the run's, so that runs share their data")


class ReweighRecipe(StrictModel):
    """Show rows as often as makes the columns independent of each other in what is seen."""

    by: list[str] = Field(min_length=2, description="columns; a missing value is a value of its own")
    seed: int = Field(0, ge=0, description="which rows are seen once more than others of their combination")


def capped(
    frame: pd.DataFrame, rules: Sequence[CapRecipe], *, source: str
) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """The rows that are left, and what each rule did.

    Of a combination with more rows than the cap those with the smallest draws are kept, so that a lower cap
    keeps a part of what a higher one keeps (`resampling.row_draws`).

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
        The frame, and for each rule {"by", "most", "seed", "combinations", "left_out"}.

    Raises
    ------
    UserError
        A column is absent.
    """
    gone = np.zeros(len(frame), dtype=bool)
    summary = []
    for rule in rules:
        code = _combinations(frame, rule.by, what=f"{source}: data.cap")
        # lexsort goes by its last key first: by combination, then by draw.
        order = np.lexsort((row_draws(frame, seed=rule.seed), code))
        place = np.empty(len(frame), dtype=np.int64)
        starts = np.searchsorted(code[order], code[order])
        place[order] = np.arange(len(frame)) - starts
        out = place >= rule.most
        gone |= out
        told = {"combinations": int(code.max(initial=-1)) + 1, "left_out": int(out.sum())}
        summary.append({**rule.model_dump(), **told})
        LOG.info("capped %s at %d: %d rows left out", " x ".join(rule.by), rule.most, told["left_out"])
    return frame[~gone], summary


def reweighed(
    frame: pd.DataFrame, rule: ReweighRecipe | None, *, source: str
) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """The rows, repeated as their weights say, and what the rule did.

    A row of weight w is seen floor(w) times, or once more: its draw decides, so that the mean over rows is w
    and a row of weight below 1 may be left out. Copies keep their index.

    Parameters
    ----------
    frame
        The rows, N.
    rule
        None leaves them as they are.
    source
        The data's name, for messages.

    Returns
    -------
    tuple
        The frame, and [{"by", "seed", "least", "most", "left_out"}]: the smallest and the largest weight, and
        rows that are not seen; [] without a rule.

    Raises
    ------
    UserError
        A column is absent.
    """
    if rule is None:
        return frame, []
    columns = [_combinations(frame, [name], what=f"{source}: data.reweigh") for name in rule.by]
    weight = independence_weights(columns)
    times = np.floor(weight + row_draws(frame, seed=rule.seed)).astype(np.int64)
    told = {
        "least": float(weight.min(initial=np.inf)), "most": float(weight.max(initial=0.0)),
        "left_out": int((times == 0).sum()),
    }  # fmt: skip
    LOG.info("reweighed %s: weights %.2f to %.2f", " x ".join(rule.by), told["least"], told["most"])
    copies = [np.flatnonzero(times > number) for number in range(times.max(initial=1))]
    return frame.iloc[np.concatenate(copies)], [{**rule.model_dump(), **told}]


def independence_weights(columns: Sequence[NDArray[np.int64]]) -> NDArray[np.float64]:
    """[N] weights under which the columns are independent and keep their margins.

    w = product of the columns' shares of the row's values / share of the row's combination. The weights of
    all rows sum to N if every combination of values occurs, and to less if some do not.

    Parameters
    ----------
    columns
        Codes [N] of each column.

    Examples
    --------
    Two of four rows are (0, 0), which has 1/2 and should have 1/2 x 3/4:

    >>> independence_weights([np.array([0, 0, 1, 1]), np.array([0, 0, 0, 1])]).tolist()
    [0.75, 0.75, 1.5, 0.5]
    """
    n = len(columns[0])
    product = np.ones(n)
    for code in columns:
        product *= np.bincount(code)[code] / n
    # NumPy 2.0 alone returns the inverse of an axis in two dimensions; ravel makes it one everywhere.
    joint = np.unique(np.stack(columns), axis=1, return_inverse=True)[1].ravel()
    return np.asarray(product / (np.bincount(joint)[joint] / n), dtype=np.float64)


def _combinations(frame: pd.DataFrame, by: Sequence[str], *, what: str) -> NDArray[np.int64]:
    """[N] code of the combination of values of each row."""
    for column in by:
        if column not in frame:
            remedy = f"columns: {', '.join(map(str, frame.columns))}"
            raise UserError(f"{what}: no column {column!r}", remedy=remedy)
    # ngroup numbers no row with a missing value, so a missing value is written out first.
    values = frame[list(by)].astype("object").where(frame[list(by)].notna(), MISSING).astype(str)
    return np.asarray(values.groupby(list(by), sort=True).ngroup(), dtype=np.int64)
