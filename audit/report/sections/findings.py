"""The section on findings: in full those about people, and all of them as a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from audit import formatting as fmt
from audit.conclusions.confirmation import CONFIRMED, EXPLORED, NOT_CONFIRMED, NOT_TESTED
from audit.report import components
from audit.result import AuditResult

SHOWN = 12
"""Findings that the page says in full; the table has all."""


def findings_section(result: AuditResult) -> dict[str, Any]:
    """Return the findings about people, the widest first, and the table of all."""
    findings = result.findings
    people = components.of_people(findings)
    own = findings[people]
    crossed = own["by"].str.contains(" x ", regex=False)
    first = pd.concat([own[~crossed], own[crossed]]).head(SHOWN)
    usual = _usual(first["caution"])
    first = first.assign(caution=[_beyond(text, usual) for text in first["caution"]])
    first = first.assign(status=[_status_words(row) for row in first.to_dict("records")])
    shown = first[["id", "sentence", "status", "noise", "caution"]].to_dict("records")
    return {
        "lead": _lead(result, shown=len(shown)), "split": _split_words(result), "usual_caution": usual,
        "first": shown, "count": len(findings), "table": _table(findings),
    }  # fmt: skip


def _lead(result: AuditResult, *, shown: int) -> str:
    ways = fmt.integer(result.n_specifications)
    lead = (
        "A finding is a difference between groups whose family differs at all (an omnibus test first) and "
        f"which remains after Holm’s correction, in at least one of {ways} ways of asking; it says in how "
        "many. "
    )
    n = len(result.findings)
    if not n:
        nothing = "There is none here. That is no proof of equality: see the smallest detectable differences."
        return f"{lead}{nothing}"
    if shown == n:
        return f"{lead}Here are all {n}." if n > 1 else f"{lead}There is one."
    told = f"Of {n}, the {shown} widest about people are told here, by one attribute first"
    return f"{lead}{told}; all are in the table."


def _split_words(result: AuditResult) -> str:
    """Which findings are explored and which are confirmed."""
    split, status = result.manifest.get("confirmation"), result.findings["status"]
    if not split:
        return (
            "All findings are explored: the suite keeps no images apart to confirm them (“confirmation”). "
            "Read them as questions to ask of new images."
        )
    part = (
        f"{fmt.words(split['attribute'])} {fmt.words(' or '.join(split['values']))}"
        if split["attribute"]
        else f"a share of {fmt.percent(split['share'])}, drawn by cluster"
    )
    return (
        f"{fmt.integer(split['n_images'])} images ({part}) were kept apart and are in no other number of "
        f"this page. Each finding was tested on them once, in the way of asking it speaks of: "
        f"{(status == CONFIRMED).sum()} of {len(status)} are confirmed, {(status == NOT_CONFIRMED).sum()} "
        f"are not, {(status == NOT_TESTED).sum()} could not be tested."
    )


def _usual(cautions: pd.Series) -> str:
    """The sentences that most of the findings shown share."""
    if not len(cautions):
        return ""
    common = cautions.mode().iloc[0]
    return str(common) if (cautions == common).sum() > 1 else ""


def _beyond(caution: str, usual: str) -> str:
    """What a caution says that the usual one does not."""
    return "" if caution == usual else caution.replace(usual, "").strip() if usual else caution


def _second(row: Mapping[Any, Any]) -> list[str]:
    """What the images kept apart say of a finding."""
    return [
        row["status"], fmt.points(row["confirmation_difference"]),
        fmt.points_interval(row["confirmation_low"], row["confirmation_high"]),
        fmt.p_value(row["confirmation_p_adjusted"]),
    ]  # fmt: skip


def _status_words(row: Mapping[Any, Any]) -> str:
    """The status of a finding and the numbers behind it, for the list of findings."""
    status = {
        EXPLORED: "",
        NOT_TESTED: "Not tested again: too few images were kept apart.",
    }
    if row["status"] in status:
        return status[row["status"]]
    interval = fmt.points_interval(row["confirmation_low"], row["confirmation_high"])
    difference = fmt.points(row["confirmation_difference"])
    return (
        f"{row['status'].capitalize()} on the images kept apart: {difference} points "
        f"({interval}; n {fmt.integer(row['confirmation_n_group'])} against "
        f"{fmt.integer(row['confirmation_n_reference'])}; adjusted p "
        f"{fmt.p_value(row['confirmation_p_adjusted'])})."
    )


def _table(findings: pd.DataFrame) -> components.Table | None:
    if not len(findings):
        return None
    rows = [
        [
            str(row["id"]), row["probe"], fmt.words(row["outcome"]), components.contrast(row),
            components.asking(row),
            fmt.points(row["difference"]), fmt.points_interval(row["low"], row["high"]),
            fmt.integer(row["n_group"]), fmt.integer(row["n_reference"]), fmt.p_value(row["p_adjusted"]),
            f"{row['holds_in']} of {row['specifications']}",
            fmt.points_interval(row["difference_min"], row["difference_max"]),
            fmt.integer(row["wrong_labels"]), fmt.integer(row["wrong_truths"]), *_second(row),
        ]
        for row in findings.to_dict("records")
    ]  # fmt: skip
    columns = [
        *components.text_columns("Finding", "Probe", "Outcome", "Contrast", "Way of asking"),
        *components.number_columns("Difference, points", "95 % interval", "n", "n of reference", "Adjusted p",
                              "Holds in", "Over all ways", "Wrong labels that explain it",
                              "Wrong truths that explain it"),
        *components.text_columns("Status"),
        *components.number_columns("Difference when tested again", "95 % interval", "Adjusted p"),
    ]  # fmt: skip
    return components.Table(caption="All findings", columns=columns, rows=rows)
