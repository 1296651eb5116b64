"""Which images support a cell: those in which an outcome happened, or on which two answers disagree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import pandas as pd

from audit.formatting import words
from audit.result import AuditResult
from audit.tables.groups.joint_outcomes import specification_list
from clipmodel.errors import UserError
from probes.records import DID_NOT, HAPPENED, NOT_EVALUATED
from probes.rules.rule_registry import rule_words

SHOWN: Final = ("happened", "did not happen", "disagree")


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A cell of an audit.

    Attributes
    ----------
    probe, outcome
        Names in the manifest.
    specification
        Place in the probe's `specifications`.
    other
        For "disagree": place of the other specification, or of the same one in another audit.
    show
        One of `SHOWN`.
    groups
        Attribute -> value; images of every group without one.
    """

    probe: str
    outcome: str
    specification: int = 0
    other: int = 0
    show: str = "happened"
    groups: Mapping[str, str] = field(default_factory=dict)


def specifications_of(probe: Mapping[str, Any]) -> list[str]:
    """Return the specifications of a probe in words, in the order of `specifications`."""
    return [
        f"{words(row['design'])}, {words(row['template'])}, "
        f"{rule_words(row['rule'], _number(row['threshold']))}"
        for row in specification_list(probe).to_dict("records")
    ]


def chosen_images(result: AuditResult, choice: Choice, *, against: AuditResult | None = None) -> pd.DataFrame:
    """Return the images of a cell: their rows of `AuditResult.outcomes`, in the order of the audit.

    Parameters
    ----------
    against
        Another audit of the same images: "disagree" compares the two in one specification.

    Raises
    ------
    UserError
        The audit keeps no outcomes of images, or has no such probe, outcome, specification or group.
    """
    rows = _outcomes(result, choice)
    for attribute, value in choice.groups.items():
        if attribute not in rows:
            raise UserError(f"the probe has no attribute {attribute!r}", remedy="choose one of the page")
        rows = rows[rows[attribute].astype(str) == value]
    characters = _bits(rows, choice.specification)
    if choice.show != "disagree":
        return rows[characters == (HAPPENED if choice.show == "happened" else DID_NOT)]
    if against is None:
        others = _bits(rows, choice.other)
    else:
        known = _outcomes(against, choice).drop_duplicates("image").set_index("image")
        known = known.assign(character=_bits(known, choice.specification))
        others = rows["image"].map(known["character"]).fillna(NOT_EVALUATED)
    # An image that one of the two did not evaluate cannot disagree.
    both = (characters != NOT_EVALUATED) & (others != NOT_EVALUATED)
    return rows[both & (characters != others)]


def _outcomes(result: AuditResult, choice: Choice) -> pd.DataFrame:
    if result.outcomes is None or not len(result.outcomes):
        raise UserError(
            "the audit holds no outcomes of single images (outcomes.parquet)",
            remedy="run it again, and keep the whole folder",
        )
    rows = result.outcomes
    rows = rows[(rows["probe"] == choice.probe) & (rows["outcome"] == choice.outcome)]
    if not len(rows):
        raise UserError(
            f"the audit has no outcome {choice.outcome!r} of the probe {choice.probe!r}",
            remedy="see clip-audit show RUN rates",
        )
    return rows


def _bits(rows: pd.DataFrame, place: int) -> pd.Series:
    if len(rows) and not 0 <= place < len(str(rows["outcome_bits"].iloc[0])):
        raise UserError(f"the probe has no specification {place}", remedy="choose one of the page")
    # One character for each specification.
    return rows["outcome_bits"].astype(str).str[place]


def _number(value: float) -> float | None:
    return None if pd.isna(value) else value
