"""The verdict strip, the summary and the findings: what the page says first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from audit import formatting as fmt
from audit.report import components
from audit.report.sections.accuracy import overall_sentence
from audit.report.sections.designs_and_thresholds import across_designs
from audit.report.sections.rates_and_gaps import largest_gap, outcome_id
from audit.result import AuditResult


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
        css="inconclusive", icon="M9 9.2 a3 3 0 1 1 4.2 2.7 q-1.2 0.6 -1.2 2 M12 17 L12 17.2",
        word="INCONCLUSIVE",
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


def primary_rows(
    frame: pd.DataFrame, rates: pd.DataFrame, *, probes: Sequence[Mapping[str, Any]]
) -> pd.DataFrame:
    """Return the contrasts of people, of gaps or findings, in the way of asking that the page shows first."""
    people = frame[components.of_people(frame)]
    primaries = [components.primary_specification(rates, probe=probe) for probe in probes]
    kept = [components.of_specification(people, primary) for primary in primaries if primary is not None]
    return pd.concat(kept) if kept else people


def worst_contrast(result: AuditResult, *, probes: Sequence[Mapping[str, Any]]) -> dict[str, str] | None:
    """Return the contrast that the verdict strip names, in words.

    The largest finding in which the group fares worse than its reference, under the primary specification of
    a probe; else the largest difference there, said to be no finding. None where nothing was compared.
    """
    shown = primary_rows(result.findings, result.rates, probes=probes)
    harmful = shown[shown["difference"] > 0]
    chosen = largest_gap(harmful if len(harmful) else shown)
    low, high, remark = "low", "high", "As the largest of many it is likely to be overstated."
    if chosen is None:
        chosen = largest_gap(primary_rows(result.gaps, result.rates, probes=probes))
        low, high = "difference_low", "difference_high"
        remark = "It does not survive the correction for multiplicity."
    if chosen is None:
        return None
    probe = next(p for p in probes if p["name"] == chosen["probe"])
    outcome = next(o for o in probe["outcomes"] if o["name"] == chosen["outcome"])
    numbers = components.contrast_numbers(chosen, low=low, high=high)
    label = f"{probe['title']}, {fmt.words(outcome['title'])}"
    return {
        "head": "Largest disadvantage" if chosen["difference"] > 0 else "Largest difference",
        "sentence": f"{label}: {components.contrast(chosen)}, {numbers}. {remark}",
        "anchor": outcome_id(probe=probe["name"], outcome=outcome["name"]),
    }


def summary(result: AuditResult, *, probes: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Return the points under "What this audit found"."""
    found = [
        {"head": f"{probe['title']}, accuracy:", "text": sentence}
        for probe in probes
        if (sentence := overall_sentence(result.accuracy, probe=probe)) is not None
    ]
    found.append({"head": "Differences between groups:", "text": _differences(result, probes=probes)})
    found += [point for probe in probes for point in _harm(result.rates, probe=probe)]
    return [*found, {"head": "Left out:", "text": _left_out(result.excluded)}]


def _left_out(excluded: pd.DataFrame) -> str:
    by_probe = excluded.groupby(["probe", "reason"], sort=False)["n"].sum()
    most = by_probe.groupby("reason", sort=False).max()
    if not most.sum():
        return "nothing."
    reason, n = fmt.words(str(most.idxmax())), fmt.integer(most.max())
    return f"images for {len(most)} reasons, most often “{reason}” ({n} in one probe); all by group below."


def _differences(result: AuditResult, *, probes: Sequence[Mapping[str, Any]]) -> str:
    gaps = primary_rows(result.gaps, result.rates, probes=probes)
    findings = primary_rows(result.findings, result.rates, probes=probes)
    compared = int(gaps["difference"].notna().sum())
    detectable = fmt.points(gaps["smallest_detectable"].median()).lstrip("+")
    return (
        f"{len(findings)} of {compared} contrasts of people in the first way of asking remain after "
        f"correction. Half of the comparisons could have missed a difference of {detectable} points or less."
    )


def _harm(rates: pd.DataFrame, *, probe: Mapping[str, Any]) -> list[dict[str, str]]:
    names = components.attribute_columns({"probes": [probe]})
    shown = across_designs(rates, probe=probe)
    overall = shown[(shown[names] == components.ALL).all(axis=1)]
    points = []
    for outcome in probe["outcomes"]:
        rows = overall[overall["outcome"] == outcome["name"]]
        if outcome["harmful"] and len(rows):
            shares = [
                f"{fmt.percent(row['rate'])} ({fmt.percent_interval(row['low'], row['high'])}) with the "
                f"class design “{fmt.words(row['design'])}”"
                for row in rows.to_dict("records")
            ]
            head = f"{probe['title']}, {fmt.words(outcome['title'])}:"
            points.append({"head": head, "text": f"{'; '.join(shares)}."})
    return points
