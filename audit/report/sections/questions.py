"""The section that says what was asked: questions, words, class designs."""

from __future__ import annotations

from typing import Any, Final

from audit.report.section import ReportContext, Section
from audit.report.sections.method import question


def build(context: ReportContext) -> list[dict[str, Any]]:
    """Return each probe's question and words."""
    return [question(probe) for probe in context.probes]


SECTION: Final = Section(
    id="questions", title="What was asked", label="Questions", template="questions.html.j2", build=build
)
