"""The section that says how to read the report, how many comparisons were made, and what not to claim."""

from __future__ import annotations

from typing import Any, Final

from audit.report.section import ReportContext, Section
from audit.report.sections.method import LIMITS, multiplicity


def build(context: ReportContext) -> dict[str, Any]:
    """Return the statement on multiplicity, the limits and the smallest group."""
    result = context.result
    return {
        "min_group": result.manifest["min_group"],
        "multiplicity": multiplicity(result.gaps, result.findings, n_specifications=result.n_specifications),
        "limits": LIMITS,
    }


SECTION: Final = Section(
    id="reading", title="How to read this", label="Reading", template="reading.html.j2", build=build
)
