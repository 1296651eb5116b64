"""Releases over time: every run of a series against the first one, by a gate that is looked at each time.

A gate at 5 % on every release is wrong, sooner or later, far more often than that: with 20 releases that
change nothing beyond the margin, in up to 64 % of series. The bounds here hold for all releases at once, for
any number of them and whenever one stops looking, so that the chance of ever failing a release wrongly stays
at 5 %, and so does that of ever passing one wrongly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd

from audit.comparison.compare import Comparison, compare, decisive_change, judged_changes, regression_verdict
from audit.conclusions.gates import CONFIDENCE
from audit.conclusions.verdict import NO_GATE
from audit.result import AuditResult
from audit.statistics.always_valid import error_of_look
from clipmodel.errors import UserError

RELEASE_COLUMNS: Final = (
    "release", "model", "fingerprint", "matched", "error", "verdict", "probe", "outcome", "by", "group",
    "n", "change", "low", "high", "sentence",
)  # fmt: skip
_NUMBERS: Final = ("error", "change", "low", "high")
_WHOLE: Final = ("release", "matched", "n")


@dataclass(frozen=True, kw_only=True, eq=False)
class Series:
    """A series of releases, each against the first.

    Attributes
    ----------
    releases
        Columns `RELEASE_COLUMNS`, one row per release after the first: its share of the error, its
        verdict, and the change that decided it, with limits that hold for all changes of all releases
        at once.
    comparisons
        Each release against the first: see `audit.comparison.compare`.
    verdict
        Of the last release; NO GATE without a margin.
    margin
        By how much a rate may rise; None without a gate.
    """

    releases: pd.DataFrame
    comparisons: tuple[Comparison, ...]
    verdict: str
    margin: float | None

    @property
    def last(self) -> Comparison:
        """The last release against the first."""
        return self.comparisons[-1]


def compare_series(results: Sequence[AuditResult], *, margin: float | None = None) -> Series:
    """Compare every later audit with the first one, on the images that both have.

    Parameters
    ----------
    results
        Two audits or more, in the order of the releases. Append a release and call again: what was said of
        earlier ones does not change.
    margin
        Gate on regressions, as in `compare`.

    Raises
    ------
    UserError
        Fewer than two audits, or one that cannot be compared with the first.
    """
    if len(results) < 2:
        raise UserError("one audit is no series", remedy="give the folders of two audits or more")
    first, rows, comparisons = results[0], [], []
    for look, later in enumerate(results[1:], start=1):
        error = error_of_look(look, error=1 - CONFIDENCE)
        comparison = compare(first, later)
        verdict, sentence = NO_GATE, ""
        if margin is not None:
            verdict, sentence = regression_verdict(comparison.changes, margin, first.manifest, error=error)
        decisive = decisive_change(judged_changes(comparison.changes, error=error), verdict)
        about = comparison.about["second"]
        rows.append(
            {**{name: decisive[name] for name in RELEASE_COLUMNS if name in decisive},
             "release": look, "model": about["model"], "fingerprint": about["fingerprint"],
             "matched": comparison.about["matched"], "error": error, "verdict": verdict,
             "sentence": sentence}
        )  # fmt: skip
        comparisons.append(comparison)
    dtypes = {
        name: "float64" if name in _NUMBERS else "int64" if name in _WHOLE else "str"
        for name in RELEASE_COLUMNS
    }
    table = pd.DataFrame(rows, columns=list(RELEASE_COLUMNS)).astype(dtypes)
    return Series(
        releases=table, comparisons=tuple(comparisons), verdict=str(table["verdict"].iloc[-1]), margin=margin
    )
