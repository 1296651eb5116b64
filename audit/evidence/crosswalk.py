"""Which table of an audit answers which question of a regulation or standard, and what is not measured.

A help for those who write such documents. Nothing here is legal advice, and no figure is a legal test.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from audit.result import AuditResult
from audit.tables.groups.group_counts import group_attributes
from audit.tables.primary import of_specification, primary_specification
from probes.records import ALL

SMALL_CATEGORY: Final = 0.02
"""NYC rules, section 5-301 (c): a category below 2 % of the data may be left out of the ratios."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """One question of a document, and where the audit answers it.

    Attributes
    ----------
    answered
        Table and columns; "" if the audit does not measure it.
    """

    source: str
    asks: str
    answered: str
    note: str = ""


QUESTIONS: Final = (
    Question(source="NYC Local Law 144", asks="Selection rate of every sex, race and intersection",
             answered="rates: n, count, rate", note="of the outcome that stands for a selection"),
    Question(source="NYC Local Law 144", asks="Impact ratio against the most selected category",
             answered="impact_ratios.csv", note="an image classifier selects nobody: use only if it does so"),
    Question(source="NYC Local Law 144", asks="Number of people of unknown category",
             answered="excluded: reason, n"),
    Question(source="NYC Local Law 144", asks="Source and date of the data", answered="manifest: data",
             note="the date of collection is not recorded"),
    Question(source="EU AI Act, Annex IV 2(g)",
             asks="Metrics for accuracy, robustness and potentially discriminatory impacts; test logs",
             answered="accuracy, gaps, findings, specifications, run.json",
             note="dates and signatures of responsible persons: see the sign-off"),
    Question(source="EU AI Act, Annex IV 3", asks="Degrees of accuracy for specific persons or groups",
             answered="accuracy and rates by group, with 95 % intervals"),
    Question(source="EU AI Act, Annex IV 3", asks="Foreseeable unintended outcomes and sources of risk",
             answered="findings, excluded", note="risk of the use itself is not measured"),
    Question(source="ISO/IEC TR 24027", asks="Metrics of bias: demographic parity, equality of opportunity",
             answered="gaps: difference, ratio by outcome", note="calibration by group is not measured"),
    Question(source="ISO/IEC TR 24027", asks="Human cognitive bias, data collection bias",
             answered="manifest: data (label_provenance, labelled_by, confounding)"),
    Question(source="NIST AI RMF MEASURE 2.11", asks="Fairness and bias are evaluated and documented",
             answered="gaps, findings, composition, controlled"),
    Question(source="NIST AI RMF MEASURE 2.11", asks="Harms of denigration, stereotyping, quality of service",
             answered="rates of the harmful outcomes; accuracy by group",
             note="harms in use are not measured"),
    Question(source="all", asks="Effects on the persons concerned, after deployment", answered="",
             note="not measured: an audit of a model is no audit of its use"),
)  # fmt: skip


def crosswalk_table() -> pd.DataFrame:
    """Return the questions as a table: source, question, where it is answered, note."""
    rows = [(one.source, one.asks, one.answered or "not measured", one.note) for one in QUESTIONS]
    return pd.DataFrame(rows, columns=["source", "question", "answered_by", "note"])


def impact_ratios(result: AuditResult) -> pd.DataFrame:
    """Return every group's rate over that of the category with the highest rate, as NYC rules define it.

    Returns
    -------
    Columns probe, outcome, by, group, n, share, rate, impact_ratio, below_two_percent; in the specification
    that is told first. The ratio is NaN for a category below 2 % of the images and where the highest rate
    is 0; such a category is no reference either.

    Notes
    -----
    Rules of the City of New York, title 6, section 5-300, "impact ratio"; there is no pass mark.
    """
    names = group_attributes(result.rates)
    parts = []
    for probe in result.manifest["probes"]:
        primary = primary_specification(result.rates, probe=probe)
        if primary is None:
            continue
        rows = of_specification(result.rates, primary)
        for by in probe["groups"]:
            own = rows[[all((row[n] != ALL) == (n in by) for n in names) for row in rows.to_dict("records")]]
            parts += [_of_outcome(part, by) for _, part in own.groupby("outcome", sort=False)]
    columns = ["probe", "outcome", "by", "group", "n", "share", "rate", "impact_ratio", "below_two_percent"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def _of_outcome(part: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    share = part["n"] / part["n"].sum()
    small = share < SMALL_CATEGORY
    judged = part["rate"].where(~small)
    # Small categories are no reference: one image of four would set the highest rate.
    highest = judged.max()
    ratio = judged / highest if highest > 0 else judged * np.nan
    return pd.DataFrame(
        {
            "probe": part["probe"], "outcome": part["outcome"], "by": " x ".join(by),
            "group": part[by].agg(" x ".join, axis=1), "n": part["n"], "share": share, "rate": part["rate"],
            "impact_ratio": ratio, "below_two_percent": small,
        }
    )  # fmt: skip
