"""The verdict strip, the summary and the findings: what the page says first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from audit import formatting as fmt
from audit.page import parts
from audit.page.accuracy import overall_sentence
from audit.page.outcomes import largest_gap, outcome_id
from audit.page.variants import across_designs

FINDINGS_SHOWN: Final = 8


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The strip at the top: an icon, a word and what it means."""

    css: str
    icon: str
    word: str
    meaning: str


_VERDICTS: Final = {
    "PASS": Verdict(
        css="pass", icon="M7 12.5 L10.5 16 L17 8.5", word="PASS",
        meaning="Every gate of the suite holds: each interval lies inside its margin.",
    ),
    "FAIL": Verdict(
        css="fail", icon="M8 8 L16 16 M16 8 L8 16", word="FAIL",
        meaning="At least one gate of the suite is broken: an interval lies beyond its margin.",
    ),
    "INCONCLUSIVE": Verdict(
        css="inconclusive", icon="M9 9.2 a3 3 0 1 1 4.2 2.7 q-1.2 0.6 -1.2 2 M12 17 L12 17.2", word="INCONCLUSIVE",
        meaning="No gate is broken, but at least one interval crosses its margin: the data cannot decide.",
    ),
    "NO GATE": Verdict(
        css="none", icon="M7.5 12 L16.5 12", word="NO GATE",
        meaning="The suite sets no gate, so this page passes or fails nothing: it reports what was measured.",
    ),
}  # fmt: skip


def verdict(word: str) -> Verdict:
    """Return the strip for a verdict of `AuditResult`."""
    return _VERDICTS[word]


def primary_rows(frame: pd.DataFrame, *, probes: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return the rows of every probe's primary specification, contrasts of people only."""
    people = frame[~frame["by"].str.split(" x ").map(lambda names: bool(parts.PICTURE_ATTRIBUTES & set(names)))]
    found = [(probe, parts.primary_specification(people, probe=probe)) for probe in probes]
    kept = [parts.of_specification(people, primary) for _, primary in found if primary is not None]
    return pd.concat(kept) if kept else people.iloc[:0]


def worst_contrast(
    findings: pd.DataFrame, gaps: pd.DataFrame, *, probes: Sequence[Mapping[str, Any]]
) -> dict[str, str] | None:
    """Return the contrast that the verdict strip names, in words.

    The largest finding in which the group fares worse than its reference, under the primary specification of
    a probe; else the largest difference there, said to be no finding. None where nothing was compared.
    """
    shown = primary_rows(findings, probes=probes)
    harmful = shown[shown["difference"] > 0]
    chosen = largest_gap(harmful if len(harmful) else shown)
    low, high, remark = "low", "high", "As the largest of many it is likely to be overstated."
    if chosen is None:
        chosen = largest_gap(primary_rows(gaps, probes=probes))
        low, high, remark = "difference_low", "difference_high", "It does not survive the correction for multiplicity."
    if chosen is None:
        return None
    probe = next(p for p in probes if p["name"] == chosen["probe"])
    outcome = next(o for o in probe["outcomes"] if o["name"] == chosen["outcome"])
    numbers = parts.contrast_numbers(chosen, low=low, high=high)
    label = f"{probe['title']}, {fmt.words(outcome['title'])}"
    return {
        "sentence": f"{label}: {parts.contrast(chosen)}, {numbers}. {remark}",
        "anchor": outcome_id(probe=probe["name"], outcome=outcome["name"]),
    }


def summary(result: Any, *, probes: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Return the points under "What this audit found"."""
    found = [
        {"head": f"{probe['title']}, accuracy:", "text": sentence}
        for probe in probes
        if (sentence := overall_sentence(result.accuracy, probe=probe)) is not None
    ]
    found.append({"head": "Differences between groups:", "text": _differences(result, probes=probes)})
    found += [point for probe in probes for point in _harm(result.rates, probe=probe)]
    left_out = int(result.excluded["n"].sum())
    text = f"{fmt.integer(left_out)} entries, by reason and group below." if left_out else "nothing."
    return [*found, {"head": "Left out:", "text": text}]


def _differences(result: Any, *, probes: Sequence[Mapping[str, Any]]) -> str:
    gaps, findings = primary_rows(result.gaps, probes=probes), primary_rows(result.findings, probes=probes)
    compared = int(gaps["difference"].notna().sum())
    detectable = fmt.points(gaps["smallest_detectable"].median()).lstrip("+")
    return (
        f"{len(findings)} of {compared} contrasts of people in the first way of asking remain after correction. "
        f"Half of the comparisons could have missed a difference of {detectable} points or less."
    )


def _harm(rates: pd.DataFrame, *, probe: Mapping[str, Any]) -> list[dict[str, str]]:
    names = parts.attribute_columns({"probes": [probe]})
    shown = across_designs(rates, probe=probe)
    overall = shown[(shown[names] == parts.ALL).all(axis=1)]
    points = []
    for outcome in probe["outcomes"]:
        rows = overall[overall["outcome"] == outcome["name"]]
        if outcome["harmful"] and len(rows):
            texts = [
                f"{fmt.percent(r.rate)} ({fmt.percent_interval(r.low, r.high)}) under {fmt.words(r.design)}"
                for r in rows.itertuples()
            ]
            points.append({"head": f"{fmt.words(outcome['title'])}:", "text": "; ".join(texts) + "."})
    return [{"head": f"{probe['title']},", "text": f"{p['head']} {p['text']}"} for p in points]


def findings_section(findings: pd.DataFrame, *, probes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the findings of the primary specifications in full and all of them as a table."""
    order = primary_rows(findings, probes=probes)
    order = order.loc[order["difference"].abs().sort_values(ascending=False, kind="stable").index]
    lead = (
        "A finding is a difference whose family of groups differs at all (an omnibus test first) and which remains "
        "after Holm’s correction. "
    )
    if not len(findings):
        lead += "There is none here. That is no proof of equality: see the smallest detectable differences."
    else:
        lead += (
            f"There are {len(findings)}; the {min(len(order), FINDINGS_SHOWN)} largest about people in the first way of "
            "asking come first, the rest is in the table."
        )
    first = [_finding(row) for row in order.head(FINDINGS_SHOWN).to_dict("records")]
    return {"lead": lead, "first": first, "count": len(findings), "table": _table(findings)}


def _finding(row: Mapping[str, Any]) -> dict[str, str]:
    return {
        "sentence": row["sentence"], "caution": row["caution"], "where": f"Asked as: {parts.asking(row)}.",
        "evidence": f"{parts.contrast_numbers(row, low='low', high='high')}.",
    }  # fmt: skip


def _table(findings: pd.DataFrame) -> parts.Table | None:
    if not len(findings):
        return None
    rows = [
        [
            str(row["id"]), row["probe"], fmt.words(row["outcome"]), parts.asking(row), parts.contrast(row),
            fmt.points(row["difference"]), fmt.points_interval(row["low"], row["high"]),
            fmt.integer(row["n_group"]), fmt.integer(row["n_reference"]), fmt.p_value(row["p_adjusted"]),
        ]
        for row in findings.to_dict("records")
    ]  # fmt: skip
    columns = [
        *parts.text_columns("Finding", "Probe", "Outcome", "Way of asking", "Contrast"),
        *parts.number_columns("Difference, points", "95 % interval", "n", "n of reference", "Adjusted p"),
    ]
    return parts.Table(caption="All findings", columns=columns, rows=rows)
