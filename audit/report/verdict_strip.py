"""The verdict strip: an icon, a word, which gate decided it, and what to do next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from audit.result import AuditResult


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The strip at the top: an icon, a word, what it means and what decided it."""

    css: str
    icon: str
    word: str
    meaning: str
    reasons: Sequence[str] = ()
    next_step: str = ""


_VERDICTS: Final = {
    "PASS": Verdict(
        css="pass", icon="M7 12.5 L10.5 16 L17 8.5", word="PASS",
        meaning="Every gate of the suite is met: each interval lies inside its margin.",
    ),
    "FAIL": Verdict(
        css="fail", icon="M8 8 L16 16 M16 8 L8 16", word="FAIL",
        meaning="The model misses a requirement of the suite: an interval lies wholly beyond its margin.",
        next_step="Look at the failing contrast, change the model or its data, and audit it again.",
    ),
    "INCONCLUSIVE": Verdict(
        css="inconclusive", icon="M9 9.2 a3 3 0 1 1 4.2 2.7 q-1.2 0.6 -1.2 2 M12 17 L12 17.2",
        word="INCONCLUSIVE",
        meaning="No gate failed, but at least one interval crosses its margin: the data cannot decide.",
        next_step="Audit more images of the groups concerned.",
    ),
    "NO GATE": Verdict(
        css="none", icon="M7.5 12 L16.5 12", word="NO GATE",
        meaning="The suite sets no gate, so nothing passes or fails: the report says what was measured.",
    ),
}  # fmt: skip
REASONS_SHOWN: Final = 3


def verdict(word: str) -> Verdict:
    """Return the strip for a verdict of `AuditResult`."""
    return _VERDICTS[word]


def verdict_of(result: AuditResult) -> Verdict:
    """Return the strip of an audit: with the names of the gates that decided it."""
    strip, gates = verdict(result.verdict), result.gates
    decided = gates[gates["verdict"] == result.verdict] if result.verdict != "PASS" else gates.iloc[:0]
    reasons = [f"{row['name']}: {row['sentence']}" for row in decided.head(REASONS_SHOWN).to_dict("records")]
    more = len(decided) - len(reasons)
    return replace(strip, reasons=[*reasons, *([f"and {more} more gates, below"] if more > 0 else [])])
