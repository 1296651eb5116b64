"""The section on what was left out, by reason and group."""

from __future__ import annotations

from typing import Any, Final

from audit.report.section import ReportContext, Section
from audit.report.sections.method import exclusions


def build(context: ReportContext) -> dict[str, Any]:
    """Return what was left out."""
    return exclusions(context.result.excluded, manifest=context.result.manifest)


SECTION: Final = Section(
    id="exclusions", title="What was left out", label="Left out", template="exclusions.html.j2", build=build
)
